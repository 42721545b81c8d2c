"""Idempotency keys of different callers never meet."""

from itertools import combinations

from membership.kernel.actor import STAFF, Actor, Role
from membership.kernel.ids import new_id

A, B = new_id(), new_id()


def test_scopes_of_different_callers_differ() -> None:
    callers = [
        *(Actor(role, str(subject)) for role in Role if role not in {Role.TILL, Role.MEMBER} for subject in (A, B)),
        Actor(Role.TILL, "till", till_id=A),
        Actor(Role.TILL, "till", till_id=B),
        Actor(Role.MEMBER, "member", member_id=A),
        Actor(Role.MEMBER, "member", member_id=B),
    ]
    assert all(one.idempotency_scope != other.idempotency_scope for one, other in combinations(callers, 2))


def test_the_scope_of_a_till_or_member_does_not_depend_on_the_token_or_the_place_it_came_from() -> None:
    """A token is renewed between a request and its repeat."""
    assert (
        Actor(Role.TILL, "token-1", till_id=A, origin="10.0.0.1").idempotency_scope
        == Actor(Role.TILL, "token-2", till_id=A, origin="10.0.0.2").idempotency_scope
    )
    assert (
        Actor(Role.MEMBER, "token-1", member_id=A).idempotency_scope
        == Actor(Role.MEMBER, "token-2", member_id=A).idempotency_scope
    )


def test_associates_with_the_same_staff_number_at_two_counters_are_two_callers() -> None:
    """A counter gives its own numbers out: `001` of one is somebody else than `001` of another."""
    first, other = (Actor(Role.ASSOCIATE, "001", brand_id=B, counter_id=counter) for counter in (A, B))
    assert first.idempotency_scope != other.idempotency_scope
    assert (
        Actor(Role.ASSOCIATE, "001", brand_id=A).idempotency_scope
        != Actor(Role.ASSOCIATE, "001", brand_id=B).idempotency_scope
    )


def test_everybody_but_members_is_staff() -> None:
    assert set(Role) - STAFF == {Role.MEMBER}
