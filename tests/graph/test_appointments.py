"""Appointments in the app: services, free times, hold, book, move, cancel; and why not, refusal by refusal."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from membership.appointments.model import ResourceKind, Service, ServiceId, Stop
from membership.appointments.rules.steps import Step
from membership.graph.appointments.inputs import MOST_DAYS, MOST_NAMED, MOST_STOPS
from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.kernel.actor import Role
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from support.appointment_desk import OTHER_COUNTER, TODAY, AppointmentDesk, at, new_key, rules
from support.appointment_graph import answer, appointment_desk_on, change, node_id, part, rows, stop
from support.clock import StoppedClock
from support.operations import Run, codes, trusted

SERVICES, AVAILABILITY = trusted("app/Services"), trusted("app/Availability")
FOR_SOMEBODY = trusted("associate/AvailabilityAtCounter")
HOLD, CONFIRM, BOOK = trusted("app/HoldAppointment"), trusted("app/ConfirmAppointments"), trusted("app/BookAppointment")
MOVE, CANCEL = trusted("app/RescheduleAppointment"), trusted("app/CancelAppointment")
MINE, ONE = trusted("app/MyAppointments"), trusted("app/Appointment")
BOOK_AT_COUNTER = trusted("associate/BookAppointmentAtCounter")
OF_MEMBER = trusted("desk/MemberAppointments")


@pytest.fixture
async def desk(services: Services, conn: Conn, clock: StoppedClock) -> AppointmentDesk:
    return await appointment_desk_on(services, conn, clock)


def of(*services: Service) -> dict[str, object]:
    return {"serviceIds": [global_id("Service", entry.service_id) for entry in services]}


async def book(run: Run, desk: AppointmentDesk, member: MembershipKey, **input_: object) -> dict[str, object]:
    return await change(run, BOOK, desk.member(member), **input_)


async def test_the_story_of_an_appointment(run: Run, desk: AppointmentDesk) -> None:
    fitting, member = await desk.service("FITTING", associates=1, rooms=1), await desk.join()
    caller = desk.member(member)
    held = part(await change(run, HOLD, caller, stop=stop(fitting, at(14, days=2))), "appointment")
    associate = global_id("Associate", fitting.candidates[ResourceKind.ASSOCIATE][0])
    assert (held["state"], held["startsAt"], held["endsAt"], held["heldUntil"]) == (
        "HELD",
        "2026-05-22T14:00:00+08:00",
        "2026-05-22T15:00:00+08:00",
        "2026-05-20T12:05:00+08:00",
    )
    assert part(held["service"])["name"] == "Fitting"
    assert part(held["counter"])["code"] == "2F-ALVENNA"
    assert part(held["associate"])["id"] == associate
    [booked] = rows(await change(run, CONFIRM, caller, appointmentIds=[held["id"]]), "appointments")
    assert (booked["state"], booked["heldUntil"], booked["sequence"]) == ("CONFIRMED", None, 0)
    moved = part(
        await change(run, MOVE, caller, appointmentId=booked["id"], startsAt=at(16, days=3).isoformat()), "appointment"
    )
    assert (moved["uid"], moved["sequence"], moved["state"]) == (booked["uid"], 1, "CONFIRMED")
    assert (part(answer(await run(ONE, {"id": booked["id"]}, caller=caller)))["state"]) == "SUPERSEDED"
    cancelled = await change(run, CANCEL, caller, appointmentId=moved["id"])
    assert (part(cancelled["appointment"])["state"], cancelled["wasLate"]) == ("CANCELLED", False)


async def test_late_it_can_be_cancelled_and_is_marked(run: Run, desk: AppointmentDesk) -> None:
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    booked = part(await book(run, desk, member, stop=stop(fitting, at(14))), "appointment")
    assert (booked["isCancellationLate"], booked["freeCancellationUntil"]) == (True, "2026-05-19T14:00:00+08:00")
    cancelled = await change(run, CANCEL, desk.member(member), appointmentId=booked["id"])
    assert (part(cancelled["appointment"])["state"], cancelled["wasLate"]) == ("LATE_CANCELLED", True)


async def test_who_is_late_leaves_it_to_the_counter(run: Run, desk: AppointmentDesk) -> None:
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    [late] = await desk.book(member, Stop(fitting.service_id, at(14)))
    desk.clock.set(at(15, 30))
    refused = await change(
        run, CANCEL, desk.member(member), appointmentId=global_id("Appointment", late.appointment_id)
    )
    assert (refused["code"], refused["field"]) == ("APPOINTMENT_LEFT_TO_STAFF", "appointment")
    assert "Since 2026-05-20 14:15 (+08:00)" in str(refused["message"])


async def test_a_repeat_is_the_same_booking(run: Run, desk: AppointmentDesk) -> None:
    fitting, member, key = await desk.service("FITTING", associates=2), await desk.join(), new_key()
    first = await book(run, desk, member, idempotencyKey=key, stop=stop(fitting, at(14)))
    assert await book(run, desk, member, idempotencyKey=key, stop=stop(fitting, at(14))) == first
    other = await book(run, desk, member, idempotencyKey=key, stop=stop(fitting, at(15)))
    assert other["code"] == "IDEMPOTENCY_CONFLICT"
    assert await desk.states() == ["CONFIRMED"]


class TestServices:
    async def test_by_counter_store_and_brand(self, run: Run, desk: AppointmentDesk) -> None:
        given = rules(answer_minutes=60, notice_minutes=30)
        fitting = await desk.service("FITTING", associates=2, given=given)
        watches = await desk.service("WATCHES", units=3, counter=OTHER_COUNTER)
        member = desk.member(await desk.join())

        async def found(**where: object) -> list[dict[str, object]]:
            return rows(answer(await run(SERVICES, {"at": where}, caller=member)), "nodes")

        [one] = await found(counterId=global_id("Counter", fitting.counter_id))
        assert (one["code"], one["needsAssociate"], one["capacity"], one["mustBeAccepted"]) == (
            "FITTING",
            True,
            None,
            True,
        )
        assert [entry["id"] for entry in rows(one["associates"], "nodes")] == [
            global_id("Associate", resource_id) for resource_id in sorted(fitting.resource_ids)
        ]
        everywhere = await found(storeId=global_id("Store", desk.store.store_id))
        assert [(entry["code"], entry["capacity"]) for entry in everywhere] == [("FITTING", None), ("WATCHES", 3)]
        [of_brand] = await found(brandId=part(everywhere[1]["brand"])["id"])
        assert of_brand["id"] == global_id("Service", watches.service_id)

    async def test_pages_go_by_code(self, run: Run, desk: AppointmentDesk) -> None:
        for counter in (OTHER_COUNTER, "2F-ALVENNA"):
            for code in ("A", "B"):
                await desk.service(code, units=1, counter=counter)
        caller, seen, after = desk.member(await desk.join()), [], None
        while True:
            where = {"storeId": global_id("Store", desk.store.store_id)}
            page = answer(await run(SERVICES, {"at": where, "first": 1, "after": after}, caller=caller))
            seen += [entry["code"] for entry in rows(page, "nodes")]
            if not part(page["pageInfo"])["hasNextPage"]:
                break
            after = part(page["pageInfo"])["endCursor"]
        assert seen == ["A", "A", "B", "B"]

    async def test_what_is_offered_no_more_is_named_by_what_was_booked(
        self, run: Run, desk: AppointmentDesk, conn: Conn, services: Services
    ) -> None:
        fitting, member = await desk.service("FITTING", associates=1), await desk.join()
        booked = part(await book(run, desk, member, stop=stop(fitting, at(14))), "appointment")
        await conn.execute("UPDATE appointments.services SET retired_at = $1", desk.now)
        await services.appointment_catalogue.reload(desk.now)
        where = {"at": {"counterId": global_id("Counter", fitting.counter_id)}}
        assert rows(answer(await run(SERVICES, where, caller=desk.member(member))), "nodes") == []
        again = answer(await run(ONE, {"id": booked["id"]}, caller=desk.member(member)))
        assert again == booked
        refused = await book(run, desk, member, stop=stop(fitting, at(16)))
        assert refused["code"] == "UNKNOWN_SERVICE"


class TestAvailability:
    async def test_times_days_and_who_is_free(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=2), await desk.join()
        first, second = (global_id("Associate", entry) for entry in fitting.candidates[ResourceKind.ASSOCIATE])
        await desk.book(
            await desk.join(), Stop(fitting.service_id, at(14), fitting.candidates[ResourceKind.ASSOCIATE][0])
        )
        asked = {"of": of(fitting), "from": TODAY.isoformat(), "days": 2}
        free = answer(await run(AVAILABILITY, asked, caller=desk.member(member)))
        assert [(day["day"], day["opensAt"], day["closesAt"], day["freeSlots"]) for day in rows(free, "days")] == [
            ("2026-05-20", "2026-05-20T10:00:00+08:00", "2026-05-20T22:00:00+08:00", 19),
            ("2026-05-21", "2026-05-21T10:00:00+08:00", "2026-05-21T22:00:00+08:00", 23),
        ]
        by_start = {slot["startsAt"]: slot for slot in rows(free, "slots")}
        assert len(by_start) == 19 + 23
        at_two, at_three = by_start["2026-05-20T14:00:00+08:00"], by_start["2026-05-20T15:00:00+08:00"]
        assert (at_two["placesLeft"], at_two["associateIds"]) == (1, [second])
        assert (at_three["placesLeft"], at_three["associateIds"]) == (2, [first, second])
        only = answer(await run(AVAILABILITY, {**asked, "days": 1, "associateId": first}, caller=desk.member(member)))
        starts = [slot["startsAt"] for slot in rows(only, "slots")]
        assert "2026-05-20T14:00:00+08:00" not in starts
        assert {slot["placesLeft"] for slot in rows(only, "slots")} == {1}
        assert [day["freeSlots"] for day in rows(only, "days")] == [len(starts)]

    async def test_a_day_without_times_says_why_unless_all_is_taken(self, run: Run, desk: AppointmentDesk) -> None:
        given = rules(
            horizon_days=1, every_minutes=600, hours={"weekly": {3: ("10:00", "20:00"), 5: ("10:00", "20:00")}}
        )
        fitting, member = await desk.service("FITTING", associates=1, given=given), await desk.join()
        desk.clock.set(at(9))
        await desk.book(await desk.join(), Stop(fitting.service_id, at(10)))
        asked = {"of": of(fitting), "from": TODAY.isoformat(), "days": 3}
        free = answer(await run(AVAILABILITY, asked, caller=desk.member(member)))
        assert [day["freeSlots"] for day in rows(free, "days")] == [0, 0, 0]
        full, closed, later = (day["whyNot"] for day in rows(free, "days"))
        assert full is None
        assert isinstance(closed, dict) and closed["code"] == "OUTSIDE_HOURS"
        assert isinstance(later, dict) and later["code"] == "TOO_EARLY_TO_BOOK"
        assert "can be booked from 2026-05-21 10:00 (+08:00) on" in str(later["message"])

    async def test_everything_listed_can_be_booked(self, run: Run, desk: AppointmentDesk) -> None:
        """A2, through the API."""
        fitting = await desk.service("FITTING", associates=1, given=rules(every_minutes=60, before_minutes=10))
        asked = {"of": of(fitting), "from": TODAY.isoformat(), "days": 2}
        listed = answer(await run(AVAILABILITY, asked, caller=desk.member(await desk.join())))
        for slot in rows(listed, "slots"):
            member = await desk.join()
            wanted = {"serviceId": slot["serviceId"], "startsAt": slot["startsAt"]}
            held = part(await change(run, HOLD, desk.member(member), stop=wanted), "appointment")
            await change(run, CANCEL, desk.member(member), appointmentId=held["id"])
        assert len(rows(listed, "slots")) > 20

    async def test_a_member_sees_when_they_are_elsewhere_and_staff_on_their_behalf(
        self, run: Run, desk: AppointmentDesk
    ) -> None:
        fitting = await desk.service("FITTING", associates=1)
        watches, member = await desk.service("WATCHES", units=1, counter=OTHER_COUNTER), await desk.join()
        await desk.book(member, Stop(watches.service_id, at(14)))
        asked = {"of": of(fitting), "from": TODAY.isoformat()}
        mine = answer(await run(AVAILABILITY, asked, caller=desk.member(member)))
        by_staff = answer(
            await run(
                FOR_SOMEBODY,
                {**asked, "forMember": global_id("Member", member.member_id)},
                caller=desk.actor(Role.ASSOCIATE),
            )
        )
        assert rows(by_staff, "slots") == rows(mine, "slots")
        anybody = answer(await run(FOR_SOMEBODY, asked, caller=desk.actor(Role.ASSOCIATE)))
        assert len(rows(anybody, "slots")) == len(rows(mine, "slots")) + 3

    async def test_nobody_looks_through_another_members_eyes(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=1), await desk.join()
        asked = {"of": of(fitting), "from": TODAY.isoformat(), "forMember": global_id("Member", member.member_id)}
        # A planner books for nobody, and so has no need to know when members are elsewhere.
        for caller in (desk.member(await desk.join()), desk.actor(Role.PLANNER)):
            assert answer(await run(FOR_SOMEBODY, asked, caller=caller))["code"] == "UNKNOWN_MEMBER"

    async def test_nobody_learns_when_members_of_another_programme_are_elsewhere(
        self, run: Run, desk: AppointmentDesk
    ) -> None:
        fitting, member = await desk.service("FITTING", associates=1), await desk.join()
        stranger = replace(desk.actor(Role.MEMBER_SERVICES), programme_id=new_id())
        member_id = global_id("Member", member.member_id)
        asked = {"of": of(fitting), "from": TODAY.isoformat(), "forMember": member_id}
        assert answer(await run(FOR_SOMEBODY, asked, caller=stranger))["code"] == "UNKNOWN_MEMBER"
        stops = [{"serviceId": global_id("Service", fitting.service_id)}]
        wish = {"member": member_id, "wish": {"stops": stops, "firstDay": TODAY.isoformat()}}
        refused = await run(trusted("desk/VisitProposalsForMember"), wish, caller=stranger)
        assert answer(refused)["code"] == "UNKNOWN_MEMBER"

    async def test_a_whole_counter(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, watches = await desk.service("FITTING", units=1), await desk.service("WATCHES", units=2)
        counter = {"counterIds": [global_id("Counter", fitting.counter_id)]}
        free = answer(
            await run(AVAILABILITY, {"of": counter, "from": TODAY.isoformat()}, caller=desk.member(await desk.join()))
        )
        assert [entry["id"] for entry in rows(free, "services")] == [
            global_id("Service", entry.service_id) for entry in (fitting, watches)
        ]
        nothing = {"of": {"counterIds": [global_id("Counter", desk.counter(OTHER_COUNTER))]}, "from": TODAY.isoformat()}
        empty = answer(await run(AVAILABILITY, nothing, caller=desk.member(await desk.join())))
        assert (empty["services"], empty["days"], empty["slots"]) == ([], [], [])

    @pytest.mark.parametrize("days", [0, MOST_DAYS + 1])
    async def test_too_many_days_or_none(self, run: Run, desk: AppointmentDesk, days: int) -> None:
        fitting = await desk.service("FITTING", units=1)
        asked = {"of": of(fitting), "from": TODAY.isoformat(), "days": days}
        assert codes(await run(AVAILABILITY, asked, caller=desk.member(await desk.join()))) == ["BAD_USER_INPUT"]

    async def test_too_many_services(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", units=1), desk.member(await desk.join())
        many = {"serviceIds": [global_id("Service", new_id())] * (MOST_NAMED + 1)}
        assert codes(await run(AVAILABILITY, {"of": many, "from": "2026-05-20"}, caller=member)) == ["BAD_USER_INPUT"]
        others = {"serviceIds": [global_id("Service", new_id()) for _ in range(10)]}
        too_much = {"of": others, "from": "2026-05-20", "days": MOST_DAYS}
        assert codes(await run(AVAILABILITY, too_much, caller=member)) == ["BAD_USER_INPUT"]
        # One of them many times is one.
        same = {"serviceIds": [global_id("Service", fitting.service_id)] * 10}
        assert rows(answer(await run(AVAILABILITY, {**too_much, "of": same}, caller=member)), "slots")

    async def test_too_many_times(self, run: Run, desk: AppointmentDesk) -> None:
        """So many were once told in three seconds, in which the process did nothing else."""
        often = rules(duration_minutes=5, every_minutes=5)
        services = [await desk.service(f"S{number}", units=1, given=often) for number in range(2)]
        caller = desk.member(await desk.join())
        asked = {"of": of(*services), "from": TODAY.isoformat(), "days": MOST_DAYS}
        refused = await run(AVAILABILITY, asked, caller=caller)
        assert codes(refused) == ["BAD_USER_INPUT"] and "5000 at most" in str(refused.errors)
        told = answer(await run(AVAILABILITY, {**asked, "of": of(services[0])}, caller=caller))
        assert len(rows(told, "slots")) > 4_000

    @pytest.mark.parametrize("choice", ["storeId", "counterId", "brandId"])
    async def test_an_empty_text_is_no_place(self, run: Run, desk: AppointmentDesk, choice: str) -> None:
        caller = desk.member(await desk.join())
        assert codes(await run(SERVICES, {"at": {choice: ""}}, caller=caller)) == ["BAD_USER_INPUT"]
        nothing = {"of": {"moving": ""}, "from": TODAY.isoformat()}
        assert codes(await run(AVAILABILITY, nothing, caller=caller)) == ["BAD_USER_INPUT"]

    async def test_a_service_that_there_is_not(self, run: Run, desk: AppointmentDesk) -> None:
        nothing = {"serviceIds": [global_id("Service", ServiceId(new_id()))]}
        asked = {"of": nothing, "from": TODAY.isoformat()}
        assert (
            answer(await run(AVAILABILITY, asked, caller=desk.member(await desk.join())))["code"] == "UNKNOWN_SERVICE"
        )


class TestMoving:
    async def test_an_appointment_is_moved_to_a_time_that_overlaps_with_it(
        self, run: Run, desk: AppointmentDesk
    ) -> None:
        """By the member, at the counter and at the desk; each time it makes way for itself."""
        fitting, member = await desk.service("FITTING", associates=1, given=rules(after_minutes=30)), await desk.join()
        await desk.service("WATCHES", units=1)
        [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
        appointment_id: str = global_id("Appointment", booked.appointment_id)
        listed: list[list[datetime]] = []
        for find, move, caller, start in (
            ("app/Availability", "app/RescheduleAppointment", desk.member(member), at(14, 30)),
            (
                "associate/AvailabilityAtCounter",
                "associate/RescheduleAppointmentAtCounter",
                desk.actor(Role.ASSOCIATE),
                at(15),
            ),
            ("desk/AvailabilityAtDesk", "desk/RescheduleAppointmentAtDesk", desk.actor(Role.DESK), at(14)),
        ):
            asked = {"of": {"moving": appointment_id}, "from": TODAY.isoformat()}
            free = answer(await run(trusted(find), asked, caller=caller))
            assert [entry["id"] for entry in rows(free, "services")] == [global_id("Service", fitting.service_id)]
            listed.append([datetime.fromisoformat(str(slot["startsAt"])) for slot in rows(free, "slots")])
            assert start in listed[-1]
            changed = await change(run, trusted(move), caller, appointmentId=appointment_id, startsAt=start.isoformat())
            appointment_id = str(part(changed, "appointment")["id"])
        assert listed[0] == listed[1] == listed[2]

    async def test_whose_it_is_is_looked_at(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=1), await desk.join()
        [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
        asked = {
            "of": {"moving": global_id("Appointment", booked.appointment_id)},
            "from": TODAY.isoformat(),
            "forMember": global_id("Member", member.member_id),
        }
        stranger = answer(await run(AVAILABILITY, asked, caller=desk.member(await desk.join())))
        assert stranger["code"] == "UNKNOWN_APPOINTMENT"
        assert codes(await run(FOR_SOMEBODY, asked, caller=desk.actor(Role.ASSOCIATE))) == ["BAD_USER_INPUT"]
        await desk.cancel(member, booked)
        refused = answer(await run(AVAILABILITY, asked, caller=desk.member(member)))
        assert refused["code"] == "APPOINTMENT_STEP_REFUSED"


class TestLists:
    async def test_what_is_to_come_and_what_was(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=2), await desk.join()
        [first] = await desk.book(member, Stop(fitting.service_id, at(18)))
        [second] = await desk.book(member, Stop(fitting.service_id, at(14, days=1)))
        [third] = await desk.book(member, Stop(fitting.service_id, at(14, days=2)))
        [held] = await desk.hold(member, Stop(fitting.service_id, at(20)))
        cancelled = await desk.cancel(member, second)
        moved = await desk.move(member, third, at(12, days=3))
        caller = desk.member(member)

        async def mine(**more: object) -> list[object]:
            return [entry["id"] for entry in rows(answer(await run(MINE, more, caller=caller)), "nodes")]

        assert await mine() == [node_id(first), node_id(held), node_id(moved)]
        assert await mine(past=True) == [node_id(cancelled)]
        desk.clock.set(at(19))
        assert await mine() == [node_id(moved)]
        assert await mine(past=True) == [node_id(cancelled), node_id(held), node_id(first)]
        desk.clock.set(at(19, days=5))
        assert await mine() == []
        assert await mine(past=True) == [node_id(entry) for entry in (moved, cancelled, held, first)]

    async def test_pages_of_both(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=1), await desk.join()
        booked = [(await desk.book(member, Stop(fitting.service_id, at(13 + hour))))[0] for hour in range(5)]

        async def all_pages(document: str, path: tuple[str, ...], **more: object) -> list[object]:
            seen: list[object] = []
            after: object = None
            caller = desk.member(member) if document is MINE else desk.actor(Role.MEMBER_SERVICES)
            while True:
                page: object = answer(await run(document, {"first": 2, "after": after, **more}, caller=caller))
                for name in path:
                    page = part(page)[name]
                seen += [entry["id"] for entry in rows(page, "nodes")]
                if not part(page, "pageInfo")["hasNextPage"]:
                    return seen
                after = part(page, "pageInfo")["endCursor"]

        ids, named = [node_id(entry) for entry in booked], {"memberId": global_id("Member", member.member_id)}
        assert await all_pages(MINE, ()) == ids
        assert await all_pages(OF_MEMBER, ("appointments",), **named) == ids
        desk.clock.set(at(9, days=1))
        assert await all_pages(MINE, (), past=True) == ids[::-1]
        assert await all_pages(OF_MEMBER, ("appointments",), past=True, **named) == ids[::-1]

    async def test_nobody_sees_anothers(self, run: Run, desk: AppointmentDesk) -> None:
        fitting = await desk.service("FITTING", associates=1)
        [booked] = await desk.book(await desk.join(), Stop(fitting.service_id, at(14)))
        stranger = desk.member(await desk.join())
        assert (await run(ONE, {"id": node_id(booked)}, caller=stranger)).data == {"appointment": None}
        assert rows(answer(await run(MINE, {}, caller=stranger)), "nodes") == []
        refused = await change(run, CANCEL, stranger, appointmentId=node_id(booked))
        assert refused["code"] == "UNKNOWN_APPOINTMENT"
        assert await desk.states() == ["CONFIRMED"]


class TestCost:
    """One row costs as many statements as many."""

    async def test_availability_is_two_statements(self, run: Run, desk: AppointmentDesk, statements: list[str]) -> None:
        services = [await desk.service(f"S{number}", associates=2, rooms=1) for number in range(5)]
        caller = desk.member(await desk.join())
        for asked in (services[:1], services):
            for days in (1, 31):
                await run(AVAILABILITY, {"of": of(*asked), "from": "2026-05-20", "days": days}, caller=caller)
                statements.clear()
                free = answer(
                    await run(AVAILABILITY, {"of": of(*asked), "from": "2026-05-20", "days": days}, caller=caller)
                )
                assert rows(free, "slots")
                assert len([text for text in statements if "appointments." in text]) == 2

    @pytest.mark.parametrize("past", [False, True])
    async def test_lists(self, run: Run, desk: AppointmentDesk, statements: list[str], past: bool) -> None:
        services = [await desk.service(f"S{number}", associates=1) for number in range(5)]
        counts, member = [], await desk.join()
        named = {"memberId": global_id("Member", member.member_id), "past": past}
        for number, service in enumerate(services):
            [booked] = await desk.book(member, Stop(service.service_id, at(13 + number)))
            if past:
                await desk.cancel(member, booked)
            for document, variables, caller in (
                (MINE, {"past": past}, desk.member(member)),
                (OF_MEMBER, named, desk.actor(Role.MEMBER_SERVICES)),
            ):
                await run(document, variables, caller=caller)
                statements.clear()
                answer(await run(document, variables, caller=caller))
                counts.append((document, len(statements)))
        assert len(set(counts)) == 2

    async def test_many_members_appointments_are_read_at_once(
        self, run: Run, desk: AppointmentDesk, statements: list[str]
    ) -> None:
        fitting = await desk.service("FITTING", associates=5)
        members = [await desk.join() for _ in range(5)]
        for member in members:
            await desk.book(member, Stop(fitting.service_id, at(14)))
        document = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Member { appointments { nodes { id } } } } }"
        counts = []
        await run(document, {"ids": [global_id("Member", members[0].member_id)]}, caller=desk.actor(Role.ADMIN))
        for number in (1, 5):
            asked = {"ids": [global_id("Member", member.member_id) for member in members[:number]]}
            statements.clear()
            result = await run(document, asked, caller=desk.actor(Role.MEMBER_SERVICES))
            assert result.data is not None
            assert [len(rows(entry, "appointments", "nodes")) for entry in rows(result.data, "nodes")] == [1] * number
            counts.append(len(statements))
        assert counts[0] == counts[1]


class TestRefusals:
    """Each of them with what a client needs to find the way out."""

    async def test_slot_taken(self, run: Run, desk: AppointmentDesk) -> None:
        fitting = await desk.service("FITTING", associates=1)
        await desk.book(await desk.join(), Stop(fitting.service_id, at(14)))
        refused = await book(run, desk, await desk.join(), stop=stop(fitting, at(14, 30)))
        assert (refused["code"], refused["field"]) == ("SLOT_TAKEN", "startsAt")
        assert "FITTING at 2026-05-20 14:30 (+08:00) has just been taken" in str(refused["message"])

    async def test_capacity_reached(self, run: Run, desk: AppointmentDesk) -> None:
        class_of_two = await desk.service("CLASS", units=2)
        for _ in range(2):
            await desk.book(await desk.join(), Stop(class_of_two.service_id, at(14)))
        refused = await book(run, desk, await desk.join(), stop=stop(class_of_two, at(14)))
        assert (refused["code"], "All 2 places" in str(refused["message"])) == ("CAPACITY_REACHED", True)

    async def test_outside_hours(self, run: Run, desk: AppointmentDesk) -> None:
        fitting = await desk.service("FITTING", associates=1)
        refused = await book(run, desk, await desk.join(), stop=stop(fitting, at(21, 30)))
        assert refused["code"] == "OUTSIDE_HOURS"
        assert str(refused["message"]).endswith("It begins at 2026-05-20 21:00 (+08:00) at the latest.")
        refused = await book(run, desk, await desk.join(), stop=stop(fitting, at(23)))
        assert "from 2026-05-20 10:00 (+08:00) to 2026-05-20 22:00 (+08:00)" in str(refused["message"])

    async def test_no_such_slot(self, run: Run, desk: AppointmentDesk) -> None:
        fitting = await desk.service("FITTING", associates=1)
        refused = await book(run, desk, await desk.join(), stop=stop(fitting, at(14, 20)))
        assert (refused["code"], refused["nearest"]) == ("NO_SUCH_SLOT", "2026-05-20T14:30+08:00")

    async def test_too_late(self, run: Run, desk: AppointmentDesk) -> None:
        fitting = await desk.service("FITTING", associates=1, given=rules(notice_minutes=180))
        refused = await book(run, desk, await desk.join(), stop=stop(fitting, at(14, 30)))
        assert (refused["code"], refused["bookUntil"]) == ("TOO_LATE_TO_BOOK", "2026-05-20T11:30+08:00")

    async def test_too_early(self, run: Run, desk: AppointmentDesk) -> None:
        fitting = await desk.service("FITTING", associates=1, given=rules(horizon_days=2))
        refused = await book(run, desk, await desk.join(), stop=stop(fitting, at(14, days=3)))
        assert (refused["code"], refused["bookFrom"]) == ("TOO_EARLY_TO_BOOK", "2026-05-21T14:00+08:00")

    async def test_who_often_did_not_come_asks_staff(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=2, given=rules(no_show_limit=1)), await desk.join()
        [missed] = await desk.book(member, Stop(fitting.service_id, at(12, 30)))
        desk.clock.set(at(13))
        await desk.step(missed, Step.NO_SHOW)
        asked = {"of": of(fitting), "from": TODAY.isoformat(), "days": 2}
        free = answer(await run(AVAILABILITY, asked, caller=desk.member(member)))
        assert rows(free, "slots") == []
        assert [part(day, "whyNot")["code"] for day in rows(free, "days")] == ["BOOKING_SUSPENDED"] * 2
        refused = await book(run, desk, member, stop=stop(fitting, at(14)))
        assert (refused["code"], refused["possibleFrom"]) == ("BOOKING_SUSPENDED", "2026-08-18T13:00+08:00")
        by_staff = {"stop": stop(fitting, at(14)), "memberId": global_id("Member", member.member_id)}
        booked = await change(run, BOOK_AT_COUNTER, desk.actor(Role.ASSOCIATE), **by_staff)
        assert part(booked, "appointment")["state"] == "CONFIRMED"

    async def test_member_elsewhere(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=1), await desk.join()
        watches = await desk.service("WATCHES", units=1, counter=OTHER_COUNTER)
        await desk.book(member, Stop(watches.service_id, at(14)))
        refused = await book(run, desk, member, stop=stop(fitting, at(14, 30)))
        assert (refused["code"], refused["field"]) == ("MEMBER_ELSEWHERE", "startsAt")

    async def test_associate_not_skilled(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, watches = await desk.service("FITTING", associates=1), await desk.service("WATCHES", associates=1)
        [other] = watches.candidates[ResourceKind.ASSOCIATE]
        refused = await book(run, desk, await desk.join(), stop=stop(fitting, at(14), other))
        assert (refused["code"], refused["field"]) == ("ASSOCIATE_NOT_SKILLED", "associate")

    async def test_associate_off_shift(self, run: Run, desk: AppointmentDesk) -> None:
        fitting = await desk.service("FITTING", associates=1)
        refused = await book(run, desk, await desk.join(), stop=stop(fitting, at(14, days=8)))
        assert refused["code"] == "ASSOCIATE_OFF_SHIFT"

    async def test_hold_expired(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=1), await desk.join()
        [held] = await desk.hold(member, Stop(fitting.service_id, at(14)))
        desk.clock.advance(timedelta(minutes=5))
        caller = desk.member(member)
        assert part(answer(await run(ONE, {"id": node_id(held)}, caller=caller)))["state"] == "EXPIRED"
        refused = await change(run, CONFIRM, caller, appointmentIds=[node_id(held)])
        assert (refused["code"], refused["expiredAt"]) == ("HOLD_EXPIRED", "2026-05-20T12:05+08:00")

    async def test_wrong_state_for_the_step(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=1), await desk.join()
        [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
        await desk.step(booked, Step.CHECK_IN)
        for document, more in ((CANCEL, {}), (MOVE, {"startsAt": at(17).isoformat()})):
            refused = await change(run, document, desk.member(member), appointmentId=node_id(booked), **more)
            assert refused["code"] == "APPOINTMENT_STEP_REFUSED"
            assert "is checked in" in str(refused["message"])

    async def test_a_move_that_cannot_be_had_leaves_the_old_one(self, run: Run, desk: AppointmentDesk) -> None:
        """A5, through the API."""
        fitting, member = await desk.service("FITTING", associates=1), await desk.join()
        [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
        await desk.book(await desk.join(), Stop(fitting.service_id, at(17)))
        caller = desk.member(member)
        refused = await change(run, MOVE, caller, appointmentId=node_id(booked), startsAt=at(17).isoformat())
        assert refused["code"] == "SLOT_TAKEN"
        stands = answer(await run(ONE, {"id": node_id(booked)}, caller=caller))
        assert (stands["state"], stands["startsAt"]) == ("CONFIRMED", "2026-05-20T14:00:00+08:00")

    async def test_nobody_books_for_another_member(self, run: Run, desk: AppointmentDesk) -> None:
        fitting, member = await desk.service("FITTING", associates=1), await desk.join()
        other = global_id("Member", (await desk.join()).member_id)
        refused = await book(run, desk, member, stop=stop(fitting, at(14)), memberId=other)
        assert refused["code"] == "UNKNOWN_MEMBER"

    @pytest.mark.parametrize("number", [0, MOST_STOPS + 1])
    async def test_none_or_too_many_to_confirm(self, run: Run, desk: AppointmentDesk, number: int) -> None:
        input_ = {"idempotencyKey": new_key(), "appointmentIds": [global_id("Appointment", new_id())] * number}
        result = await run(CONFIRM, {"input": input_}, caller=desk.member(await desk.join()))
        assert codes(result) == ["BAD_USER_INPUT"]
