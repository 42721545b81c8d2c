"""What a change of facts means for the records, and what the member is told."""

from datetime import date

from membership.kernel.ids import new_id
from membership.tiers.model import Grant, GrantId, Rescission, ReviewId, Source, StepDown
from membership.tiers.rules.change import StandingChange
from unit.tiers.book import Book
from unit.tiers.ladders import brompton, chaoyang, hangang, revision_of

D = date
TODAY = D(2026, 6, 1)


def told(change: StandingChange) -> tuple[list[str], list[tuple[str, str]]]:
    return [hold.tier for hold in change.granted], [(lost.hold.tier, lost.instead) for lost in change.lost]


def test_nothing_is_written_while_no_threshold_is_crossed() -> None:
    book = Book([revision_of(chaoyang())], TODAY)
    assert book.post(TODAY, 100_00, today=TODAY).is_nothing
    book.post(TODAY, 20_000_00, today=TODAY)
    assert book.post(TODAY, 100_00, today=TODAY).is_nothing


def test_an_upgrade_is_granted_and_recorded_with_its_criterion() -> None:
    book = Book([revision_of(chaoyang())], TODAY)
    change = book.post(TODAY, 20_000_00, today=TODAY)
    assert told(change) == (["SILVER"], [])
    [grant] = book.grants.values()
    assert (grant.tier, grant.source, grant.criterion) == ("SILVER", Source.QUALIFIED, "SPEND_IN_A_YEAR")
    assert (grant.qualified_on, grant.starts_on, grant.ends_on) == (TODAY, TODAY, D(2027, 6, 1))


def test_a_longer_term_is_written_without_a_new_grant() -> None:
    book = Book([revision_of(chaoyang())], TODAY)
    book.post(D(2026, 5, 1), 20_000_00, today=D(2026, 5, 1))
    change = book.post(TODAY, 1_00, today=TODAY)
    assert not change.is_nothing
    assert (change.granted, change.lost, change.new_grants) == ((), (), ())
    assert book.standing.hold.ends_on == D(2027, 6, 1)


def test_an_upgrade_that_lies_ahead_is_granted_when_it_is_earned() -> None:
    book = Book([revision_of(hangang())], TODAY)
    assert told(book.post(TODAY, 10_000_000, today=TODAY)) == (["RED", "JADE"], [])
    assert book.tier(TODAY) == "WHITE"
    assert told(book.post(D(2026, 7, 5), 1, today=D(2026, 7, 5))) == ([], [])
    assert book.tier(D(2026, 7, 5)) == "RED"


def test_a_return_rescinds_at_once_what_it_had_paid_for() -> None:
    book = Book([revision_of(chaoyang())], TODAY)
    book.post(D(2026, 5, 1), 20_000_00, today=D(2026, 5, 1))
    book.post(TODAY, 80_000_00, today=TODAY)
    change = book.post(TODAY, -80_000_00, today=D(2026, 6, 20))
    assert told(change) == ([], [("GOLD", "SILVER")])
    assert [because for _, because in change.withdrawn] == [Rescission.SPEND_RETURNED]
    assert book.live_qualifications == {("SILVER", "SPEND_IN_A_YEAR", D(2026, 5, 1))}


def test_a_return_rescinds_an_upgrade_that_lies_ahead() -> None:
    book = Book([revision_of(hangang())], TODAY)
    book.post(TODAY, 10_000_000, today=TODAY)
    assert told(book.post(TODAY, -8_000_000, today=TODAY)) == ([], [("JADE", "RED")])
    assert told(book.post(TODAY, -1_000_000, today=TODAY)) == ([], [("RED", "WHITE")])
    assert book.grants == {}


def test_an_earlier_day_that_comes_in_late_replaces_the_record_and_tells_nobody() -> None:
    book = Book([revision_of(chaoyang())], TODAY)
    book.post(TODAY, 20_000_00, today=TODAY)
    change = book.post(D(2026, 5, 28), 20_000_00, today=D(2026, 6, 2))
    assert told(change) == ([], [])
    assert [because for _, because in change.withdrawn] == [Rescission.SUPERSEDED]
    assert book.standing.hold.since == D(2026, 5, 28)


def test_a_tier_that_comes_earlier_than_it_was_granted_is_told() -> None:
    book = Book([revision_of(brompton())], TODAY)
    book.post(TODAY, 5_000_00, today=TODAY)
    change = book.post(D(2026, 5, 30), 5_000_00, today=TODAY)
    assert told(change) == (["CLARET", "MIDNIGHT"], [])
    assert [hold.since for hold in change.granted] == [D(2026, 5, 31), D(2026, 6, 2)]


def test_step_downs_are_overturned_and_restored_as_the_facts_say() -> None:
    book = Book([revision_of(chaoyang())], D(2025, 5, 1))
    book.post(D(2025, 5, 1), 100_000_00, today=D(2025, 5, 1))
    step = StepDown(ReviewId(new_id()), D(2026, 5, 1), D(2026, 5, 1), "GOLD", "SILVER", 1)
    book.step_downs[step.review_id] = step
    book.apply(TODAY)
    assert book.tier(TODAY) == "SILVER"
    late = book.post(D(2026, 4, 28), 100_000_00, today=TODAY)
    assert (told(late), late.overturned) == ((["GOLD"], []), (step.review_id,))
    returned = book.post(D(2026, 4, 28), -100_000_00, today=TODAY)
    assert (told(returned), returned.restored) == (([], [("GOLD", "SILVER")]), (step.review_id,))


def test_grants_by_hand_are_never_withdrawn_by_spend() -> None:
    book = Book([revision_of(chaoyang())], TODAY)
    grant = Grant(GrantId(new_id()), "GOLD", Source.MANUAL, "GOODWILL", TODAY, TODAY, D(2026, 9, 1), 1)
    book.grants[grant.grant_id] = grant
    assert book.apply(TODAY).withdrawn == ()
    change = book.post(TODAY, 100_00, today=TODAY)
    assert change.is_nothing
