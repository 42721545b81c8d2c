"""What an operation costs, reckoned from its document and its variables before it runs.

The model is IBM's GraphQL Cost Directives: the sum of the weights of what is asked for (fields, and what is sent with
them) and of the objects that come back, a list counting as many times as it may have entries. Field cost and type cost
of the specification are added up. Counted is what could be at most: what `@skip` leaves out is in, and each fragment is
for its own type. So no answer costs more than was said, and tests/graph/test_cost_bound.py holds it.

A document is priced once, when it is prepared, in one walk that sees each fragment once; what depends on variables is
left open, and each request fills it in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    value_from_ast_untyped,
)

from membership.graph.kit.relay import LARGEST_PAGE
from membership.graph.operations.faults import FaultCode
from membership.graph.operations.limits import INTROSPECTION_FIELDS, definition_of
from membership.graph.operations.weights import INTROSPECTION, FieldWeight, InputWeight, Size, weight_of
from membership.kernel.actor import Actor, Role

_MOST: Final = 2**53 - 1
"""JavaScript reads no larger whole number."""

Variables: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Sent:
    """The value of an argument, which depends on variables."""

    weight: InputWeight
    node: ValueNode


@dataclass(frozen=True, slots=True)
class Slice:
    """A size that depends on variables."""

    size: Size
    node: ValueNode


@dataclass(frozen=True, slots=True)
class Price:
    """`fixed`, and what depends on variables: further prices so many times, and what is sent."""

    fixed: int = 0
    parts: tuple[tuple["int | Slice", "Price"], ...] = ()
    sent: tuple[Sent, ...] = ()

    @property
    def is_fixed(self) -> bool:
        return not self.parts and not self.sent

    def times(self, factor: "int | Slice") -> "Price":
        if isinstance(factor, int) and self.is_fixed:
            return Price(self.fixed * factor)
        return Price(parts=((factor, self),))

    def reckon(self, variables: Variables, known: dict[int, int]) -> int:
        """`known`: what was reckoned already, since fragments share their price."""
        if self.is_fixed:
            return self.fixed
        if id(self) not in known:
            known[id(self)] = (
                self.fixed
                + sum(_factor(factor, variables) * price.reckon(variables, known) for factor, price in self.parts)
                + sum(_weigh(sent.weight, _value(sent.node, variables)) for sent in self.sent)
            )
        return known[id(self)]


def _total(prices: Iterable[Price]) -> Price:
    """Without a copy of what they hold, so that fragments of fragments cost no more than their own length."""
    prices = list(prices)
    open_parts = tuple((1, price) for price in prices if not price.is_fixed)
    return Price(sum(price.fixed for price in prices if price.is_fixed), open_parts)


@dataclass(frozen=True, slots=True)
class OperationPrice:
    """What an operation costs, once its variables are known."""

    price: Price
    defaults: Variables

    def cost(self, variables: Variables | None) -> int:
        if self.price.is_fixed:
            return min(self.price.fixed, _MOST)
        given = {**self.defaults, **(variables or {})}
        return min(self.price.reckon(given, {}), _MOST)


@dataclass(slots=True)
class Selected:
    """What a selection set costs; `entries`: each entry of those lists whose size is said further up."""

    prices: list[Price] = field(default_factory=list)
    entries: dict[str, list[Price]] = field(default_factory=dict)

    def add(self, other: "Selected") -> None:
        self.prices.append(_total(other.prices))
        for name, prices in other.entries.items():
            self.entries.setdefault(name, []).append(_total(prices))

    def price(self, sizes: Mapping[str, "int | Slice"]) -> Price:
        sized = [_total(prices).times(sizes.get(name, LARGEST_PAGE)) for name, prices in self.entries.items()]
        return _total([*self.prices, *sized])


class Pricer:
    """Prices the operations of one document, which is valid."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._priced: dict[str, Selected] = {}

    def operation(self, operation: OperationDefinitionNode) -> OperationPrice:
        root = self._schema.get_root_type(operation.operation)
        defaults = {
            entry.variable.name.value: value_from_ast_untyped(entry.default_value)
            for entry in operation.variable_definitions or ()
            if entry.default_value is not None
        }
        return OperationPrice(self._select(operation.selection_set, root).price({}), defaults)

    def _select(self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None) -> Selected:
        selected = Selected()
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                self._field(selection, parent, selected)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inside = self._schema.get_type(condition.name.value) if condition else parent
                selected.add(self._select(selection.selection_set, inside))
            elif isinstance(selection, FragmentSpreadNode):
                selected.add(self._fragment(selection.name.value))
        return selected

    def _fragment(self, name: str) -> Selected:
        if name not in self._priced:
            fragment = self._fragments[name]
            inside = self._schema.get_type(fragment.type_condition.name.value)
            found = self._select(fragment.selection_set, inside)
            once = {key: [_total(prices)] for key, prices in found.entries.items()}
            self._priced[name] = Selected([_total(found.prices)], once)
        return self._priced[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, selected: Selected) -> None:
        name = node.name.value
        if name in INTROSPECTION_FIELDS:
            selected.prices.append(Price(INTROSPECTION))
            return
        definition = definition_of(name, parent)
        if definition is None:
            return  # __typename: valid documents name no other field that there is not
        weight = weight_of(definition)
        arguments = {argument.name.value: argument.value for argument in node.arguments or ()}
        selected.prices.append(Price(weight.each))
        selected.prices.extend(_arguments(weight, arguments))
        if node.selection_set is None:
            return
        inside = self._select(node.selection_set, get_named_type(definition.type))
        sizes = {key: _sized(size, arguments) for key, size in weight.sizes.items()}
        entry = _total([Price(weight.entry), inside.price(sizes)])
        if weight.is_list and weight.size is None:
            selected.entries.setdefault(name, []).append(entry)
        else:
            selected.prices.append(entry.times(sizes[""] if weight.is_list else 1))


def _arguments(weight: FieldWeight, arguments: Mapping[str, ValueNode]) -> Iterable[Price]:
    for name, node in arguments.items():
        if (each := weight.arguments.get(name)) is not None:
            if _depends(node):
                yield Price(sent=(Sent(each, node),))
            else:
                yield Price(_weigh(each, value_from_ast_untyped(node)))


def _sized(size: Size, arguments: Mapping[str, ValueNode]) -> "int | Slice":
    node = arguments.get(size.path[0]) if size.path else None
    if node is None:
        return _count(size, None)
    return Slice(size, node) if _depends(node) else _count(size, value_from_ast_untyped(node))


def _depends(node: ValueNode) -> bool:
    """On variables."""
    if isinstance(node, ListValueNode):
        return any(_depends(entry) for entry in node.values)
    if isinstance(node, ObjectValueNode):
        return any(_depends(entry.value) for entry in node.fields)
    return isinstance(node, VariableNode)


def _factor(factor: "int | Slice", variables: Variables) -> int:
    return factor if isinstance(factor, int) else _count(factor.size, _value(factor.node, variables))


def _value(node: ValueNode, variables: Variables) -> object:
    value: object = value_from_ast_untyped(node, dict(variables))
    return None if value is Undefined else value


def _count(size: Size, argument: object) -> int:
    """How many entries there are for an argument. For what it cannot be: as many as there may ever be."""
    value = argument
    for step, default in zip((*size.path[1:], None), size.defaults, strict=False):
        value = default if value is None else value
        if step is not None:
            value = value.get(step) if isinstance(value, Mapping) else None
    if value is None:
        return size.otherwise
    if isinstance(value, Sequence) and not isinstance(value, str):
        return min(len(value), LARGEST_PAGE)
    if isinstance(value, int | float) and 0 <= value <= LARGEST_PAGE and value == int(value):
        return int(value)
    return LARGEST_PAGE


def _weigh(weight: InputWeight, value: object) -> int:
    """What is sent, entry by entry. What does not fit its type, the engine is to refuse: here it counts as one."""
    if value is None:
        return 0
    if not isinstance(value, Sequence) or isinstance(value, str):
        return _weigh_entry(weight, value)
    if not weight.fields:
        return weight.each * len(value)
    return sum(_weigh_entry(weight, entry) for entry in value)


def _weigh_entry(weight: InputWeight, value: object) -> int:
    if not isinstance(value, Mapping):
        return weight.each
    return weight.each + sum(_weigh(inner, value.get(name)) for name, inner in weight.fields.items())


COST_LIMITS: Final[Mapping[Role, int]] = {
    Role.MEMBER: 25_000,
    Role.TILL: 20_000,
    Role.ASSOCIATE: 25_000,
    Role.DESK: 25_000,
    Role.MEMBER_SERVICES: 25_000,
    Role.PLANNER: 60_000,
    Role.APPROVER: 60_000,
    Role.ADMIN: 60_000,
    Role.SERVICE: 25_000,
}
"""For one operation. What each client's documents take at most, with some room: a page of 100 receipts of 200 lines, a
board of 500 appointments, the whole of a campaign's forecast. 10,000 are some tenths of a second."""
COST_LIMIT_OF_NOBODY: Final = 10_000
"""For a request without a token: stores and tiers."""


def cost_limit(caller: Actor | None) -> int:
    return COST_LIMIT_OF_NOBODY if caller is None else COST_LIMITS[caller.role]


def too_costly(cost: Mapping[str, int]) -> GraphQLError:
    message = (
        f"This operation would cost {cost['requested']}, and may cost {cost['limit']}. Ask for smaller pages or fewer "
        "things at a time."
    )
    return GraphQLError(message, extensions={"code": FaultCode.COST_LIMIT_EXCEEDED.value, "cost": cost})
