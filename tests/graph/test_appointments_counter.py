"""Appointments at the counter: every step, walk-ins, the board and the associate's day, and what a board tells."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from membership.appointments import store
from membership.appointments.model import Period, Resource, ResourceId, ResourceKind, Service, Stop
from membership.appointments.rules.steps import Step
from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.model import ConsentAnswer, ConsentPurpose, MembershipKey, ProfileChange
from membership.postgres.connection import Conn
from membership.stores.model import BrandId
from sample_store import card_number_of
from support.appointment_desk import COUNTER, OTHER_COUNTER, TODAY, ZONE, AppointmentDesk, at, new_key, rules
from support.appointment_graph import answer, appointment_desk_on, change, node_id, part, rows, stop
from support.clock import StoppedClock
from support.operations import Run, codes, trusted

CLIENTS = (("associate", ""), ("desk", "AtDesk"))
STEPS = ("AcceptAppointment", "CheckInAppointment", "StartAppointment", "CompleteAppointment")
BOARD, WATCH_BOARD = trusted("associate/CounterBoard"), trusted("associate/WatchCounterBoard")
DAY, WATCH_DAY = trusted("associate/AssociateDay"), trusted("associate/WatchAssociateDay")
GUEST, WALK_IN = trusted("associate/Guest"), trusted("associate/BookWalkIn")
BOOK = trusted("associate/BookAppointmentAtCounter")
CANCEL = trusted("associate/CancelAppointmentAtCounter")
HOLD, CONFIRM = trusted("app/HoldAppointment"), trusted("app/ConfirmAppointments")
STORY = trusted("associate/AppointmentStory")
NODE = "query ($id: ID!) { node(id: $id) { id } }"
SUBJECT = "lin.mei"


@pytest.fixture
async def desk(services: Services, conn: Conn, clock: StoppedClock) -> AppointmentDesk:
    return await appointment_desk_on(services, conn, clock)


async def resource(desk: AppointmentDesk, kind: ResourceKind, code: str, name: str) -> ResourceId:
    resource_id = ResourceId(new_id())
    entry = Resource(resource_id, desk.store.store_id, desk.counter(), kind, code, {"en": name})
    await store.write_resource(desk.conn, entry)
    return resource_id


async def associate(desk: AppointmentDesk, *, code: str = SUBJECT) -> ResourceId:
    """An associate of the counter whom a token names, at work from 10 to 13 and from 14 to 19."""
    resource_id = await resource(desk, ResourceKind.ASSOCIATE, code, "Lin Mei")
    await desk.work(resource_id, Period(at(10), at(13)), Period(at(14), at(19)))
    return resource_id


async def served_by(desk: AppointmentDesk, own: ResourceId, **given: object) -> Service:
    """By one associate in the salon."""
    room = await resource(desk, ResourceKind.ROOM, "SALON", "Salon")
    return await desk.service(
        "VIEWING", candidates={ResourceKind.ASSOCIATE: [own], ResourceKind.ROOM: [room]}, given=rules(**given)
    )


def actor(desk: AppointmentDesk, role: Role = Role.ASSOCIATE) -> Actor:
    return replace(desk.actor(role), subject=SUBJECT)


async def pending(desk: AppointmentDesk, starts_at_hour: int = 14) -> tuple[Service, MembershipKey, str]:
    given = rules(answer_minutes=60)
    viewing, member = await desk.service("VIEWING", associates=1, rooms=1, given=given), await desk.join()
    [asked] = await desk.book(member, Stop(viewing.service_id, at(starts_at_hour)))
    return viewing, member, node_id(asked)


@pytest.mark.parametrize(("client", "suffix"), CLIENTS)
async def test_every_step_in_turn(run: Run, desk: AppointmentDesk, client: str, suffix: str) -> None:
    _, _, appointment_id = await pending(desk)
    caller, seen = actor(desk, Role.ASSOCIATE if client == "associate" else Role.DESK), []
    for name in STEPS:
        done = await change(run, trusted(f"{client}/{name}{suffix}"), caller, appointmentId=appointment_id)
        seen.append(part(done, "appointment")["state"])
    assert seen == ["CONFIRMED", "CHECKED_IN", "IN_SERVICE", "COMPLETED"]


@pytest.mark.parametrize(("client", "suffix"), CLIENTS)
async def test_declined_and_not_come(run: Run, desk: AppointmentDesk, client: str, suffix: str) -> None:
    caller = actor(desk, Role.ASSOCIATE if client == "associate" else Role.DESK)
    _, _, asked = await pending(desk)
    declined = await change(run, trusted(f"{client}/DeclineAppointment{suffix}"), caller, appointmentId=asked)
    assert part(declined, "appointment")["state"] == "DECLINED"
    fitting = await desk.service("FITTING", associates=1)
    [booked] = await desk.book(await desk.join(), Stop(fitting.service_id, at(12, 30)))
    missed = trusted(f"{client}/MarkNoShow{suffix}")
    early = await change(run, missed, caller, appointmentId=node_id(booked))
    assert (early["code"], early["allowedFrom"]) == ("APPOINTMENT_STEP_TOO_EARLY", "2026-05-20T12:45+08:00")
    desk.clock.set(at(12, 45))
    gone = await change(run, missed, caller, appointmentId=node_id(booked))
    assert part(gone, "appointment")["state"] == "NO_SHOW"


@pytest.mark.parametrize("name", ["AcceptAppointment", "StartAppointment", "CompleteAppointment", "DeclineAppointment"])
async def test_a_step_out_of_turn(run: Run, desk: AppointmentDesk, name: str) -> None:
    fitting = await desk.service("FITTING", associates=1)
    [booked] = await desk.book(await desk.join(), Stop(fitting.service_id, at(13)))
    refused = await change(run, trusted(f"associate/{name}"), actor(desk), appointmentId=node_id(booked))
    assert (refused["code"], refused["state"]) == ("APPOINTMENT_STEP_REFUSED", "CONFIRMED")


async def test_nobody_is_checked_in_a_day_early(run: Run, desk: AppointmentDesk) -> None:
    fitting = await desk.service("FITTING", associates=1)
    [booked] = await desk.book(await desk.join(), Stop(fitting.service_id, at(14, 30)))
    check_in = trusted("associate/CheckInAppointment")
    refused = await change(run, check_in, actor(desk), appointmentId=node_id(booked))
    assert (refused["code"], refused["allowedFrom"]) == ("APPOINTMENT_STEP_TOO_EARLY", "2026-05-20T12:30+08:00")


async def test_whose_appointments_staff_touch(run: Run, desk: AppointmentDesk) -> None:
    """An associate those of the counter, a desk those of the store, member services those of the programme."""
    watches = await desk.service("WATCHES", associates=1, counter=OTHER_COUNTER)
    [booked] = await desk.book(await desk.join(), Stop(watches.service_id, at(14)))
    named = {"appointmentId": node_id(booked)}
    elsewhere = replace(actor(desk, Role.DESK), store_id=new_id())
    other_programme = replace(actor(desk, Role.MEMBER_SERVICES), programme_id=new_id())
    check_in = trusted("associate/CheckInAppointment")
    for stranger in (actor(desk), elsewhere, other_programme):
        assert (await change(run, CANCEL, stranger, **named))["code"] == "UNKNOWN_APPOINTMENT"
        assert (await change(run, check_in, stranger, **named))["code"] == "UNKNOWN_APPOINTMENT"
        assert answer(await run(STORY, named, caller=stranger))["code"] == "UNKNOWN_APPOINTMENT"
        assert (await run(NODE, {"id": node_id(booked)}, caller=stranger)).data == {"node": None}
    desk.clock.set(at(13))
    done = await change(run, check_in, actor(desk, Role.MEMBER_SERVICES), **named)
    assert part(done, "appointment")["state"] == "CHECKED_IN"


class TestBooking:
    @pytest.mark.parametrize(("client", "suffix"), [("associate", "AtCounter"), ("desk", "AtDesk")])
    async def test_for_a_member_on_the_phone(self, run: Run, desk: AppointmentDesk, client: str, suffix: str) -> None:
        caller = actor(desk, Role.ASSOCIATE if client == "associate" else Role.DESK)
        find, book, move, cancel = (
            trusted(f"{client}/{name}{suffix}")
            for name in ("Availability", "BookAppointment", "RescheduleAppointment", "CancelAppointment")
        )
        fitting, member = await desk.service("FITTING", associates=1), await desk.join()
        whose = global_id("Member", member.member_id)
        of = {"serviceIds": [global_id("Service", fitting.service_id)]}
        free = answer(await run(find, {"of": of, "from": TODAY.isoformat(), "forMember": whose}, caller=caller))
        assert at(14).astimezone(ZONE).isoformat() in {slot["startsAt"] for slot in rows(free, "slots")}
        booked = part(await change(run, book, caller, memberId=whose, stop=stop(fitting, at(14))), "appointment")
        assert booked["state"] == "CONFIRMED"
        moved = await change(run, move, caller, appointmentId=booked["id"], startsAt=at(17).isoformat())
        assert part(moved, "appointment")["startsAt"] == "2026-05-20T17:00:00+08:00"
        for wish, state in ((True, "LATE_CANCELLED"), (False, "CANCELLED")):
            if not wish:
                [again] = await desk.book(member, Stop(fitting.service_id, at(17)))
                moved = {"appointment": {"id": node_id(again)}}
            ended = await change(run, cancel, caller, appointmentId=part(moved, "appointment")["id"], membersWish=wish)
            assert (part(ended, "appointment")["state"], ended["wasLate"]) == (state, wish)

    async def test_kept_for_a_member_who_still_thinks_it_over(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=1), await desk.join()
        whose, caller = global_id("Member", member.member_id), actor(desk)
        kept = await change(run, HOLD, caller, memberId=whose, stop=stop(fitting, at(14)))
        held = part(kept, "appointment")
        assert held["state"] == "HELD"
        [confirmed] = rows(await change(run, CONFIRM, caller, appointmentIds=[held["id"]]), "appointments")
        assert confirmed["state"] == "CONFIRMED"

    async def test_staff_name_the_member(self, run: Run, desk: AppointmentDesk) -> None:
        fitting = await desk.service("FITTING", associates=1)
        input_ = {"idempotencyKey": new_key(), "stop": stop(fitting, at(14))}
        assert codes(await run(BOOK, {"input": input_}, caller=actor(desk))) == ["BAD_USER_INPUT"]

    async def test_a_walk_in_with_a_card_and_one_without(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=2), await desk.join()
        desk.clock.advance(timedelta(minutes=7))
        service = global_id("Service", fitting.service_id)
        named = {"serviceId": service, "memberId": global_id("Member", member.member_id)}
        known = part(await change(run, WALK_IN, actor(desk), **named), "appointment")
        nobody = part(await change(run, WALK_IN, actor(desk), serviceId=service), "appointment")
        for served in (known, nobody):
            assert (served["state"], served["startsAt"]) == ("CHECKED_IN", "2026-05-20T12:07:00+08:00")
        refused = await change(run, WALK_IN, actor(desk), serviceId=service)
        assert refused["code"] == "SLOT_TAKEN"
        whose = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Appointment { memberId } } }"
        ids = {"ids": [known["id"], nobody["id"]]}
        result = await run(whose, ids, caller=actor(desk, Role.MEMBER_SERVICES))
        assert result.data == {"nodes": [{"memberId": global_id("Member", member.member_id)}, {"memberId": None}]}
        assert codes(await run(whose, ids, caller=actor(desk))) == ["FORBIDDEN"]

    async def test_at_another_counter_nobody_is_served(self, run: Run, desk: AppointmentDesk) -> None:
        watches = await desk.service("WATCHES", associates=1, counter=OTHER_COUNTER)
        service = global_id("Service", watches.service_id)
        assert (await change(run, WALK_IN, actor(desk), serviceId=service))["code"] == "UNKNOWN_SERVICE"
        at_desk = trusted("desk/BookWalkInAtDesk")
        served = await change(run, at_desk, actor(desk, Role.DESK), serviceId=service)
        assert part(served, "appointment")["state"] == "CHECKED_IN"


class TestBoard:
    async def test_who_comes_to_whom_and_who_works(self, run: Run, desk: AppointmentDesk) -> None:
        viewing, member = await served_by(desk, await associate(desk)), await desk.join()
        [first] = await desk.book(member, Stop(viewing.service_id, at(16)))
        [second] = await desk.book(member, Stop(viewing.service_id, at(14)))
        [held] = await desk.hold(await desk.join(), Stop(viewing.service_id, at(17, 30)))
        moved = await desk.move(member, first, at(15))
        board = answer(await run(BOARD, {}, caller=actor(desk)))
        assert (part(board, "counter")["code"], board["day"]) == (COUNTER, TODAY.isoformat())
        entries = rows(board, "appointments")
        assert [part(entry, "appointment")["id"] for entry in entries] == [
            node_id(entry) for entry in (second, moved, held)
        ]
        assert [entry["room"] for entry in entries] == ["Salon"] * 3
        assert [entry["guest"] is None for entry in entries] == [False, False, True]
        assert [(part(shift, "associate")["name"], shift["startsAt"]) for shift in rows(board, "shifts")] == [
            ("Lin Mei", "2026-05-20T10:00:00+08:00"),
            ("Lin Mei", "2026-05-20T14:00:00+08:00"),
        ]
        desk.clock.advance(timedelta(minutes=5))
        later = rows(answer(await run(BOARD, {}, caller=actor(desk))), "appointments")
        assert [part(entry, "appointment")["id"] for entry in later] == [node_id(second), node_id(moved)]

    async def test_a_board_is_of_a_business_day(self, run: Run, desk: AppointmentDesk) -> None:
        fitting = await desk.service("FITTING", associates=1)
        [tomorrow] = await desk.book(await desk.join(), Stop(fitting.service_id, at(11, days=1)))
        desk.clock.set(at(3, days=1))  # before the cut-over it is still today
        caller = actor(desk)
        assert rows(answer(await run(BOARD, {}, caller=caller)), "appointments") == []
        desk.clock.set(at(4, days=1))
        [entry] = rows(answer(await run(BOARD, {}, caller=caller)), "appointments")
        [same] = rows(answer(await run(BOARD, {"day": "2026-05-21"}, caller=caller)), "appointments")
        assert part(entry, "appointment")["id"] == part(same, "appointment")["id"] == node_id(tomorrow)

    async def test_a_request_that_nobody_answered_is_shown_as_declined(self, run: Run, desk: AppointmentDesk) -> None:
        await pending(desk)
        desk.clock.advance(timedelta(hours=2))
        [entry] = rows(answer(await run(BOARD, {}, caller=actor(desk))), "appointments")
        assert part(entry, "appointment")["state"] == "DECLINED"

    @pytest.mark.parametrize(
        ("role", "counter", "seen"),
        [
            (Role.ASSOCIATE, COUNTER, True),
            (Role.ASSOCIATE, OTHER_COUNTER, False),
            (Role.DESK, COUNTER, True),
            (Role.DESK, OTHER_COUNTER, True),
            (Role.MEMBER_SERVICES, OTHER_COUNTER, True),
            (Role.ADMIN, OTHER_COUNTER, True),
        ],
    )
    async def test_whose_board(self, run: Run, desk: AppointmentDesk, role: Role, counter: str, seen: bool) -> None:
        asked = {"counterId": global_id("Counter", desk.counter(counter))}
        document = trusted("desk/CounterBoardAtDesk") if role is Role.DESK else BOARD
        shown = answer(await run(document, asked, caller=actor(desk, role)))
        assert (shown["__typename"] == "CounterBoard") is seen
        assert seen or shown["code"] == "NOT_ON_THIS_BOARD"

    async def test_of_another_store_or_programme_or_of_no_counter(self, run: Run, desk: AppointmentDesk) -> None:
        asked = {"counterId": global_id("Counter", desk.counter())}
        for stranger in (
            replace(actor(desk, Role.DESK), store_id=new_id()),
            replace(actor(desk, Role.MEMBER_SERVICES), programme_id=new_id()),
        ):
            assert answer(await run(BOARD, asked, caller=stranger))["code"] == "NOT_ON_THIS_BOARD"
        for unsaid in ({}, {"counterId": global_id("Counter", new_id())}):
            assert answer(await run(BOARD, unsaid, caller=actor(desk, Role.ADMIN)))["code"] == "NOT_ON_THIS_BOARD"

    async def test_one_row_costs_as_much_as_many(
        self, run: Run, desk: AppointmentDesk, statements: list[str], services: Services
    ) -> None:
        fitting, guest = await served_by(desk, await associate(desk)), await desk.join()
        by = {"by": {"cardNumber": card_number_of(guest)}}
        counts = []
        for hour in (14, 15, 16, 17):
            member = guest if hour % 2 else await named(desk, services, consents=True, counter=COUNTER)
            [booked] = await desk.book(member, Stop(fitting.service_id, at(hour)))
            story = {"appointmentId": node_id(booked)}
            if hour == 17:
                booked = await desk.move(member, booked, at(18))
            for document, variables in ((BOARD, {}), (DAY, {}), (STORY, story)):
                await run(document, variables, caller=actor(desk))
                statements.clear()
                answer(await run(document, variables, caller=actor(desk)))
                counts.append((document, len(statements)))
            if member is guest:
                statements.clear()
                answer(await run(GUEST, by, caller=actor(desk)))
                counts.append((GUEST, len(statements)))
        assert len(set(counts)) == 4


class TestWhatABoardTells:
    """Initials always; the name and the tier by the member's consent and what the brand may do at all."""

    @pytest.mark.parametrize(
        ("level", "consents", "name", "tier"),
        [
            ("ACTIVE", True, "Wang Fang", "CARD"),
            ("ACTIVE", False, "W•• F••", None),
            ("SELECTIVE", True, "Wang Fang", None),
            ("SELECTIVE", False, "W•• F••", None),
            ("TRADITIONAL", True, "W•• F••", None),
            ("TRADITIONAL", False, "W•• F••", None),
        ],
    )
    async def test_by_consent_and_level(
        self,
        run: Run,
        desk: AppointmentDesk,
        services: Services,
        level: str,
        consents: bool,
        name: str,
        tier: str | None,
    ) -> None:
        fitting = await desk.service("FITTING", associates=1)
        await set_level(desk, services, level)
        member = await named(desk, services, consents=consents, counter=COUNTER)
        await desk.book(member, Stop(fitting.service_id, at(14)))
        told = {"name": name, "tier": tier, "giftWaits": False, "missed": 0}
        for role in (Role.ASSOCIATE, Role.DESK, Role.MEMBER_SERVICES, Role.ADMIN):
            asked = {"counterId": global_id("Counter", desk.counter())}
            [entry] = rows(answer(await run(BOARD, asked, caller=actor(desk, role))), "appointments")
            assert entry["guest"] == told
        by = {"by": {"cardNumber": card_number_of(member)}}
        assert part(answer(await run(GUEST, by, caller=actor(desk))), "guest") == told

    async def test_a_consent_to_another_brand_is_none_to_this(
        self, run: Run, desk: AppointmentDesk, services: Services
    ) -> None:
        fitting = await desk.service("FITTING", associates=1)
        await set_level(desk, services, "ACTIVE")
        member = await named(desk, services, consents=True, counter=OTHER_COUNTER)
        await desk.book(member, Stop(fitting.service_id, at(14)))
        [entry] = rows(answer(await run(BOARD, {}, caller=actor(desk))), "appointments")
        assert part(entry, "guest")["name"] == "W•• F••"

    async def test_a_gift_that_waits_for_the_appointment(self, run: Run, desk: AppointmentDesk, conn: Conn) -> None:
        fitting, member = await desk.service("FITTING", associates=2), await desk.join()
        [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
        await desk.book(await desk.join(), Stop(fitting.service_id, at(14)))
        await gift_waits(conn, desk, member, booked.uid)
        entries = rows(answer(await run(BOARD, {}, caller=actor(desk))), "appointments")
        assert {part(entry, "appointment")["id"]: part(entry, "guest")["giftWaits"] for entry in entries}[
            node_id(booked)
        ]
        assert sum(bool(part(entry, "guest")["giftWaits"]) for entry in entries) == 1
        by = {"by": {"cardNumber": card_number_of(member)}}
        assert part(answer(await run(GUEST, by, caller=actor(desk))), "guest")["giftWaits"] is True

    async def test_how_often_the_member_did_not_come_here(self, run: Run, desk: AppointmentDesk) -> None:
        """Where the caller sees appointments: what was missed at another brand is none of this one's business."""
        fitting, member = await desk.service("FITTING", associates=2), await desk.join()
        watches = await desk.service("WATCHES", associates=1, counter=OTHER_COUNTER)
        for service, starts_at in ((fitting, at(12, 30)), (watches, at(14))):
            [missed] = await desk.book(member, Stop(service.service_id, starts_at))
            desk.clock.set(starts_at + timedelta(minutes=30))
            await desk.step(missed, Step.NO_SHOW, actor=desk.actor(Role.DESK))
        await desk.book(member, Stop(fitting.service_id, at(18)))
        asked = {"counterId": global_id("Counter", desk.counter())}
        for role, times in ((Role.ASSOCIATE, 1), (Role.DESK, 2), (Role.MEMBER_SERVICES, 2)):
            entries = rows(answer(await run(BOARD, asked, caller=actor(desk, role))), "appointments")
            assert [part(entry, "guest")["missed"] for entry in entries] == [times] * 2


class TestGuest:
    async def test_who_stands_there_and_what_they_have_here_today(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=2), await desk.join()
        watches = await desk.service("WATCHES", associates=1, counter=OTHER_COUNTER)
        [here] = await desk.book(member, Stop(fitting.service_id, at(14)))
        await desk.book(member, Stop(watches.service_id, at(16)))
        await desk.book(member, Stop(fitting.service_id, at(14, days=1)))
        await desk.book(await desk.join(), Stop(fitting.service_id, at(14)))
        by = {"by": {"cardNumber": card_number_of(member)}}
        found = answer(await run(GUEST, by, caller=actor(desk)))
        assert found["memberId"] == global_id("Member", member.member_id)
        assert [entry["id"] for entry in rows(found, "appointments")] == [node_id(here)]
        assert answer(await run(trusted("desk/GuestAtDesk"), by, caller=actor(desk, Role.DESK)))["code"] == (
            "NOT_ON_THIS_BOARD"
        )
        at_counter = {**by, "counterId": global_id("Counter", desk.counter())}
        assert answer(await run(trusted("desk/GuestAtDesk"), at_counter, caller=actor(desk, Role.DESK))) == found

    async def test_nobody_of_another_programme_is_found(self, run: Run, desk: AppointmentDesk) -> None:
        by = {"by": {"phone": "+8613800138000"}}
        assert answer(await run(GUEST, by, caller=actor(desk)))["code"] == "UNKNOWN_MEMBER"


class TestDay:
    async def test_appointments_shifts_and_gaps(self, run: Run, desk: AppointmentDesk) -> None:
        own = await associate(desk)
        viewing = await served_by(desk, own, before_minutes=15, after_minutes=15)
        fitting = await desk.service("FITTING", associates=1)
        [booked] = await desk.book(await desk.join(), Stop(viewing.service_id, at(15)))
        await desk.book(await desk.join(), Stop(fitting.service_id, at(14)))
        gone = await desk.step((await desk.book(await desk.join(), Stop(viewing.service_id, at(17))))[0], Step.CANCEL)
        day = answer(await run(DAY, {}, caller=actor(desk)))
        assert (part(day, "associate"), part(day, "counter")["code"]) == (
            {"id": global_id("Associate", own), "name": "Lin Mei"},
            COUNTER,
        )
        assert [part(entry, "appointment")["id"] for entry in rows(day, "appointments")] == [
            node_id(booked),
            node_id(gone),
        ]

        def spans(name: str) -> list[tuple[str, str]]:
            return [(str(span["startsAt"])[11:16], str(span["endsAt"])[11:16]) for span in rows(day, name)]

        assert spans("shifts") == [("10:00", "13:00"), ("14:00", "19:00")]
        assert spans("gaps") == [("10:00", "13:00"), ("14:00", "14:45"), ("16:15", "19:00")]

    async def test_who_is_no_associate_of_the_counter(self, run: Run, desk: AppointmentDesk) -> None:
        await associate(desk, code="somebody.else")
        refused = answer(await run(DAY, {}, caller=actor(desk)))
        assert refused["code"] == "NOT_AN_ASSOCIATE"
        assert f"has the code {SUBJECT}" in str(refused["message"])
        brand_only = replace(actor(desk), counter_id=None)
        assert answer(await run(DAY, {}, caller=brand_only))["code"] == "NOT_ON_THIS_BOARD"


async def test_what_happened_to_an_appointment_that_was_moved(run: Run, desk: AppointmentDesk) -> None:
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    moved = await desk.move(member, booked, at(16))
    await desk.step(moved, Step.CANCEL)
    for asked in (booked, moved):
        story = rows(
            answer(await run(STORY, {"appointmentId": node_id(asked)}, caller=actor(desk))), "changes", "nodes"
        )
        assert [
            (change["before"], change["after"], change["by"], str(change["startsAt"])[11:16]) for change in story
        ] == [
            (None, "HELD", "MEMBER", "14:00"),
            ("HELD", "PENDING", "MEMBER", "14:00"),
            ("PENDING", "CONFIRMED", "MEMBER", "14:00"),
            ("CONFIRMED", "SUPERSEDED", "MEMBER", "14:00"),
            (None, "HELD", "MEMBER", "16:00"),
            ("HELD", "PENDING", "MEMBER", "16:00"),
            ("PENDING", "CONFIRMED", "MEMBER", "16:00"),
            ("CONFIRMED", "CANCELLED", "ASSOCIATE", "16:00"),
        ]
    first = {"appointmentId": node_id(booked), "first": 5}
    page = answer(await run(trusted("desk/AppointmentStoryAtDesk"), first, caller=actor(desk, Role.DESK)))
    after = {**first, "after": part(page, "changes", "pageInfo")["endCursor"]}
    rest = answer(await run(STORY, after, caller=actor(desk)))
    assert len(rows(page, "changes", "nodes")) == 5
    assert [change["after"] for change in rows(rest, "changes", "nodes")] == ["PENDING", "CONFIRMED", "CANCELLED"]
    nothing = {"appointmentId": global_id("Appointment", new_id())}
    assert answer(await run(STORY, nothing, caller=actor(desk)))["code"] == "UNKNOWN_APPOINTMENT"


async def set_level(desk: AppointmentDesk, services: Services, level: str) -> None:
    await desk.conn.execute(
        "UPDATE stores.brands SET activation_level = $1 WHERE brand_id = "
        "(SELECT brand_id FROM stores.counters WHERE counter_id = $2)",
        level,
        desk.counter(),
    )
    await services.directory.reload(desk.now)


async def named(desk: AppointmentDesk, services: Services, *, consents: bool, counter: str) -> MembershipKey:
    """Wang Fang, and what she said when the brand of a counter asked."""
    member = await desk.join()
    caller = desk.member(member)
    await services.members.update_profile(caller, desk.now, member.member_id, ProfileChange(display_name="Wang Fang"))
    brand_id = await desk.conn.fetchval(
        "SELECT brand_id FROM stores.counters WHERE counter_id = $1", desk.counter(counter)
    )
    for granted in (False, consents) if consents else (False,):
        consent = ConsentAnswer(ConsentPurpose.BRAND_SHARING, granted, BrandId(brand_id))
        await services.members.record_consent(caller, desk.now, member, consent)
    return member


async def gift_waits(conn: Conn, desk: AppointmentDesk, member: MembershipKey, uid: UUID) -> None:
    """Without the campaign that it is of."""
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            "INSERT INTO gifts.gifts (gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day,"
            " counter_id, revision_id, rule_code, state, claimed_at, collect_until, waits_at, waits_for, waits_until,"
            " desk_until) VALUES ($1, 'ABCDEFGHJK', $2, $3, $1, $1, $4, $5, $6, $1, 'GIFT', 'CONFIRMED', $7, $8, $9,"
            " $10, $8, $8)",
            new_id(),
            member.member_id,
            member.programme_id,
            desk.store.store_id,
            TODAY,
            desk.counter(OTHER_COUNTER),
            desk.now,
            at(22),
            desk.counter(),
            uid,
        )
