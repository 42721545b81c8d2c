"""Whom a request is about: the caller, or the member that staff name."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import strawberry

from membership.graph.kit.context import RequestContext
from membership.graph.kit.relay import key_of
from membership.graph.operations.faults import bad_user_input
from membership.members.errors import UnknownMember
from membership.members.model import MemberId, MembershipKey
from membership.stores.model import ProgrammeId

Found = TypeVar("Found")


async def find_own(
    context: RequestContext,
    find: Callable[[], Awaitable[Found]],
    *,
    is_missing: Callable[[Found], bool] = lambda found: not found,
) -> Found:
    """What `find` finds for the caller; where that is missing, what it finds for whom they were merged into."""
    asked_as = context.caller
    found = await find()
    # Another field of the same document may have followed meanwhile.
    if is_missing(found) and (context.caller is not asked_as or await follow_merge(context)):
        return await find()
    return found


async def follow_merge(context: RequestContext) -> bool:
    """Make the caller who they are today, for a token that was given before a merge. False: nothing to follow.

    Ask when the caller's own rows are not there: every other request is spared the look.
    """
    actor = context.actor
    if actor.member_id is None:
        return False
    services = context.services
    current = await services.members.find_current(actor, context.now, MemberId(actor.member_id))
    if current is None or current == actor.member_id:
        return False
    context.caller = replace(actor, member_id=current)
    return True


def member_meant(context: RequestContext, member_id: strawberry.ID | None) -> MemberId:
    """The member named by a global id, or the caller. Raises BAD_USER_INPUT when staff name nobody."""
    if member_id:
        return MemberId(key_of(member_id, "Member"))
    if context.actor.member_id is None:
        raise bad_user_input("`memberId` is needed: the token is not a member's own.")
    return MemberId(context.actor.member_id)


def membership_meant(context: RequestContext, member_id: strawberry.ID | None) -> MembershipKey:
    """That member in the programme of the caller's token. Raises UnknownMember for a token without a programme."""
    programme_id = context.actor.programme_id
    if programme_id is None:
        raise UnknownMember
    return MembershipKey(member_meant(context, member_id), ProgrammeId(programme_id))


def own_membership(context: RequestContext) -> MembershipKey:
    """The caller's, in the programme of their token. Raises BAD_USER_INPUT for a token of somebody else's."""
    actor = context.actor
    if actor.member_id is None or actor.programme_id is None:
        raise bad_user_input("The token names no member of a programme.")
    return MembershipKey(MemberId(actor.member_id), ProgrammeId(actor.programme_id))
