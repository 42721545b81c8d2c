"""What a document asks for, found by one walk before anything is validated or run.

The walk sees each fragment once and adds up what its spreads repeat, so that even a document made to explode
costs no more than its own length. Measured are depth, nesting of lists, aliases and directives as they
would be executed, and the coordinates (`Type.field`) of all fields, for the permission check.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_list_type,
)

from membership.graph.operations.faults import FaultCode, fault

MAX_TOKENS = 1_000
"""Of a trusted document; the longest has 204."""
MAX_TEXT_TOKENS = 500
"""Of a document that is sent as text. The engine parses and checks 1,000 tokens in 13 milliseconds, and refusing a
document is to cost less than 10."""
MAX_DEPTH = 10
MAX_LIST_DEPTH = 2
MAX_ALIASES = 15
MAX_DIRECTIVES = 50

INTROSPECTION_FIELDS = frozenset({"__schema", "__type"})


@dataclass(slots=True)
class Survey:
    """What an operation or a fragment asks for, with its own fragments spread out."""

    depth: int = 0
    list_depth: int = 0
    aliases: int = 0
    directives: int = 0
    coordinates: set[str] = field(default_factory=set)
    introspects: bool = False

    def faults(self) -> Iterator[GraphQLError]:
        if self.depth > MAX_DEPTH:
            yield fault(FaultCode.TOO_DEEP, f"A document may be {MAX_DEPTH} fields deep; this one is deeper.")
        if self.list_depth > MAX_LIST_DEPTH:
            yield fault(
                FaultCode.LISTS_TOO_DEEP, f"Lists may be nested {MAX_LIST_DEPTH} deep; this document nests them deeper."
            )
        if self.aliases > MAX_ALIASES:
            yield fault(FaultCode.TOO_MANY_ALIASES, f"A document may use {MAX_ALIASES} aliases; this one uses more.")
        if self.directives > MAX_DIRECTIVES:
            yield fault(
                FaultCode.TOO_MANY_DIRECTIVES, f"A document may use {MAX_DIRECTIVES} directives; this one uses more."
            )


class Surveyor:
    """Surveys the operations of one document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._surveyed: dict[str, Survey] = {}

    def operation(self, operation: OperationDefinitionNode) -> Survey:
        survey = Survey(directives=len(operation.directives or ()))
        root = self._schema.get_root_type(operation.operation)
        survey.depth, survey.list_depth = self._walk(operation.selection_set, root, survey)
        return survey

    def _walk(
        self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None, survey: Survey
    ) -> tuple[int, int]:
        """Adds a selection set to the survey; gives its depth and its depth of lists."""
        depth, list_depth = 0, 0
        for selection in selection_set.selections:
            survey.directives += len(selection.directives or ())
            if isinstance(selection, FieldNode):
                below = self._field(selection, parent, survey)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inside = self._schema.get_type(condition.name.value) if condition else parent
                below = self._walk(selection.selection_set, inside, survey)
            elif isinstance(selection, FragmentSpreadNode):
                below = self._spread(selection.name.value, survey)
            depth, list_depth = max(depth, below[0]), max(list_depth, below[1])
        return depth, list_depth

    def _spread(self, name: str, survey: Survey) -> tuple[int, int]:
        inner = self._fragment(name)
        survey.aliases += inner.aliases
        survey.directives += inner.directives
        survey.coordinates |= inner.coordinates
        survey.introspects |= inner.introspects
        return inner.depth, inner.list_depth

    def _fragment(self, name: str) -> Survey:
        if name in self._surveyed:
            return self._surveyed[name]
        # Put there before it is walked, so that a circular fragment (which validation refuses) ends.
        survey = self._surveyed[name] = Survey()
        if fragment := self._fragments.get(name):
            survey.directives = len(fragment.directives or ())
            inside = self._schema.get_type(fragment.type_condition.name.value)
            survey.depth, survey.list_depth = self._walk(fragment.selection_set, inside, survey)
        return survey

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, survey: Survey) -> tuple[int, int]:
        name = node.name.value
        survey.aliases += node.alias is not None
        if name in INTROSPECTION_FIELDS:
            # Its shape is the language's, deeper than ours may be; graphql-core bounds its nesting.
            survey.introspects = True
            return 1, 0
        definition = definition_of(name, parent)
        if definition is not None:
            # What there is not is nobody's to ask for, and validation says so: an interface of 40 types would make 40
            # coordinates of each such name.
            survey.coordinates.update(self._coordinates(name, parent))
        depth, list_depth = 0, 0
        if node.selection_set:
            inside = get_named_type(definition.type) if definition else None
            depth, list_depth = self._walk(node.selection_set, inside, survey)
        is_list = definition is not None and is_list_type(get_nullable_type(definition.type))
        return depth + 1, list_depth + is_list

    def _coordinates(self, name: str, parent: GraphQLNamedType | None) -> Iterator[str]:
        if parent is None or name.startswith("__"):
            return
        yield f"{parent.name}.{name}"
        if is_abstract_type(parent):
            # What is asked of an interface is asked of every type behind it.
            for possible in self._schema.get_possible_types(parent):
                yield f"{possible.name}.{name}"


def definition_of(name: str, parent: GraphQLNamedType | None) -> GraphQLField | None:
    """None for what the parent does not have, and for what the language itself adds to every type."""
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        definition: GraphQLField | None = parent.fields.get(name)
        return definition
    return None
