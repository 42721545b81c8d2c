"""What may be done to a gift, as a list of the steps that it takes. Each refuses what the state does not allow."""

from dataclasses import dataclass
from datetime import datetime

from membership.gifts.errors import GiftChangeRefused, GiftCollectedAlready, GiftNotCollectedInTime
from membership.gifts.model import Gift, GiftCause, GiftId, GiftState, WaiverReason
from membership.gifts.rules.states import HANDED_OVER, WAITING, may_follow


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a gift. `seen_step`: where it has to be for any of the steps to happen."""

    gift_id: GiftId
    seen_step: int
    step: int
    from_state: GiftState
    to_state: GiftState
    cause: GiftCause


def pack(gift: Gift, now: datetime) -> list[Change]:
    """The desk has it ready. Nothing to do for one that is."""
    if gift.state is GiftState.READY:
        return []
    _check_in_time(gift, now)
    return _steps(gift, (GiftState.READY, GiftCause.PACKED))


def hand_over(gift: Gift, now: datetime) -> list[Change]:
    """To the member; one that was not packed before is so now. Raises GiftCollectedAlready for a second time."""
    if gift.state in HANDED_OVER and gift.collected_at is not None:
        raise GiftCollectedAlready(gift.collected_at.isoformat())
    _check_in_time(gift, now)
    packed = () if gift.state is GiftState.READY else ((GiftState.READY, GiftCause.PACKED),)
    return _steps(gift, *packed, (GiftState.COLLECTED, GiftCause.HANDED_OVER))


def cancel(gift: Gift) -> list[Change]:
    """By the member, who does not want it after all. Raises GiftCollectedAlready, GiftChangeRefused."""
    if gift.state in HANDED_OVER and gift.collected_at is not None:
        raise GiftCollectedAlready(gift.collected_at.isoformat())
    return _steps(gift, (GiftState.CANCELLED, GiftCause.MEMBER_CANCELLED))


def forfeit(gift: Gift) -> list[Change]:
    """Nobody collected it in time."""
    return _steps(gift, (GiftState.FORFEITED, GiftCause.NOT_COLLECTED))


def bring_back(gift: Gift) -> list[Change]:
    """The member gives it back, because its spend was returned. Raises GiftChangeRefused."""
    return _steps(gift, (GiftState.RETURNED, GiftCause.BROUGHT_BACK))


def waive(gift: Gift, reason: WaiverReason) -> list[Change]:
    """The member may keep it. Raises GiftChangeRefused."""
    return _steps(gift, (GiftState.WAIVED, GiftCause(reason.value)))


def judge(gift: Gift, *, is_covered: bool) -> list[Change]:
    """After the spend of its day was looked at again. Nothing to do for most."""
    if not is_covered and gift.state in WAITING:
        return _steps(gift, (GiftState.CANCELLED, GiftCause.SPEND_RETURNED))
    if not is_covered and gift.state is GiftState.COLLECTED:
        return _steps(gift, (GiftState.CLAWBACK_DUE, GiftCause.SPEND_RETURNED))
    if is_covered and gift.state is GiftState.CLAWBACK_DUE:
        return _steps(gift, (GiftState.COLLECTED, GiftCause.COVERED_AGAIN))
    return []


def _check_in_time(gift: Gift, now: datetime) -> None:
    """The clock decides, also before the job that forfeits has run."""
    if gift.state in WAITING and now >= gift.collect_until:
        raise GiftNotCollectedInTime(gift.collect_until.isoformat())


def _steps(gift: Gift, *steps: tuple[GiftState, GiftCause]) -> list[Change]:
    changes: list[Change] = []
    state = gift.state
    for number, (to, cause) in enumerate(steps, gift.step + 1):
        if not may_follow(state, to):
            raise GiftChangeRefused(gift.state.value)
        changes.append(Change(gift.gift_id, gift.step, number, state, to, cause))
        state = to
    return changes
