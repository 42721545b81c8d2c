"""Facts about points that others may react to."""

from membership.members.model import MembershipKey
from membership.points.model import Adjustment
from membership.postgres.transaction import Event


def points_adjusted(adjustment: Adjustment) -> Event:
    """Member services gave or took points."""
    return _about(adjustment, "points.adjusted")


def adjustment_requested(adjustment: Adjustment) -> Event:
    """A large adjustment waits for a second person."""
    return _about(adjustment, "points.adjustment_requested")


def adjustment_rejected(adjustment: Adjustment) -> Event:
    """The second person said no; nothing was moved."""
    return _about(adjustment, "points.adjustment_rejected")


def points_expired(membership: MembershipKey, points: int) -> Event:
    """What expired of a member's points was posted."""
    return Event(
        name="points.expired",
        ordering_key=membership.member_id,
        payload={
            "member_id": str(membership.member_id),
            "programme_id": str(membership.programme_id),
            "points": points,
        },
    )


def _about(adjustment: Adjustment, name: str) -> Event:
    membership = adjustment.membership
    return Event(
        name=name,
        ordering_key=membership.member_id,
        payload={
            "adjustment_id": str(adjustment.adjustment_id),
            "member_id": str(membership.member_id),
            "programme_id": str(membership.programme_id),
            "points": adjustment.points,
        },
    )
