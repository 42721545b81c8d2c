"""What an answer really cost: what was resolved, read from the answer, by the weights that the golden schema states.

Shares nothing with what prices operations: the weights are read from the text of the schema, and the answer is walked
instead of the document. Every selection of the document has to ask for `__typename`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
    value_from_ast_untyped,
)


@dataclass(frozen=True, slots=True)
class ActualCost:
    schema: GraphQLSchema
    document: DocumentNode
    variables: Mapping[str, object]

    @classmethod
    def of(cls, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, object], data: object) -> int:
        operation = next(entry for entry in document.definitions if isinstance(entry, OperationDefinitionNode))
        defaults = {
            entry.variable.name.value: value_from_ast_untyped(entry.default_value)
            for entry in operation.variable_definitions or ()
            if entry.default_value is not None
        }
        if data is None:
            return 0
        root = schema.get_root_type(operation.operation)
        assert root is not None
        return cls(schema, document, {**defaults, **variables})._object([operation.selection_set], root, data)

    def _object(self, sets: list[SelectionSetNode], kind: GraphQLObjectType, value: object) -> int:
        assert isinstance(value, dict)
        fields: dict[str, list[FieldNode]] = {}
        for selection_set in sets:
            for node in self._collected(selection_set, kind):
                fields.setdefault((node.alias or node.name).value, []).append(node)
        return sum(
            self._field(nodes, kind.fields[nodes[0].name.value], value[key])
            for key, nodes in fields.items()
            if nodes[0].name.value != "__typename"
        )

    def _collected(self, selection_set: SelectionSetNode, kind: GraphQLObjectType) -> Iterator[FieldNode]:
        for selection in selection_set.selections:
            if not self._is_taken(selection):
                continue
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                if condition is None or self._is_a(kind, condition.name.value):
                    yield from self._collected(selection.selection_set, kind)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragment(selection.name.value)
                if self._is_a(kind, fragment.type_condition.name.value):
                    yield from self._collected(fragment.selection_set, kind)

    def _is_taken(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            (argument,) = directive.arguments or ()
            if value_from_ast_untyped(argument.value, dict(self.variables)) is (directive.name.value == "skip"):
                return False
        return True

    def _fragment(self, name: str) -> FragmentDefinitionNode:
        return next(
            entry
            for entry in self.document.definitions
            if isinstance(entry, FragmentDefinitionNode) and entry.name.value == name
        )

    def _is_a(self, kind: GraphQLObjectType, name: str) -> bool:
        wanted = self.schema.get_type(name)
        return kind is wanted or (is_abstract_type(wanted) and self.schema.is_sub_type(wanted, kind))

    def _field(self, nodes: list[FieldNode], found: GraphQLField, value: object) -> int:
        sent = sum(
            self._sent(found.args[argument.name.value], value_from_ast_untyped(argument.value, dict(self.variables)))
            for argument in nodes[0].arguments or ()
        )
        is_composite = is_composite_type(get_named_type(found.type))
        usual = int(is_composite or is_list_type(get_nullable_type(found.type)))
        return _weight(found, usual) + sent + self._value(nodes, value)

    def _value(self, nodes: list[FieldNode], value: object) -> int:
        if isinstance(value, list):
            return sum(self._value(nodes, entry) for entry in value)
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        if value is None or not sets:
            return 0
        assert isinstance(value, dict)
        kind = self.schema.get_type(value["__typename"])
        assert isinstance(kind, GraphQLObjectType)
        return 1 + self._object(sets, kind, value)

    def _sent(self, entry: GraphQLArgument | GraphQLInputField, value: object) -> int:
        if value is None or value is Undefined:
            return 0
        if isinstance(value, list):
            return sum(self._sent(entry, one) for one in value)
        kind = get_named_type(entry.type)
        own = _weight(entry, int(isinstance(kind, GraphQLInputObjectType)))
        if not isinstance(kind, GraphQLInputObjectType) or not isinstance(value, dict):
            return own
        return own + sum(self._sent(kind.fields[name], inner) for name, inner in value.items())


def _weight(entry: GraphQLField | GraphQLArgument | GraphQLInputField, usual: int) -> int:
    return int(str(stated(entry, "cost", "weight", usual)))


def stated(
    entry: GraphQLField | GraphQLArgument | GraphQLInputField, directive: str, argument: str, otherwise: object
) -> object:
    """What a directive says in the text of the schema."""
    assert entry.ast_node is not None
    for node in entry.ast_node.directives or ():
        if node.name.value == directive:
            for given in node.arguments or ():
                if given.name.value == argument:
                    return value_from_ast_untyped(given.value)
    return otherwise
