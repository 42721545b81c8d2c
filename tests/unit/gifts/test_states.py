"""The states of a gift: every pair is walked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from membership.campaigns.model import RevisionId
from membership.gifts.errors import GiftChangeRefused, GiftCollectedAlready, GiftNotCollectedInTime
from membership.gifts.model import Gift, GiftCause, GiftId, GiftOfferId, GiftPoolId, GiftState, WaiverReason
from membership.gifts.rules import changing
from membership.gifts.rules.changing import Change
from membership.gifts.rules.states import HANDED_OVER, JUDGED, TRANSITIONS, WAITING, is_over, may_follow
from membership.kernel.ids import new_id
from membership.members.model import MemberId, MembershipKey
from membership.stores.model import CounterId, ProgrammeId, StoreId

NOW = datetime(2026, 11, 12, 4, tzinfo=UTC)
S = GiftState
SHANGHAI = ZoneInfo("Asia/Shanghai")

ALLOWED = {
    (S.CONFIRMED, S.READY),
    (S.CONFIRMED, S.CANCELLED),
    (S.CONFIRMED, S.FORFEITED),
    (S.READY, S.COLLECTED),
    (S.READY, S.CANCELLED),
    (S.READY, S.FORFEITED),
    (S.COLLECTED, S.CLAWBACK_DUE),
    (S.CLAWBACK_DUE, S.COLLECTED),
    (S.CLAWBACK_DUE, S.RETURNED),
    (S.CLAWBACK_DUE, S.WAIVED),
}


def gift_in(state: GiftState, *, step: int = 1) -> Gift:
    was_collected = state in {S.COLLECTED, S.CLAWBACK_DUE, S.RETURNED, S.WAIVED}
    return Gift(
        gift_id=GiftId(new_id()),
        code="0000000000",
        membership=MembershipKey(MemberId(new_id()), ProgrammeId(new_id())),
        offer_id=GiftOfferId(new_id()),
        pool_id=GiftPoolId(new_id()),
        store_id=StoreId(new_id()),
        day=date(2026, 11, 12),
        counter_id=CounterId(new_id()),
        revision_id=RevisionId(new_id()),
        rule_code="DAILY-GIFT",
        state=state,
        step=step,
        claimed_at=NOW,
        collect_until=NOW + timedelta(hours=10),
        collected_at=NOW if was_collected else None,
        collected_by="desk-1" if was_collected else None,
    )


@pytest.mark.parametrize(("state", "to"), list(product(GiftState, GiftState)))
def test_every_pair_of_states(state: GiftState, to: GiftState) -> None:
    assert may_follow(state, to) == ((state, to) in ALLOWED)


def test_the_table_knows_every_state() -> None:
    assert set(TRANSITIONS) == set(GiftState)
    assert {state for state in GiftState if is_over(state)} == {S.CANCELLED, S.FORFEITED, S.RETURNED, S.WAIVED}
    assert JUDGED == {state for state in GiftState if not is_over(state)} == WAITING | HANDED_OVER


@pytest.mark.parametrize("state", GiftState)
def test_what_may_be_done_in_which_state(state: GiftState) -> None:
    """Each act ends in its state, or refuses."""
    acts: dict[str, tuple[Callable[[Gift], list[Change]], set[GiftState], GiftState]] = {
        "pack": (lambda gift: changing.pack(gift, NOW), {S.CONFIRMED, S.READY}, S.READY),
        "hand over": (lambda gift: changing.hand_over(gift, NOW), {S.CONFIRMED, S.READY}, S.COLLECTED),
        "cancel": (changing.cancel, {S.CONFIRMED, S.READY}, S.CANCELLED),
        "forfeit": (changing.forfeit, {S.CONFIRMED, S.READY}, S.FORFEITED),
        "bring back": (changing.bring_back, {S.CLAWBACK_DUE}, S.RETURNED),
        "waive": (lambda gift: changing.waive(gift, WaiverReason.GOODWILL), {S.CLAWBACK_DUE}, S.WAIVED),
    }
    for name, (act, possible, end) in acts.items():
        gift = gift_in(state)
        if state in possible:
            changes = act(gift)
            assert [change.to_state for change in changes][-1:] in ([end], []), name
            assert [change.step for change in changes] == list(range(2, 2 + len(changes))), name
            assert all(may_follow(change.from_state, change.to_state) for change in changes), name
        else:
            with pytest.raises((GiftChangeRefused, GiftCollectedAlready)):
                act(gift)


@pytest.mark.parametrize("state", GiftState)
def test_a_refused_change_says_since_when_and_what_can_be_done(state: GiftState) -> None:
    gift = replace(gift_in(state), ready_at=NOW, ended_at=NOW if is_over(state) else None)
    # What is impossible in each state: to take back or forfeit what is over or waits, to pack what was handed over.
    with pytest.raises(GiftChangeRefused) as refused:
        if state is S.CLAWBACK_DUE:
            changing.cancel(replace(gift, collected_at=None), SHANGHAI)
        else:
            changing.bring_back(gift, SHANGHAI)
    facts, message = refused.value.facts(), refused.value.message
    assert facts["state"] == state.value
    if state is not S.CLAWBACK_DUE:
        assert facts["since"] == "2026-11-12T12:00+08:00"
        assert "2026-11-12 12:00 (+08:00)" in message
    says = {S.COLLECTED: "taken back only after", S.CANCELLED: "may claim another", S.FORFEITED: "may claim another"}
    assert says.get(state, "") in message
    assert "{" not in message


def test_what_was_handed_over_is_said_by_the_stores_clock() -> None:
    with pytest.raises(GiftCollectedAlready, match=r"handed over at 2026-11-12 12:00 \(\+08:00\)\."):
        changing.hand_over(gift_in(S.COLLECTED), NOW, SHANGHAI)


def test_a_desk_that_hands_over_at_once_takes_both_steps() -> None:
    assert [(step.to_state, step.cause) for step in changing.hand_over(gift_in(S.CONFIRMED), NOW)] == [
        (S.READY, GiftCause.PACKED),
        (S.COLLECTED, GiftCause.HANDED_OVER),
    ]
    assert [step.to_state for step in changing.hand_over(gift_in(S.READY), NOW)] == [S.COLLECTED]


def test_the_clock_forfeits_before_the_job_does() -> None:
    for act in (changing.pack, changing.hand_over):
        gift = gift_in(S.CONFIRMED)
        with pytest.raises(GiftNotCollectedInTime):
            act(gift, gift.collect_until)
        assert act(gift, gift.collect_until - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("state", "is_covered", "to"),
    [
        (S.CONFIRMED, True, None),
        (S.READY, True, None),
        (S.COLLECTED, True, None),
        (S.CLAWBACK_DUE, True, S.COLLECTED),
        (S.CONFIRMED, False, S.CANCELLED),
        (S.READY, False, S.CANCELLED),
        (S.COLLECTED, False, S.CLAWBACK_DUE),
        (S.CLAWBACK_DUE, False, None),
    ],
)
def test_a_judgement(state: GiftState, is_covered: bool, to: GiftState | None) -> None:
    changes = changing.judge(gift_in(state), is_covered=is_covered)
    assert [change.to_state for change in changes] == ([] if to is None else [to])
