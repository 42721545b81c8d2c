"""Other times for a visit: what is proposed is accepted by a move at that moment (A2), wherever the stops are now."""

from datetime import datetime, time
from uuid import UUID

import pytest

from membership.appointments.model import Appointment, ResourceKind, Service, Stop
from membership.appointments.rules.steps import Step
from membership.kernel.actor import Role
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.visits.errors import UnknownVisit, VisitOutOfBounds, VisitStepRefused
from membership.visits.model import Made, NewTime, Proposal, StopOrder, VisitWish
from support.appointment_desk import TODAY, at, rules
from support.visit_desk import COUNTERS, VisitDesk, one_after_another, open_visit_desk, times_of


@pytest.fixture
async def desk(database: Database, conn: Conn) -> VisitDesk:
    return await open_visit_desk(database, conn)


async def moved_and_back(desk: VisitDesk, member: MembershipKey, made: Made, proposal: Proposal) -> Made:
    """The visit where it was, after it was where it was proposed to be."""
    moved = await desk.move(member, made, *times_of(proposal))
    assert [stop.period for stop in moved.record.stops] == [planned.period for planned in proposal.stops]
    was = {stop.uid: stop for stop in made.record.stops}
    back = [
        NewTime(stop.appointment_id, was[stop.uid].period.start, was[stop.uid].associate_id)
        for stop in moved.record.stops
    ]
    return await desk.move(member, moved, *back)


def overlaps(proposal: Proposal, stops: tuple[Appointment, ...]) -> bool:
    """Whether every stop would begin while it takes place now, or end then."""
    by_id = {stop.appointment_id: stop.period for stop in stops}
    return all(
        planned.moves is not None
        and planned.period != by_id[planned.moves]
        and planned.period.start < by_id[planned.moves].end
        and by_id[planned.moves].start < planned.period.end
        for planned in proposal.stops
    )


async def test_every_proposed_move_is_accepted_and_those_that_overlap_are_proposed(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    made = await desk.book(member, *one_after_another(services))  # 14:00, 15:30, 17:00
    bounds = VisitWish((), TODAY, order=StopOrder.GIVEN, earliest=time(14, 30), latest=time(18, 30), most=20)
    [half_an_hour_later] = (await desk.propose_moves(member, made, bounds=bounds)).found
    assert overlaps(half_an_hour_later, made.record.stops)
    number = len((await desk.propose_moves(member, made, bounds=VisitWish((), TODAY, most=20))).found)
    assert number > 10
    for place in range(number):
        found = await desk.propose_moves(member, made, bounds=VisitWish((), TODAY, most=20))
        made = await moved_and_back(desk, member, made, found.found[place])


async def two_who_serve_all(desk: VisitDesk) -> tuple[Service, Service, Service]:
    """A fitting, after which an hour is needed to tidy up, a viewing of two hours and a tasting, by the same two."""
    associates = await desk.appointments.resources(ResourceKind.ASSOCIATE, 2)
    given = (rules(after_minutes=60), rules(duration_minutes=120), rules())
    fitting, viewing, tasting = [
        await desk.appointments.service(
            code, counter=COUNTERS[0], given=entry, candidates={ResourceKind.ASSOCIATE: associates}
        )
        for code, entry in zip(("FITTING", "VIEWING", "TASTING"), given, strict=True)
    ]
    return fitting, viewing, tasting


async def test_a_stop_that_is_kept_is_kept_with_whom_it_has(desk: VisitDesk) -> None:
    """Were the fitting booked now, it would be given to the second associate, who has less to do, and the first would
    be free for the viewing at once. But it stays with the first, and the second is taken from 16:00 to 17:00."""
    fitting, viewing, tasting = await two_who_serve_all(desk)
    first, second = fitting.candidates[ResourceKind.ASSOCIATE]
    for start, associate in ((at(16), second), (at(20), first), (at(21), first)):
        await desk.appointments.book(await desk.join(), Stop(tasting.service_id, start, associate))
    member = await desk.join()
    made = await desk.book(member, Stop(fitting.service_id, at(14), first), Stop(viewing.service_id, at(18), first))
    bounds = VisitWish((), TODAY, order=StopOrder.GIVEN, earliest=time(14), most=20)
    found = (await desk.propose_moves(member, made, bounds=bounds)).found
    [kept] = [proposal for proposal in found if proposal.period.start == at(14)]
    assert kept.stops[0].chosen.resources == {ResourceKind.ASSOCIATE: first}
    assert kept.stops[1].period.start == at(16)
    for place in range(len(found)):
        proposals = (await desk.propose_moves(member, made, bounds=bounds)).found
        made = await moved_and_back(desk, member, made, proposals[place])


async def test_a_stop_may_stay_though_it_is_too_late_to_book_it(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services(2, given=rules(notice_minutes=120))
    made = await desk.book(member, *one_after_another(services, 15))  # 15:00, 16:30
    desk.appointments.clock.set(at(14))
    found = (await desk.propose_moves(member, made, bounds=VisitWish((), TODAY, order=StopOrder.GIVEN))).found
    [kept] = [proposal for proposal in found if proposal.period.start == at(15)]
    # At 16:30 the other one takes place now: with both where they are, nothing would be moved.
    assert [time.starts_at for time in times_of(kept)] == [at(15), at(17)]
    made = await desk.move(member, made, *times_of(kept))
    assert [stop.sequence for stop in made.record.stops] == [0, 1]


async def test_a_visit_is_not_proposed_where_it_is(desk: VisitDesk) -> None:
    """Asked again after it was moved to the best time, other times are told, and one that begins as it does now too."""
    member, services = await desk.join(), await desk.services(2)
    made = await desk.book(member, *one_after_another(services, 13))
    bounds = VisitWish((), TODAY, earliest=time(14, 30), most=1)
    for _ in range(3):
        [best] = (await desk.propose_moves(member, made, bounds=bounds)).found
        moved = await desk.move(member, made, *times_of(best))
        assert starts_of(moved) != starts_of(made)
        made = moved
    found = (await desk.propose_moves(member, made, bounds=VisitWish((), TODAY, most=20))).found
    now = {stop.appointment_id: stop.period.start for stop in made.record.stops}
    assert now not in [{new.appointment_id: new.starts_at for new in times_of(proposal)} for proposal in found]
    assert min(now.values()) in [proposal.period.start for proposal in found]


def starts_of(made: Made) -> dict[UUID, datetime]:
    return {stop.uid: stop.period.start for stop in made.record.stops}


async def test_where_a_visit_could_only_stay_nothing_is_proposed(desk: VisitDesk) -> None:
    member, [fitting] = await desk.join(), await desk.services(1)
    made = await desk.book(member, Stop(fitting.service_id, at(14)))
    bounds = VisitWish((), TODAY, earliest=time(14), latest=time(15))
    assert (await desk.propose_moves(member, made, bounds=bounds)).found == ()


async def test_stops_that_cannot_be_moved_stay_and_are_walked_from(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services(2, given=rules(every_minutes=5))
    made = await desk.book(member, Stop(services[0].service_id, at(13)), Stop(services[1].service_id, at(17)))
    await desk.appointments.step(made.record.stops[0], Step.CHECK_IN)
    found = (await desk.propose_moves(member, made, bounds=VisitWish((), TODAY, most=20))).found
    assert {len(proposal.stops) for proposal in found} == {1}
    # It is over at 14:00, and the other counter is seven minutes away.
    assert min(proposal.period.start for proposal in found) == at(14, 10)


async def test_an_associate_moves_what_is_at_their_counter(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    made = await desk.book(member, *one_after_another(services))
    actor = desk.appointments.actor(Role.ASSOCIATE)
    own = [stop for stop in made.record.stops if stop.counter_id == actor.counter_id]
    [best, *_] = (await desk.propose_moves(member, made, actor=actor)).found
    assert [time.appointment_id for time in times_of(best)] == [stop.appointment_id for stop in own]
    await desk.move(member, made, *times_of(best), actor=actor)


async def test_the_same_associates_if_asked(desk: VisitDesk) -> None:
    *_, tasting = await two_who_serve_all(desk)
    first, _ = tasting.candidates[ResourceKind.ASSOCIATE]
    await desk.appointments.book(await desk.join(), Stop(tasting.service_id, at(17), first))
    member = await desk.join()
    made = await desk.book(member, Stop(tasting.service_id, at(14), first))
    bounds = VisitWish((), TODAY, earliest=time(16), latest=time(18), most=20)
    anybody = await desk.propose_moves(member, made, bounds=bounds)
    same = await desk.propose_moves(member, made, bounds=bounds, same_associates=True)
    assert [proposal.period.start for proposal in anybody.found] == [at(16), at(16, 30), at(17)]
    assert [proposal.stops[0].stop for proposal in same.found] == [Stop(tasting.service_id, at(16), first)]
    [stop] = (await desk.move(member, made, *times_of(same.found[0]))).record.stops
    assert stop.associate_id == first


async def test_where_nothing_can_be_moved_it_is_said(desk: VisitDesk) -> None:
    member, [service] = await desk.join(), await desk.services(1)
    held = await desk.hold(member, Stop(service.service_id, at(14)))
    with pytest.raises(VisitStepRefused) as refused:
        await desk.propose_moves(member, held)
    assert refused.value.state == "HELD"
    booked = await desk.confirm(member, held)
    assert (await desk.propose_moves(member, booked)).found
    with pytest.raises(UnknownVisit):
        await desk.propose_moves(member, booked, actor=desk.member(await desk.join()))
    with pytest.raises(VisitOutOfBounds):
        await desk.propose_moves(member, booked, bounds=VisitWish((), TODAY, days=8))
    await desk.cancel(member, booked)
    with pytest.raises(VisitStepRefused) as refused:
        await desk.propose_moves(member, booked)
    assert refused.value.state == "CANCELLED"


@pytest.mark.parametrize("days", [1, 7])
@pytest.mark.parametrize("number", [1, 5])
async def test_looking_costs_as_many_statements_whatever_the_visit(
    desk: VisitDesk, statements: list[str], number: int, days: int
) -> None:
    """The stops, what they take, the services, and what is taken; before them the visit."""
    member, services = await desk.join(), await desk.services(number)
    made = await desk.book(member, *one_after_another(services, 13))
    await desk.propose_moves(member, made)
    statements.clear()
    await desk.propose_moves(member, made, bounds=VisitWish((), TODAY, days=days))
    assert len([text for text in statements if "appointments." in text]) == 4
    assert len([text for text in statements if "FROM visits." in text]) == 1
