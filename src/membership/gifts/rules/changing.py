"""What may be done to a gift, as a list of the steps that it takes. Each refuses what the state does not allow.

What people do is refused by the clock of `zone`, which is that of the gift's store.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from membership.gifts.errors import GiftChangeRefused, GiftCollectedAlready, GiftNotCollectedInTime
from membership.gifts.model import Gift, GiftCause, GiftId, GiftState, WaiverReason
from membership.gifts.rules.states import HANDED_OVER, WAITING, may_follow
from membership.kernel.wording import local_moment


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a gift. `seen_step`: where it has to be for any of the steps to happen."""

    gift_id: GiftId
    seen_step: int
    step: int
    from_state: GiftState
    to_state: GiftState
    cause: GiftCause


def pack(gift: Gift, now: datetime, zone: tzinfo = UTC) -> list[Change]:
    """The desk has it ready. Nothing to do for one that is."""
    if gift.state is GiftState.READY:
        return []
    _check_in_time(gift, now, zone)
    return _steps(gift, (GiftState.READY, GiftCause.PACKED), zone=zone)


def hand_over(gift: Gift, now: datetime, zone: tzinfo = UTC) -> list[Change]:
    """To the member; one that was not packed before is so now. Raises GiftCollectedAlready for a second time."""
    if gift.state in HANDED_OVER and gift.collected_at is not None:
        raise GiftCollectedAlready(local_moment(gift.collected_at, zone))
    _check_in_time(gift, now, zone)
    packed = () if gift.state is GiftState.READY else ((GiftState.READY, GiftCause.PACKED),)
    return _steps(gift, *packed, (GiftState.COLLECTED, GiftCause.HANDED_OVER), zone=zone)


def cancel(gift: Gift, zone: tzinfo = UTC) -> list[Change]:
    """By the member, who does not want it after all. Raises GiftCollectedAlready, GiftChangeRefused."""
    if gift.state in HANDED_OVER and gift.collected_at is not None:
        raise GiftCollectedAlready(local_moment(gift.collected_at, zone))
    return _steps(gift, (GiftState.CANCELLED, GiftCause.MEMBER_CANCELLED), zone=zone)


def forfeit(gift: Gift) -> list[Change]:
    """Nobody collected it in time."""
    return _steps(gift, (GiftState.FORFEITED, GiftCause.NOT_COLLECTED))


def bring_back(gift: Gift, zone: tzinfo = UTC) -> list[Change]:
    """The member gives it back, because its spend was returned. Raises GiftChangeRefused."""
    return _steps(gift, (GiftState.RETURNED, GiftCause.BROUGHT_BACK), zone=zone)


def waive(gift: Gift, reason: WaiverReason, zone: tzinfo = UTC) -> list[Change]:
    """The member may keep it. Raises GiftChangeRefused."""
    return _steps(gift, (GiftState.WAIVED, GiftCause(reason.value)), zone=zone)


def judge(gift: Gift, *, is_covered: bool) -> list[Change]:
    """After the spend of its day was looked at again. Nothing to do for most."""
    if not is_covered and gift.state in WAITING:
        return _steps(gift, (GiftState.CANCELLED, GiftCause.SPEND_RETURNED))
    if not is_covered and gift.state is GiftState.COLLECTED:
        return _steps(gift, (GiftState.CLAWBACK_DUE, GiftCause.SPEND_RETURNED))
    if is_covered and gift.state is GiftState.CLAWBACK_DUE:
        return _steps(gift, (GiftState.COLLECTED, GiftCause.COVERED_AGAIN))
    return []


def check_waiting(gift: Gift, now: datetime, zone: tzinfo) -> None:
    """That it may still be handed over. Raises GiftCollectedAlready, GiftNotCollectedInTime, GiftChangeRefused."""
    if gift.state in HANDED_OVER and gift.collected_at is not None:
        raise GiftCollectedAlready(local_moment(gift.collected_at, zone))
    if gift.state not in WAITING:
        raise _refused(gift, zone)
    _check_in_time(gift, now, zone)


def _check_in_time(gift: Gift, now: datetime, zone: tzinfo) -> None:
    """The clock decides, also before the job that forfeits has run."""
    if gift.state in WAITING and now >= gift.collect_until:
        raise GiftNotCollectedInTime(local_moment(gift.collect_until, zone))


def _steps(gift: Gift, *steps: tuple[GiftState, GiftCause], zone: tzinfo = UTC) -> list[Change]:
    changes: list[Change] = []
    state = gift.state
    for number, (to, cause) in enumerate(steps, gift.step + 1):
        if not may_follow(state, to):
            raise _refused(gift, zone)
        changes.append(Change(gift.gift_id, gift.step, number, state, to, cause))
        state = to
    return changes


def _refused(gift: Gift, zone: tzinfo) -> GiftChangeRefused:
    since = _since(gift)
    return GiftChangeRefused(gift.state.value, None if since is None else local_moment(since, zone))


def _since(gift: Gift) -> datetime | None:
    """When the gift came to its state, or was handed over where it is to be brought back."""
    match gift.state:
        case GiftState.CONFIRMED:
            return gift.claimed_at
        case GiftState.READY:
            return gift.ready_at
        case GiftState.COLLECTED | GiftState.CLAWBACK_DUE:
            return gift.collected_at
        case _:
            return gift.ended_at
