"""What fields are said to cost: `@cost` and `@listSize` of IBM's GraphQL Cost Directives, which clients can read too.

A slice has nothing to do as a rule: graph/operations/weights.py knows what a resolver that reads, a mutation and a
connection cost, and how long a list is taken to be. Said where a field is declared is only what is unlike that:

    @query(…, weight=500)                          an expensive search
    lines: list[SaleLine] = strawberry.field(description=…, directives=many(MOST_LINES))
    stops: list[StopInput] = strawberry.field(description=…, directives=weighing(600))    for each entry that is sent

Source: IBM, GraphQL Cost Directives specification (draft of 2021).
"""

from collections.abc import Sequence

import strawberry
from strawberry.schema_directive import Location

_UNSAID = strawberry.UNSET


@strawberry.schema_directive(
    name="cost",
    locations=[
        Location.ARGUMENT_DEFINITION,
        Location.ENUM,
        Location.FIELD_DEFINITION,
        Location.INPUT_FIELD_DEFINITION,
        Location.OBJECT,
        Location.SCALAR,
    ],
    description="What every appearance adds to the cost of an operation. Without it 1 for objects, inputs of objects "
    "and lists, and 0 for other values. What the caller may spend is in `extensions.cost` of every answer.",
)
class Cost:
    weight: str = strawberry.field(name="weight", description="How much, as a whole number.")


@strawberry.schema_directive(
    name="listSize",
    locations=[Location.FIELD_DEFINITION],
    description="How many entries a list is taken to have.",
)
class ListSize:
    assumed_size: int | None = strawberry.field(
        name="assumedSize", default=_UNSAID, description="How many where no slicing argument is sent."
    )
    slicing_arguments: list[str] | None = strawberry.field(
        name="slicingArguments",
        default=_UNSAID,
        description="The arguments that say how many: a number does by its value, a list by its length.",
    )
    sized_fields: list[str] | None = strawberry.field(
        name="sizedFields", default=_UNSAID, description="Which lists of the object have that size."
    )
    require_one_slicing_argument: bool | None = strawberry.field(
        name="requireOneSlicingArgument", default=True, description="Whether a slicing argument has to be sent."
    )


def weighing(weight: int) -> Sequence[object]:
    """The directives of a field that costs this much each time."""
    return (Cost(weight=str(weight)),)


def many(size: int, *, by: str | None = None, of: Sequence[str] = ()) -> Sequence[object]:
    """The directives of a list with at most `size` entries: as many as the argument `by` says where that is sent.
    `of`: it is not the field itself that is the list, but these fields of its object."""
    return (
        ListSize(
            assumed_size=size,
            slicing_arguments=_UNSAID if by is None else [by],
            sized_fields=list(of) if of else _UNSAID,
            require_one_slicing_argument=False if by is not None else _UNSAID,
        ),
    )
