"""Visits: found and booked in one go, all or nothing, moved and cancelled as one, on real PostgreSQL."""

from datetime import time, timedelta

import pytest

from membership.appointments.errors import (
    AppointmentStepRefused,
    HoldExpired,
    UnknownAppointment,
    UnknownService,
)
from membership.appointments.model import AppointmentState, Stop, VisitId
from membership.appointments.rules.states import HOLD
from membership.appointments.rules.steps import Step
from membership.campaigns.content import BookingOpening
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.kernel.payment_cards import PaymentCardNumber
from membership.members.errors import UnknownMember
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict
from membership.visits.errors import (
    UnknownVisit,
    VisitInSeveralStores,
    VisitOutOfBounds,
    VisitPartlyUnavailable,
    VisitStepRefused,
)
from membership.visits.model import Made, NewTime, VisitMode, VisitSource, VisitState, VisitWish
from membership.visits.rules.itinerary import legs, visit_state
from support.appointment_desk import TODAY, at, new_key, rules
from support.campaign_desk import few_days, open_campaign_desk
from support.visit_desk import COUNTERS, VisitDesk, one_after_another, open_visit_desk, stops_of

State = AppointmentState


@pytest.fixture
async def desk(database: Database, conn: Conn) -> VisitDesk:
    return await open_visit_desk(database, conn)


def states_of(made: Made) -> list[AppointmentState]:
    return [stop.state for stop in made.record.stops]


def state_of(desk: VisitDesk, made: Made) -> VisitState:
    return visit_state(made.record.stops, desk.now)


# ---- finding


async def test_three_stops_are_found_in_one_search_and_the_best_is_booked(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    proposals = await desk.propose(member, *services)
    assert proposals.complete
    assert len(proposals.found) == 10
    [best, *_] = proposals.found
    made = await desk.book(member, *stops_of(best))
    assert states_of(made) == [State.CONFIRMED] * 3
    assert [stop.period for stop in made.record.stops] == [planned.period for planned in best.stops]
    assert not any(leg.is_tight for leg in legs(made.record.stops, await directory(desk), desk.now))


async def directory(desk: VisitDesk):  # type: ignore[no-untyped-def]
    return await desk.visits.directories.directory(desk.now)


async def test_every_proposal_books(desk: VisitDesk) -> None:
    """A2: one after the other, each by another member, what the others took given back in between."""
    member, services = await desk.join(), await desk.services()
    other = await desk.join()
    await desk.book(other, *one_after_another(services))
    for proposal in (await desk.propose(member, *services, wish=VisitWish((), TODAY, days=2))).found:
        made = await desk.book(member, *stops_of(proposal))
        assert [stop.period for stop in made.record.stops] == [planned.period for planned in proposal.stops]
        await desk.cancel(member, made)


@pytest.mark.parametrize("days", [1, 7])
@pytest.mark.parametrize("number", [1, 5])
async def test_a_search_is_two_statements_whatever_its_size(
    desk: VisitDesk, statements: list[str], days: int, number: int
) -> None:
    """Beside them, one that says who the member is by now."""
    member, services = await desk.join(), await desk.services(number)
    wish = VisitWish((), TODAY, days=days)
    for actor in (desk.appointments.actor(), desk.member(member)):
        await desk.propose(member, *services, actor=actor, wish=wish)
        statements.clear()
        await desk.propose(member, *services, actor=actor, wish=wish)
        asked = [text for text in statements if "appointments." in text]
        assert len(asked) == 2
        assert len([text for text in statements if "members.members" in text]) == 1


async def test_a_search_minds_where_the_member_is_already(desk: VisitDesk) -> None:
    member, [fitting, watch] = await desk.join(), await desk.services(2)
    tea = await desk.appointments.service("TEA", units=1)
    await desk.book(member, Stop(tea.service_id, at(15)))
    bounds = VisitWish((), TODAY, earliest=time(14), latest=time(16, 30))
    assert not (await desk.propose(member, fitting, watch, wish=bounds)).found
    assert (await desk.propose(await desk.join(), fitting, watch, wish=bounds)).found


async def test_a_wish_has_its_bounds(desk: VisitDesk) -> None:
    member, [service] = await desk.join(), await desk.services(1)
    for wish in (VisitWish((), TODAY, days=0), VisitWish((), TODAY, days=8), VisitWish((), TODAY, most=21)):
        with pytest.raises(VisitOutOfBounds):
            await desk.propose(member, service, wish=wish)
    with pytest.raises(VisitOutOfBounds):
        await desk.propose(member)
    with pytest.raises(VisitOutOfBounds):
        await desk.propose(member, *[service] * 9)


async def test_nobody_looks_for_somebody_else(desk: VisitDesk) -> None:
    member, other, [service] = await desk.join(), await desk.join(), await desk.services(1)
    with pytest.raises(UnknownMember):
        await desk.propose(member, service, actor=desk.member(other))
    with pytest.raises(UnknownMember):
        await desk.book(member, Stop(service.service_id, at(14)), actor=desk.member(other))


# ---- all or nothing


async def test_a_stop_that_cannot_be_had_is_named_with_what_would_fit(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    stops = one_after_another(services)  # 14:00, 15:30, 17:00
    taken = await desk.book(await desk.join(), stops[1])
    with pytest.raises(VisitPartlyUnavailable) as refused:
        await desk.book(member, *stops)
    [stop] = refused.value.stops
    assert (stop.place, stop.service, stop.reason) == (1, "SERVICE-1", "SLOT_TAKEN")
    # Between the first and the last the only hour is taken; before the first there is one, and time to walk. After the
    # last, 18:30 is as near, and later.
    assert stop.nearest == "2026-05-20T12:30+08:00"
    assert refused.value.of == 3
    assert len(await desk.appointments.states()) == len(taken.record.stops)
    instead = [stops[0], Stop(stops[1].service_id, at(12, 30)), stops[2]]
    assert states_of(await desk.book(member, *instead)) == [State.CONFIRMED] * 3


async def test_a_refusal_says_what_is_wrong_in_a_sentence_and_one_way_out(desk: VisitDesk) -> None:
    """No second "nearest" that the rest of the visit leaves no time for, and no other thing to do."""
    member, [fitting, watch] = await desk.join(), await desk.services(2)
    await desk.book(await desk.join(), Stop(watch.service_id, at(17)))
    stops = [Stop(fitting.service_id, at(14, 10)), Stop(watch.service_id, at(17))]
    with pytest.raises(VisitPartlyUnavailable) as refused:
        await desk.book(member, *stops)
    assert refused.value.message == (
        "2 of 2 stops cannot be had. "
        "SERVICE-0 does not begin at 2026-05-20 14:10 (+08:00). "
        "What fits instead is SERVICE-0 at 2026-05-20 14:00 (+08:00). "
        "SERVICE-1 at 2026-05-20 17:00 (+08:00) has just been taken. "
        "What fits instead is SERVICE-1 at 2026-05-20 16:00 (+08:00)."
    )
    with pytest.raises(VisitPartlyUnavailable) as early:
        await desk.book(member, Stop(fitting.service_id, at(14, days=200)))
    assert early.value.message == (
        f"1 of 1 stops cannot be had. {early.value.stops[0].reason_text} "
        "Look for the visit anew, on another day or with other stops."
    )
    assert early.value.stops[0].reason_text.endswith(" on.")  # and not: come back then


async def test_what_is_proposed_instead_goes_together(desk: VisitDesk) -> None:
    member, [fitting, watch] = await desk.join(), await desk.services(2)
    stops = [Stop(fitting.service_id, at(14)), Stop(watch.service_id, at(14))]
    await desk.book(await desk.join(), stops[0])
    await desk.book(await desk.join(), stops[1])
    with pytest.raises(VisitPartlyUnavailable) as refused:
        await desk.book(member, *stops)
    by_place = {stop.place: stop.nearest for stop in refused.value.stops}
    assert by_place == {0: "2026-05-20T13:00+08:00", 1: "2026-05-20T15:00+08:00"}


async def test_an_alternative_may_not_exist(desk: VisitDesk) -> None:
    member, [fitting] = await desk.join(), await desk.services(1)
    with pytest.raises(VisitPartlyUnavailable) as refused:
        await desk.book(member, Stop(fitting.service_id, at(11)))
    assert refused.value.stops[0].reason == "TOO_LATE_TO_BOOK"
    for hour in range(13, 22):
        await desk.book(await desk.join(), Stop(fitting.service_id, at(hour)))
    await desk.book(await desk.join(), Stop(fitting.service_id, at(12)))
    with pytest.raises(VisitPartlyUnavailable) as full:
        await desk.book(member, Stop(fitting.service_id, at(14)))
    assert full.value.stops[0].nearest is None
    assert "Look for the visit anew" in full.value.message


async def test_best_effort_keeps_what_can_be_had_and_names_the_rest(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    stops = one_after_another(services)
    await desk.book(await desk.join(), stops[2])
    made = await desk.book(member, *stops, mode=VisitMode.BEST_EFFORT, key="best")
    assert states_of(made) == [State.CONFIRMED] * 2
    assert [(entry.place, entry.nearest) for entry in made.missing] == [(2, "2026-05-20T18:00+08:00")]
    again = await desk.book(member, *stops, mode=VisitMode.BEST_EFFORT, key="best")
    assert (again.missing, states_of(again)) == (made.missing, states_of(made))


async def test_best_effort_of_nothing_is_refused(desk: VisitDesk, conn: Conn) -> None:
    member, [service] = await desk.join(), await desk.services(1)
    await desk.book(await desk.join(), Stop(service.service_id, at(14)))
    with pytest.raises(VisitPartlyUnavailable):
        await desk.book(member, Stop(service.service_id, at(14)), mode=VisitMode.BEST_EFFORT)
    assert await conn.fetchval("SELECT count(*) FROM visits.visits") == 1


async def test_a_visit_is_to_one_store(desk: VisitDesk, conn: Conn) -> None:
    member, [service, other] = await desk.join(), await desk.services(2)
    # A second store of the programme: the service is moved there.
    await conn.execute(
        "INSERT INTO stores.stores (store_id, programme_id, code, names, zone, cutover, opening_hours) "
        "SELECT $2, programme_id, 'ANNEXE', names, zone, cutover, opening_hours FROM stores.stores WHERE store_id = $1",
        service.store_id,
        annexe := new_id(),
    )
    await conn.execute("UPDATE appointments.services SET store_id = $2 WHERE service_id = $1", other.service_id, annexe)
    await desk.visits.directories.reload(desk.now)
    with pytest.raises(VisitInSeveralStores) as refused:
        await desk.propose(member, service, other)
    assert refused.value.stores == ["ANNEXE", "CHAOYANG-GALLERIA"]
    with pytest.raises(VisitInSeveralStores):
        await desk.book(member, Stop(service.service_id, at(14)), Stop(other.service_id, at(16)))
    assert await desk.appointments.states() == []


# ---- holding and confirming


async def test_a_held_visit_is_confirmed_as_one(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    held = await desk.hold(member, *one_after_another(services), note="A birthday, and nobody may know.")
    assert states_of(held) == [State.HELD] * 3
    assert state_of(desk, held) is VisitState.HELD
    confirmed = await desk.confirm(member, held)
    assert states_of(confirmed) == [State.CONFIRMED] * 3
    assert confirmed.record.visit.note == "A birthday, and nobody may know."
    with pytest.raises(VisitStepRefused):
        await desk.confirm(member, held)


async def test_a_visit_that_was_held_too_long_is_gone(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    held = await desk.hold(member, *one_after_another(services))
    desk.appointments.clock.advance(HOLD)
    assert state_of(desk, held) is VisitState.EXPIRED
    with pytest.raises(HoldExpired):
        await desk.confirm(member, held)
    with pytest.raises(VisitStepRefused):
        await desk.cancel(member, held)
    assert await desk.book(await desk.join(), *one_after_another(services))


async def test_a_visit_that_was_held_too_long_says_so_once_that_was_written_down(desk: VisitDesk) -> None:
    """Who books its places instead ends its holds, as the worker does after a while; the member is told the same."""
    member, services = await desk.join(), await desk.services()
    held = await desk.hold(member, *one_after_another(services))
    await desk.cancel(member, held, held.record.stops[0])
    desk.appointments.clock.advance(HOLD)
    await desk.book(await desk.join(), *one_after_another(services))
    assert sorted(await desk.appointments.states()) == ["CANCELLED", *["CONFIRMED"] * 3, *["EXPIRED"] * 2]
    with pytest.raises(HoldExpired):
        await desk.confirm(member, held)


async def test_a_brand_that_has_to_accept_makes_it_requested(desk: VisitDesk) -> None:
    member, [fitting] = await desk.join(), await desk.services(1)
    viewing = await desk.appointments.service("VIEWING", rooms=1, counter=COUNTERS[1], given=rules(answer_minutes=60))
    made = await desk.book(member, Stop(fitting.service_id, at(14)), Stop(viewing.service_id, at(16)))
    assert state_of(desk, made) is VisitState.REQUESTED
    await desk.appointments.step(made.record.stops[1], Step.ACCEPT, actor=desk.appointments.actor())
    [again] = (await reread(desk, made)).record.stops[1:]
    assert again.state is State.CONFIRMED


async def reread(desk: VisitDesk, made: Made) -> Made:
    """A cancellation of nothing that there is would be refused; a move to where everything is changes nothing."""
    times = [NewTime(stop.appointment_id, stop.period.start) for stop in made.record.stops[:1]]
    member = made.record.stops[0].membership
    return await desk.move(member, made, *times)


async def test_a_repeat_makes_no_second_visit(desk: VisitDesk, conn: Conn) -> None:
    member, services = await desk.join(), await desk.services()
    stops = one_after_another(services)
    first, again = [await desk.book(member, *stops, key="once") for _ in range(2)]
    assert first == again
    assert await conn.fetchval("SELECT count(*) FROM visits.visits") == 1
    with pytest.raises(IdempotencyConflict):
        await desk.book(member, *stops[:2], key="once")


async def test_a_note_holds_no_card_number(desk: VisitDesk) -> None:
    member, [service] = await desk.join(), await desk.services(1)
    with pytest.raises(PaymentCardNumber):
        await desk.hold(member, Stop(service.service_id, at(14)), note="Charge 4111 1111 1111 1111.")


@pytest.mark.parametrize(
    ("role", "source"),
    [
        (Role.ASSOCIATE, VisitSource.COUNTER),
        (Role.DESK, VisitSource.COUNTER),
        (Role.MEMBER_SERVICES, VisitSource.MEMBER_SERVICES),
        (Role.ADMIN, VisitSource.SYSTEM),
        (Role.SERVICE, VisitSource.SYSTEM),
    ],
)
async def test_staff_book_for_members(desk: VisitDesk, role: Role, source: VisitSource) -> None:
    member, [service] = await desk.join(), await desk.services(1)
    actor = desk.appointments.actor(role)
    made = await desk.book(member, Stop(service.service_id, at(14)), actor=actor)
    assert made.record.visit.source is source


async def test_an_associate_books_at_the_own_counter_and_sees_only_that(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services(2)
    stops = one_after_another(services)
    associate = desk.appointments.actor(Role.ASSOCIATE, counter=COUNTERS[0])
    with pytest.raises(UnknownService):
        await desk.book(member, *stops, actor=associate)
    with pytest.raises(UnknownService):
        await desk.propose(member, *services, actor=associate)
    made = await desk.book(member, *stops)
    cancelled = await desk.cancel(member, made, actor=associate)
    assert [stop.counter_id for stop in cancelled.record.stops] == [services[0].counter_id]
    assert await desk.appointments.states() == ["CANCELLED", "CONFIRMED"]
    elsewhere = desk.appointments.actor(Role.ASSOCIATE, counter=COUNTERS[4])
    with pytest.raises(UnknownVisit):
        await desk.cancel(member, made, actor=elsewhere)


# ---- moving


async def test_a_whole_visit_is_moved_under_its_uids(desk: VisitDesk) -> None:
    """A7 for visits."""
    member, services = await desk.join(), await desk.services()
    made = await desk.book(member, *one_after_another(services))
    later = one_after_another(services, 18)
    moved = await desk.move(member, made, *times(made, later))
    assert [stop.period.start for stop in moved.record.stops] == [stop.starts_at for stop in later]
    assert [(stop.uid, stop.sequence) for stop in moved.record.stops] == [
        (stop.uid, stop.sequence + 1) for stop in made.record.stops
    ]
    assert {stop.visit_id for stop in moved.record.stops} == {made.record.visit.visit_id}
    assert sorted(await desk.appointments.states()) == ["CONFIRMED"] * 3 + ["SUPERSEDED"] * 3
    assert [[stop.appointment_id for stop in freed] for freed in desk.freed] == [
        [stop.appointment_id for stop in made.record.stops]
    ]


def times(made: Made, stops: list[Stop]) -> list[NewTime]:
    return [NewTime(old.appointment_id, stop.starts_at) for old, stop in zip(made.record.stops, stops, strict=True)]


async def test_stops_may_take_each_others_time(desk: VisitDesk) -> None:
    """The old ones are out of the way before anything is judged."""
    member, [fitting, watch] = await desk.join(), await desk.services(2)
    made = await desk.book(member, Stop(fitting.service_id, at(14)), Stop(watch.service_id, at(15, 30)))
    first, second = made.record.stops
    moved = await desk.move(
        member, made, NewTime(first.appointment_id, at(15, 30)), NewTime(second.appointment_id, at(14))
    )
    assert [stop.service_id for stop in moved.record.stops] == [watch.service_id, fitting.service_id]


async def test_a_move_that_fails_leaves_the_visit_as_it_was(desk: VisitDesk) -> None:
    """A5."""
    member, services = await desk.join(), await desk.services()
    made = await desk.book(member, *one_after_another(services))
    later = one_after_another(services, 18)
    await desk.book(await desk.join(), later[2])
    with pytest.raises(VisitPartlyUnavailable) as refused:
        await desk.move(member, made, *times(made, later))
    assert [stop.place for stop in refused.value.stops] == [2]
    assert (await reread(desk, made)).record == made.record
    assert desk.freed == []


async def test_what_stays_where_it_is_is_left_alone(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    made = await desk.book(member, *one_after_another(services))
    first, second, third = made.record.stops
    moved = await desk.move(
        member,
        made,
        NewTime(first.appointment_id, first.period.start, first.associate_id),
        NewTime(second.appointment_id, second.period.start),
        NewTime(third.appointment_id, at(19)),
    )
    assert [stop.sequence for stop in moved.record.stops] == [0, 0, 1]
    assert moved.record.stops[:2] == (first, second)


async def test_only_what_is_confirmed_and_of_the_visit_is_moved(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    held = await desk.hold(member, *one_after_another(services))
    with pytest.raises(AppointmentStepRefused):
        await desk.move(member, held, NewTime(held.record.stops[0].appointment_id, at(19)))
    other = await desk.book(member, Stop(services[0].service_id, at(20)))
    with pytest.raises(UnknownAppointment):
        await desk.move(member, held, NewTime(other.record.stops[0].appointment_id, at(19)))
    twice = NewTime(other.record.stops[0].appointment_id, at(19))
    with pytest.raises(UnknownAppointment):
        await desk.move(member, other, twice, twice)


# ---- cancelling and adding


async def test_a_visit_is_cancelled_as_one_and_told_once(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    made = await desk.book(member, *one_after_another(services, 14, days=2))
    cancelled = await desk.cancel(member, made)
    assert states_of(cancelled) == [State.CANCELLED] * 3
    assert state_of(desk, cancelled) is VisitState.CANCELLED
    assert [len(freed) for freed in desk.freed] == [3]
    with pytest.raises(VisitStepRefused):
        await desk.cancel(member, made)


async def test_one_stop_is_cancelled_and_the_others_stay(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    made = await desk.book(member, *one_after_another(services))
    cancelled = await desk.cancel(member, made, made.record.stops[1])
    assert states_of(cancelled) == [State.CONFIRMED, State.LATE_CANCELLED, State.CONFIRMED]
    assert state_of(desk, cancelled) is VisitState.BOOKED
    assert [[stop.appointment_id for stop in freed] for freed in desk.freed] == [[made.record.stops[1].appointment_id]]
    # The way leads past it now.
    [first, second, third] = legs(cancelled.record.stops, await directory(desk), desk.now)
    assert (first.gap, second.gap, third.gap) == (timedelta(hours=2), None, None)


async def test_what_was_only_held_frees_nothing_that_anybody_waits_for(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    held = await desk.hold(member, *one_after_another(services))
    assert states_of(await desk.cancel(member, held)) == [State.CANCELLED] * 3
    assert desk.freed == []


async def test_a_visit_under_way_is_cancelled_from_there_on(desk: VisitDesk) -> None:
    member, services = await desk.join(), await desk.services()
    made = await desk.book(member, *one_after_another(services, 13))
    await desk.appointments.step(made.record.stops[0], Step.CHECK_IN)
    cancelled = await desk.cancel(member, made)
    assert states_of(cancelled) == [State.CHECKED_IN, State.LATE_CANCELLED, State.LATE_CANCELLED]
    assert state_of(desk, cancelled) is VisitState.UNDER_WAY
    with pytest.raises(AppointmentStepRefused):
        await desk.cancel(member, made, made.record.stops[0])


async def test_a_stop_is_added_as_the_visit_stands(desk: VisitDesk) -> None:
    member, [fitting, watch, tea] = await desk.join(), await desk.services()
    held = await desk.hold(member, Stop(fitting.service_id, at(14)))
    both = await desk.add(member, held, Stop(watch.service_id, at(16)))
    assert states_of(both) == [State.HELD] * 2
    await desk.confirm(member, both)
    three = await desk.add(member, held, Stop(tea.service_id, at(18)))
    assert states_of(three) == [State.CONFIRMED] * 3
    with pytest.raises(VisitPartlyUnavailable):
        await desk.add(member, held, Stop(tea.service_id, at(14)))
    await desk.cancel(member, three)
    with pytest.raises(VisitStepRefused):
        await desk.add(member, held, Stop(tea.service_id, at(20)))


async def test_a_stop_that_is_added_is_held_no_longer_than_the_others(desk: VisitDesk) -> None:
    """Or what of the visit is booked would depend on who else has wanted its first stop meanwhile (A4)."""
    member, rival, [fitting, watch] = await desk.join(), await desk.join(), await desk.services(2)
    held = await desk.hold(member, Stop(fitting.service_id, at(14)))
    desk.appointments.clock.advance(HOLD - timedelta(minutes=1))
    both = await desk.add(member, held, Stop(watch.service_id, at(16)))
    assert len({stop.held_until for stop in both.record.stops}) == 1
    desk.appointments.clock.advance(timedelta(minutes=1))
    # Who books the first stop's place ends its hold; the other one's nobody has ended.
    await desk.book(rival, Stop(fitting.service_id, at(14)))
    with pytest.raises(HoldExpired):
        await desk.confirm(member, both)
    assert sorted(await desk.appointments.states()) == ["CONFIRMED", "EXPIRED", "HELD"]


async def test_a_visit_has_eight_stops_at_most(desk: VisitDesk) -> None:
    member = await desk.join()
    short = rules(duration_minutes=30)
    tea = await desk.appointments.service("TEA", units=1, given=short)
    stops = [Stop(tea.service_id, at(13) + timedelta(minutes=30 * place)) for place in range(9)]
    with pytest.raises(VisitOutOfBounds):
        await desk.book(member, *stops)
    with pytest.raises(VisitOutOfBounds):
        await desk.book(member)
    made = await desk.book(member, *stops[:8])
    with pytest.raises(VisitOutOfBounds):
        await desk.add(member, made, stops[8])


async def test_nobody_touches_a_visit_of_somebody_else(desk: VisitDesk) -> None:
    member, [service] = await desk.join(), await desk.services(1)
    made = await desk.book(member, Stop(service.service_id, at(14)))
    stranger = desk.member(await desk.join())
    for actor in (stranger, Actor(Role.MEMBER_SERVICES, "elsewhere", programme_id=new_id())):
        with pytest.raises(UnknownVisit):
            await desk.cancel(member, made, actor=actor)
        with pytest.raises(UnknownVisit):
            await desk.move(member, made, NewTime(made.record.stops[0].appointment_id, at(16)), actor=actor)
    with pytest.raises(UnknownVisit):
        await desk.visits.confirm(desk.member(member), desk.now, VisitId(new_id()), key=new_key())


async def test_a_visit_costs_as_many_statements_as_a_stop(desk: VisitDesk, statements: list[str]) -> None:
    counts = []
    await desk.book(await desk.join(), *one_after_another(await desk.services(1)))
    for number in (1, 4):
        member, services = await desk.join(), await desk.services(number, code=f"OF-{number}")
        stops = one_after_another(services, 12, days=number)
        cost = []
        statements.clear()
        held = await desk.hold(member, *stops)
        cost.append(len(statements))
        statements.clear()
        made = await desk.confirm(member, held)
        cost.append(len(statements))
        statements.clear()
        moved = await desk.move(member, made, *times(made, one_after_another(services, 13, days=number)))
        cost.append(len(statements))
        statements.clear()
        await desk.cancel(member, moved)
        counts.append((*cost, len(statements)))
    assert counts[0] == counts[1]


# ---- by tier


async def test_a_campaigns_days_are_found_and_booked_by_tier(desk: VisitDesk, conn: Conn) -> None:
    """Gold may since this morning, cards from tomorrow noon on. Proposals and bookings are told the same."""
    member, gold, services = await desk.join(), await desk.join(), await desk.services()
    await desk.grant(gold, "GOLD")
    tomorrow = desk.now.date() + timedelta(days=1)
    planning = await open_campaign_desk(desk.visits.database, conn)
    planning.now = desk.now - timedelta(hours=4)
    openings = (
        BookingOpening(tiers=("GOLD",), days_before=1, at=time(11)),
        BookingOpening(days_before=0, at=time(12)),
    )
    campaign = (await planning.scheduled(few_days(tomorrow, *openings))).campaign
    wish = VisitWish((), tomorrow, days=2)

    assert len((await desk.propose(gold, *services, wish=wish)).found) == 10
    assert (await desk.propose(member, *services, wish=wish)).found == ()
    stops = one_after_another(services, days=1)
    with pytest.raises(VisitPartlyUnavailable) as refused:
        await desk.book(member, *stops)
    assert [(stop.reason, stop.nearest) for stop in refused.value.stops] == [("TOO_EARLY_FOR_TIER", None)] * 3
    made = await desk.book(gold, *stops)
    assert made.record.visit.campaign_id == campaign.campaign_id
    today = await desk.book(member, *one_after_another(services))
    with pytest.raises(VisitPartlyUnavailable):
        await desk.move(member, today, NewTime(today.record.stops[0].appointment_id, at(19, days=1)))

    pausing = planning.campaigns
    await pausing.pause(planning.planner, desk.now, campaign.campaign_id, reason="Crowds.", key=new_key())
    await desk.visits.windows.campaigns.reload(desk.now)
    assert (await desk.propose(gold, *services, wish=wish)).found == ()
    cancelled = await desk.cancel(gold, made)
    assert state_of(desk, cancelled) is VisitState.CANCELLED
