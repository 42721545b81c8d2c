"""Facts about a member's tier that others may react to."""

from datetime import date
from uuid import UUID

from membership.kernel.errors import Fact
from membership.members.model import MembershipKey
from membership.postgres.transaction import Event
from membership.tiers.model import Hold
from membership.tiers.rules.change import Lost
from membership.tiers.rules.review import ReviewDecision, ReviewStep

_REVIEWED = {
    ReviewStep.WARNED: "tiers.warned",
    ReviewStep.KEPT: "tiers.kept",
    ReviewStep.STEPPED_DOWN: "tiers.stepped_down",
}


def granted(membership: MembershipKey, hold: Hold, *, instead_of: str, cause: UUID | None) -> Event:
    """A better tier, from `starts_on` on, which may lie ahead."""
    return _about(
        membership,
        "tiers.granted",
        tier=hold.tier,
        instead_of=instead_of,
        starts_on=_text(hold.since),
        ends_on=_text(hold.ends_on),
        cause=_text(cause),
    )


def rescinded(membership: MembershipKey, lost: Lost, *, cause: UUID | None) -> Event:
    """A tier that was taken back because what it rested on is gone."""
    return _about(
        membership,
        "tiers.rescinded",
        tier=lost.hold.tier,
        instead=lost.instead,
        starts_on=_text(lost.hold.since),
        cause=_text(cause),
    )


def reviewed(membership: MembershipKey, decision: ReviewDecision) -> Event | None:
    """A step of a review. None: a review that was overtaken, which `tiers.rescinded` has told of."""
    name = _REVIEWED.get(decision.step)
    if name is None:
        return None
    return _about(
        membership,
        name,
        from_tier=decision.from_tier,
        to_tier=decision.to_tier,
        due_on=_text(decision.due_on),
    )


def _about(membership: MembershipKey, name: str, **facts: Fact) -> Event:
    return Event(
        name=name,
        ordering_key=membership.member_id,
        payload={"member_id": str(membership.member_id), "programme_id": str(membership.programme_id), **facts},
    )


def _text(value: date | UUID | None) -> str | None:
    return None if value is None else str(value)
