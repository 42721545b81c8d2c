"""Validation by the engine's own rules, in fewer steps.

`graphql.validate` looks at every node of a document, at names too, and again at all of them for variables; it knows a
definition again by reading all of it; and it asks what cannot be the matter with most documents, such as whether fields
overlap where none has a namesake. Two thirds of the time for a document of 1,000 tokens go there, and that time is what
somebody gets of us who sends such a document with an error at its end. Rules and errors are the engine's; a test
compares them.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

from graphql import (
    ArgumentNode,
    ASTValidationRule,
    DeferStreamDirectiveLabel,
    DeferStreamDirectiveOnRootField,
    DeferStreamDirectiveOnValidOperationsRule,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FieldsOnCorrectTypeRule,
    FragmentDefinitionNode,
    FragmentsOnCompositeTypesRule,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    KnownArgumentNamesRule,
    KnownDirectivesRule,
    KnownFragmentNamesRule,
    KnownTypeNamesRule,
    ListValueNode,
    MaxIntrospectionDepthRule,
    NoFragmentCyclesRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    ObjectValueNode,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    ParallelVisitor,
    PossibleFragmentSpreadsRule,
    SelectionSetNode,
    StreamDirectiveOnListField,
    TypeInfo,
    TypeInfoVisitor,
    UniqueDirectivesPerLocationRule,
    UniqueFragmentNamesRule,
    ValidationContext,
    ValueNode,
    ValuesOfCorrectTypeRule,
    VariableNode,
    VariablesInAllowedPositionRule,
    Visitor,
    get_named_type,
    specified_rules,
    visit,
)
from graphql.language.ast import QUERY_DOCUMENT_KEYS
from graphql.validation.validation_context import NodeWithSelectionSet, VariableUsage, VariableUsageVisitor
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from membership.graph.operations.limits import definition_of

RULES: Final = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
_OF_VARIABLES: Final = frozenset({NoUndefinedVariablesRule, NoUnusedVariablesRule, VariablesInAllowedPositionRule})
_OF_FRAGMENTS: Final = frozenset(
    {
        FragmentsOnCompositeTypesRule,
        KnownFragmentNamesRule,
        NoFragmentCyclesRule,
        NoUnusedFragmentsRule,
        PossibleFragmentSpreadsRule,
        UniqueFragmentNamesRule,
    }
)
_OF_DIRECTIVES: Final = frozenset(
    {
        DeferStreamDirectiveLabel,
        DeferStreamDirectiveOnRootField,
        DeferStreamDirectiveOnValidOperationsRule,
        KnownDirectivesRule,
        StreamDirectiveOnListField,
        UniqueDirectivesPerLocationRule,
    }
)
_SUGGESTING: Final = (FieldsOnCorrectTypeRule, KnownArgumentNamesRule, KnownTypeNamesRule, ValuesOfCorrectTypeRule)
# No rule asks for names by themselves: they read them of the nodes that have them.
_KEYS: Final = {
    kind: tuple(key for key in keys if key not in ("name", "alias", "description"))
    for kind, keys in QUERY_DOCUMENT_KEYS.items()
}

Rule: TypeAlias = type[ASTValidationRule]


@dataclass(frozen=True, slots=True)
class Traits:
    """What a document may have that some rules are about: fields that share a name in one place, variables that are
    declared or used, directives, fragments, introspection."""

    namesakes: bool = True
    variables: bool = True
    directives: bool = True
    fragments: bool = True
    introspection: bool = True

    @classmethod
    def read(cls, text: str, *, namesakes: bool, introspection: bool) -> Self:
        """A mark may stand in a text too: then some rules are asked in vain."""
        return cls(namesakes, "$" in text, "@" in text, "..." in text or "fragment" in text, introspection)

    def concern(self, rule: Rule) -> bool:
        if rule in _OF_VARIABLES:
            return self.variables
        if rule in _OF_DIRECTIVES:
            return self.directives
        if rule in _OF_FRAGMENTS:
            return self.fragments
        if rule is OverlappingFieldsCanBeMergedRule:
            return self.namesakes
        return self.introspection or rule is not MaxIntrospectionDepthRule


def validate(
    schema: GraphQLSchema, document: DocumentNode, traits: Traits, *, most_errors: int
) -> Sequence[GraphQLError]:
    """The first errors, without a word of what may have been meant; none for a valid document."""
    return _errors(schema, document, [rule for rule in RULES if traits.concern(rule)], most_errors, suggests=False)


def suggest(schema: GraphQLSchema, document: DocumentNode) -> Sequence[GraphQLError]:
    """The first error that can tell what may have been meant, with that. All names there are are looked through."""
    return _errors(schema, document, _SUGGESTING, 1, suggests=True)


def _errors(
    schema: GraphQLSchema, document: DocumentNode, asked: Sequence[Rule], most_errors: int, *, suggests: bool
) -> Sequence[GraphQLError]:
    found: list[GraphQLError] = []

    def add(error: GraphQLError) -> None:
        found.append(error)
        if len(found) >= most_errors:
            raise _Enough

    types = TypeInfo(schema)
    context = _Context(schema, document, types, add, not suggests)
    rules = [rule(context) for rule in asked]
    together = ParallelVisitor(rules)
    overseer = TypeInfoVisitor(types, together)
    try:
        visit(document, overseer, _KEYS)
    except _Enough:
        pass
    except GraphQLError as aborted:
        # The engine's own measure for fragments of fragments.
        found.append(aborted)
    finally:
        _let_go(*rules, together, overseer)
    for error in found:
        _forget_trace(error)
    return found


def _forget_trace(error: GraphQLError) -> None:
    """Of an error that a scalar raised: the trace leads by our own variables to the error again."""
    raised: BaseException | None = error
    while raised is not None:
        raised.__traceback__ = None
        raised = raised.original_error if isinstance(raised, GraphQLError) else None


def _let_go(*visitors: Visitor) -> None:
    """Each keeps its own methods at hand, and so itself, the context and the whole document: they would all be left to
    the garbage collector."""
    for visitor in visitors:
        visitor.enter_leave_map.clear()


class _Enough(Exception):
    pass


class _Context(ValidationContext):
    """Knows definitions again by their identity, and looks for variables only where values are."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._spreads_in: dict[int, list[FragmentSpreadNode]] = {}
        self._usages_in: dict[int, list[VariableUsage]] = {}
        self._reached: dict[tuple[int, ...], list[FragmentDefinitionNode]] = {}
        self._all_usages: dict[int, list[VariableUsage]] = {}

    def get_fragment_spreads(self, node: SelectionSetNode) -> list[FragmentSpreadNode]:
        if id(node) not in self._spreads_in:
            self._spreads_in[id(node)] = list(_spreads(node))
        return self._spreads_in[id(node)]

    def get_recursively_referenced_fragments_for_operations(
        self, operations: Collection[OperationDefinitionNode]
    ) -> list[FragmentDefinitionNode]:
        key = tuple(id(operation) for operation in operations)
        if key not in self._reached:
            fragments: dict[str, FragmentDefinitionNode] = {}
            todo: list[NodeWithSelectionSet] = list(operations)
            while todo:
                for spread in self.get_fragment_spreads(todo.pop().selection_set):
                    fragment = self.get_fragment(spread.name.value)
                    if fragment is not None and spread.name.value not in fragments:
                        fragments[spread.name.value] = fragment
                        todo.append(fragment)
            self._reached[key] = list(fragments.values())
        return self._reached[key]

    def get_variable_usages(self, node: NodeWithSelectionSet) -> list[VariableUsage]:
        if id(node) not in self._usages_in:
            self._usages_in[id(node)] = list(_usages(self.schema, node))
        return self._usages_in[id(node)]

    def get_recursive_variable_usages(self, operation: OperationDefinitionNode) -> list[VariableUsage]:
        if id(operation) not in self._all_usages:
            reached: list[NodeWithSelectionSet] = [operation, *self.get_recursively_referenced_fragments(operation)]
            self._all_usages[id(operation)] = [usage for node in reached for usage in self.get_variable_usages(node)]
        return self._all_usages[id(operation)]


def _spreads(node: SelectionSetNode) -> Iterator[FragmentSpreadNode]:
    todo = [node]
    while todo:
        for selection in todo.pop().selections:
            if isinstance(selection, FragmentSpreadNode):
                yield selection
            elif selection.selection_set:  # type: ignore[attr-defined]
                todo.append(selection.selection_set)  # type: ignore[attr-defined]


def _usages(schema: GraphQLSchema, definition: NodeWithSelectionSet) -> Iterator[VariableUsage]:
    """Of variables, in a definition without the fragments that it spreads."""
    if isinstance(definition, FragmentDefinitionNode):
        root = schema.get_type(definition.type_condition.name.value)
    else:
        root = schema.get_root_type(definition.operation)
    yield from _usages_within(schema, None, definition.directives)
    todo: list[tuple[SelectionSetNode, GraphQLNamedType | None]] = [(definition.selection_set, root)]
    while todo:
        selection_set, parent = todo.pop()
        for selection in selection_set.selections:
            inside = parent
            if isinstance(selection, FieldNode):
                yield from _usages_within(schema, parent, selection.directives, selection)
                field = definition_of(selection.name.value, parent)
                inside = get_named_type(field.type) if field else None
            else:
                yield from _usages_within(schema, parent, selection.directives)
                if condition := getattr(selection, "type_condition", None):
                    inside = schema.get_type(condition.name.value)
            if below := getattr(selection, "selection_set", None):
                todo.append((below, inside))


def _usages_within(
    schema: GraphQLSchema,
    parent: GraphQLNamedType | None,
    directives: Collection[DirectiveNode] | None,
    field: FieldNode | None = None,
) -> Iterator[VariableUsage]:
    """In the arguments of directives and of a field of `parent`."""
    for directive in directives or ():
        if _hold_variables(directive.arguments):
            yield from _usages_of(TypeInfo(schema), directive)
    if field is not None and _hold_variables(field.arguments):
        alone = FieldNode(name=field.name, arguments=field.arguments)
        yield from _usages_of(TypeInfo(schema, parent), alone)


def _usages_of(types: TypeInfo, node: FieldNode | DirectiveNode) -> Sequence[VariableUsage]:
    visitor = VariableUsageVisitor(types)
    overseer = TypeInfoVisitor(types, visitor)
    visit(node, overseer, _KEYS)
    _let_go(visitor, overseer)
    return visitor.usages


def _hold_variables(arguments: Collection[ArgumentNode] | None) -> bool:
    return any(_holds_variable(argument.value) for argument in arguments or ())


def _holds_variable(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(_holds_variable(entry) for entry in value.values)
    if isinstance(value, ObjectValueNode):
        return any(_holds_variable(entry.value) for entry in value.fields)
    return isinstance(value, VariableNode)
