"""Whose rows a role meets behind a field: the few ways in which the fields of `permissions` reach rows.

What is said here is held elsewhere, twice: by use cases and queries, and by row-level security behind them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from membership.kernel.actor import Role


class Scope(StrEnum):
    """Whose rows a role meets behind a field."""

    SELF = "their own"
    COUNTER = "their counter's"
    BRAND = "their brand's"
    STORE = "their store's"
    PROGRAMME = "their programme's"
    EVERY = "every programme's"
    KIND = "as of its kind"


_STAFF = {
    Role.MEMBER_SERVICES: Scope.PROGRAMME,
    Role.PLANNER: Scope.PROGRAMME,
    Role.APPROVER: Scope.PROGRAMME,
    Role.ADMIN: Scope.EVERY,
    Role.SERVICE: Scope.PROGRAMME,
}
Reach: TypeAlias = Mapping[Role, Scope]

OF_ITS_KIND: Reach = dict.fromkeys(Role, Scope.KIND)
"""What a global id names is seen by whoever sees that kind of thing elsewhere."""
HOUSE: Reach = dict.fromkeys(Role, Scope.EVERY)
"""What the house shows to everybody: stores, brands, tiers, services and their free times. Nobody's."""
OWN: Reach = {Role.MEMBER: Scope.SELF}
PEOPLE: Reach = {
    Role.MEMBER: Scope.SELF,
    Role.TILL: Scope.PROGRAMME,
    Role.ASSOCIATE: Scope.PROGRAMME,
    Role.DESK: Scope.PROGRAMME,
    **_STAFF,
}
"""Members belong to a programme, not to a store: whoever stands at a till is served there."""
KEPT: Reach = dict(_STAFF)
"""What staff look after in the stores of a programme: tills."""
RECEIPTS: Reach = {
    Role.MEMBER: Scope.SELF,
    Role.TILL: Scope.COUNTER,
    Role.ASSOCIATE: Scope.BRAND,
    Role.DESK: Scope.STORE,
    **_STAFF,
}
"""A central cashier's till is of no counter and sees its store's."""
NAMED_PEOPLE: Reach = {**PEOPLE, Role.ADMIN: Scope.PROGRAMME}
"""Members named by what they show or by an id in a programme: that of the token, an administrator's too."""
JOINING: Reach = {Role.MEMBER: Scope.EVERY, Role.SERVICE: Scope.PROGRAMME}
"""A person may join any programme."""
OFFERED: Reach = {Role.MEMBER: Scope.PROGRAMME}
"""What a programme offers to its members, in any of its stores. What they take is their own."""
IN_HAND: Reach = {Role.MEMBER: Scope.PROGRAMME, Role.TILL: Scope.STORE, Role.MEMBER_SERVICES: Scope.PROGRAMME}
"""A receipt that somebody holds, by what is printed on it, the amount included."""
TILLS: Reach = {Role.TILL: Scope.COUNTER}
"""The conversation of a till is its own."""
DIARY: Reach = {Role.MEMBER: Scope.SELF, Role.ASSOCIATE: Scope.COUNTER, Role.DESK: Scope.STORE, **_STAFF}
"""Who comes, what waits for them, and who serves them."""
BOOKING: Reach = {**DIARY, Role.ADMIN: Scope.PROGRAMME}
"""Staff book where they work, for members of the token's programme; members book for themselves."""
PLANS: Reach = {Role.MEMBER: Scope.PROGRAMME, Role.DESK: Scope.PROGRAMME, **_STAFF}
"""Campaigns, their stock, and what counters offer. A planner plans for a programme, whichever store a claim names."""
PLANNING: Reach = {**PLANS, Role.ADMIN: Scope.PROGRAMME}
"""What is made or listed in the programme of the token, an administrator's too."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may ask for a field (None: whoever asks, without a token), and whose rows each of them meets."""

    roles: frozenset[Role] | None
    reach: Reach

    def scope(self, role: Role) -> Scope | None:
        """None: the role may not ask."""
        return self.reach[role] if self.roles is None or role in self.roles else None
