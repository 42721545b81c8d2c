"""Who may use which field: the table, as data.

Every field of Query, Mutation and Subscription has a row (a test says so); a field of another type has one
where not everybody who reaches it may see it. The rows of a document are looked up once, when it is first
seen, so a request pays for one set membership and a row of data for nothing.

Which members, stores or brands a role may see is not said here: queries and row-level security do that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from membership.kernel.actor import Role

EVERYBODY: frozenset[Role] = frozenset(Role)
PUBLIC: None = None
"""Needs no token."""

PERMISSIONS: Mapping[str, frozenset[Role] | None] = {
    # Any object
    "Query.node": EVERYBODY,
    "Query.nodes": EVERYBODY,
    # Stores
    "Query.store": PUBLIC,
    "Query.stores": PUBLIC,
    "Query.programme": PUBLIC,
    # A member's own
    "Query.memberHome": frozenset({Role.MEMBER}),
    # The till's conversation
    "Mutation.quoteSale": frozenset({Role.TILL}),
    "Mutation.renewQuote": frozenset({Role.TILL}),
    "Mutation.abandonQuote": frozenset({Role.TILL}),
    "Mutation.commitSale": frozenset({Role.TILL}),
    "Mutation.voidSale": frozenset({Role.TILL}),
    "Mutation.returnLines": frozenset({Role.TILL}),
    "Mutation.exchangeLines": frozenset({Role.TILL}),
    "Mutation.attachSale": frozenset({Role.TILL, Role.MEMBER, Role.MEMBER_SERVICES}),
    "Counter.commissionBasisPoints": frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN}),
}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may run an operation: `by_field` names each restricted field that it asks for."""

    by_field: tuple[tuple[str, frozenset[Role]], ...]
    roles: frozenset[Role]

    @property
    def is_public(self) -> bool:
        return not self.by_field

    def refused_field(self, role: Role) -> str:
        return next(field for field, roles in self.by_field if role not in roles)


def access_to(coordinates: Iterable[str]) -> Access:
    """The access that an operation needs which asks for these fields."""
    by_field = tuple(
        (coordinate, roles)
        for coordinate in sorted(coordinates)
        if (roles := PERMISSIONS.get(coordinate, PUBLIC)) is not PUBLIC
    )
    return Access(by_field, EVERYBODY.intersection(*(roles for _, roles in by_field)))
