"""When a rehearsal's goal is met, and when it is missed."""

import pytest

from membership.rehearsal.claiming import Claims, Given
from membership.rehearsal.figures import Found, Goal, Struck, found
from membership.rehearsal.haproxy import Seen
from membership.rehearsal.traffic import Carried
from membership.rehearsal.witness import Sent, Tally
from membership.till_simulator.book import Book
from membership.till_simulator.proof import Proof

STRUCK_AT = 100.0
BUSY = Sent(101.0, 0.5, "CommitSale", "UNAVAILABLE", typed=True)
BUG = Sent(101.0, 0.5, "CommitSale", "INTERNAL_SERVER_ERROR", typed=True)
CUT = Sent(101.0, 0.5, "CommitSale", "ReadError")


def _answered(began: float) -> Sent:
    return Sent(began, 0.25, "CommitSale")


def _found(
    goal: Goal,
    *sent: Sent,
    resent: int = 0,
    given_up: int = 0,
    wrong: tuple[str, ...] = (),
    sorry: tuple[str, ...] = (),
) -> Found:
    book = Book()
    book.given_up["UNAVAILABLE"] += given_up
    carried = Carried(
        tally=Tally([_answered(99), *sent, _answered(103)]),
        book=book,
        proof=Proof(wrong=list(wrong)),
        claims=Claims(),
        given=Given(),
        retries=0,
    )
    return found("a fault", goal, Struck(STRUCK_AT, 102, sorry=sorry), carried, (Seen(5), Seen(5 + resent)))


@pytest.mark.parametrize("goal", Goal)
def test_where_nothing_failed_the_goal_is_met(goal: Goal) -> None:
    assert _found(goal).missed == []


@pytest.mark.parametrize("failure", [BUSY, BUG, CUT])
def test_nothing_may_fail_where_that_is_the_goal_not_even_once(failure: Sent) -> None:
    (missed,) = _found(Goal.NOTHING, failure).missed
    assert missed.startswith("1 requests failed, and none may")


def test_a_proxy_that_had_to_send_again_hides_no_failure() -> None:
    (missed,) = _found(Goal.NOTHING, resent=2).missed
    assert "send 2 requests again" in missed
    assert _found(Goal.REFUSALS, resent=2).is_good


def test_a_typed_refusal_that_may_be_repeated_is_good_enough_where_something_is_lost() -> None:
    assert _found(Goal.REFUSALS, BUSY).is_good


@pytest.mark.parametrize("failure", [BUG, CUT])
def test_what_no_client_can_understand_is_not(failure: Sent) -> None:
    (missed,) = _found(Goal.REFUSALS, failure).missed
    assert missed.startswith("1 requests failed without a code")


@pytest.mark.parametrize("goal", Goal)
def test_a_request_given_up_an_effect_that_is_wrong_and_a_bad_end_miss_every_goal(goal: Goal) -> None:
    assert not _found(goal, given_up=1).is_good
    assert _found(goal, wrong=("A sale is lost.",)).missed == ["A sale is lost."]
    assert _found(goal, sorry=("A process ended with code 1.",)).missed == ["A process ended with code 1."]


def test_recovery_ends_with_the_first_answer_to_a_request_that_began_after_the_last_failure() -> None:
    """BUSY ends at 101.5. One that was under way then may have been answered by luck."""
    entry = _found(Goal.REFUSALS, _answered(101.4), BUSY, _answered(101.6))
    assert entry.recovered_seconds == pytest.approx(101.85 - STRUCK_AT)
    assert _found(Goal.REFUSALS).recovered_seconds == 0


def test_failures_are_counted_by_code() -> None:
    entry = _found(Goal.REFUSALS, BUSY, BUSY, CUT)
    assert (entry.sent, entry.failed, entry.untyped) == (5, 3, 1)
    assert entry.refusals == {"UNAVAILABLE": 2, "ReadError": 1}
