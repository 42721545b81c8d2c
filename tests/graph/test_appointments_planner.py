"""What planners set up at a counter, and what that leaves without what it needs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from membership.appointments.model import Stop
from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from support.appointment_desk import COUNTER, OTHER_COUNTER, TODAY, AppointmentDesk, at
from support.appointment_graph import answer, appointment_desk_on, change, part, rows
from support.clock import StoppedClock
from support.operations import Run, codes, trusted

SERVICES, RESOURCES, SHIFTS = (
    trusted("planner/CounterServices"),
    trusted("planner/BookingResources"),
    trusted("planner/CounterShifts"),
)
SAVE_SERVICE, RETIRE_SERVICE = trusted("planner/SaveService"), trusted("planner/RetireService")
SAVE_RESOURCE, RETIRE_RESOURCE = trusted("planner/SaveResource"), trusted("planner/RetireResource")
SET_SHIFTS = trusted("planner/SetShifts")
AVAILABILITY, BOOK = trusted("app/Availability"), trusted("app/BookAppointment")
ENGLISH = [{"locale": "en", "name": "Fitting"}]
HOUR = {"durationMinutes": 60, "everyMinutes": 30}
MORNING = {"weekday": 3, "opensAt": "10:00", "closesAt": "12:00"}
AFTERNOON = {"weekday": 3, "opensAt": "14:00", "closesAt": "18:00"}


@pytest.fixture
async def desk(services: Services, conn: Conn, clock: StoppedClock) -> AppointmentDesk:
    return await appointment_desk_on(services, conn, clock)


@pytest.fixture
def planner(desk: AppointmentDesk) -> Actor:
    return desk.actor(Role.PLANNER)


def counter(desk: AppointmentDesk, code: str = COUNTER) -> str:
    return global_id("Counter", desk.counter(code))


async def lin(run: Run, desk: AppointmentDesk, planner: Actor, **more: object) -> dict[str, object]:
    """Set up, and at work from 10 to 19 today."""
    said = {"counterId": counter(desk), "kind": "ASSOCIATE", "code": "lin.mei", "serviceIds": []}
    names = [{"locale": "en", "name": "Lin Mei"}]
    made = await change(run, SAVE_RESOURCE, planner, names=names, **{**said, **more})
    resource = part(made, "resource")
    shift = {"day": TODAY.isoformat(), "beginsAt": "10:00", "endsAt": "19:00"}
    days = {"first": TODAY.isoformat(), "last": TODAY.isoformat()}
    await change(run, SET_SHIFTS, planner, associateId=resource["id"], shifts=[shift], **days)
    return resource


async def test_a_counter_is_set_up_and_booked(run: Run, desk: AppointmentDesk, planner: Actor) -> None:
    associate = await lin(run, desk, planner)
    assert (associate["kind"], associate["code"], associate["serving"]) == ("ASSOCIATE", "lin.mei", True)
    room = part(
        await change(
            run,
            SAVE_RESOURCE,
            planner,
            counterId=counter(desk),
            kind="ROOM",
            code="SALON",
            names=[{"locale": "en", "name": "Salon"}, {"locale": "zh-CN", "name": "贵宾室"}],
            serviceIds=[],
        ),
        "resource",
    )
    rules = {
        **HOUR,
        "afterMinutes": 15,
        "noShowLimit": 3,
        "reminderMinutes": [60],
        "hours": {
            "weekdays": [{"weekday": 3, "opensAt": "11:00", "closesAt": "18:00"}],
            "exceptions": [{"day": "2026-05-27"}, {"day": "2026-05-29", "opensAt": "12:00", "closesAt": "14:00"}],
        },
    }
    saved = await change(
        run,
        SAVE_SERVICE,
        planner,
        counterId=counter(desk),
        code="FITTING",
        names=ENGLISH,
        rules=rules,
        associateIds=[associate["id"]],
        roomIds=[room["id"]],
    )
    service = part(saved, "service")
    assert (service["name"], service["needsAssociate"], service["needsRoom"], service["capacity"]) == (
        "Fitting",
        True,
        True,
        None,
    )
    assert part(service, "setup") == {
        "names": ENGLISH,
        "hours": {
            "weekdays": [{"weekday": 3, "opensAt": "11:00:00", "closesAt": "18:00:00"}],
            "exceptions": [
                {"day": "2026-05-27", "opensAt": None, "closesAt": None},
                {"day": "2026-05-29", "opensAt": "12:00:00", "closesAt": "14:00:00"},
            ],
        },
        "offerMinutes": 15,
        "noShowLimit": 3,
        "noShowDays": 90,
        "reminderMinutes": [60],
        "associateIds": [associate["id"]],
        "roomIds": [room["id"]],
    }
    where = {"counterId": counter(desk)}
    assert rows(answer(await run(SERVICES, {"at": where}, caller=planner)), "nodes") == [service]
    asked = {"of": {"serviceIds": [service["id"]]}, "from": TODAY.isoformat(), "days": 10}
    free = answer(await run(AVAILABILITY, asked, caller=desk.member(await desk.join())))
    assert [(str(day["day"])[8:], day["freeSlots"]) for day in rows(free, "days") if day["opensAt"]] == [
        ("20", 11),
        ("29", 0),
    ]
    booked = await change(
        run,
        BOOK,
        desk.member(await desk.join()),
        stop={"serviceId": service["id"], "startsAt": at(14).isoformat(), "associateId": associate["id"]},
    )
    assert part(booked, "appointment", "associate")["name"] == "Lin Mei"


async def test_places_are_set_up_by_their_number(run: Run, desk: AppointmentDesk, planner: Actor) -> None:
    said = {"counterId": counter(desk), "code": "CLASS", "names": ENGLISH, "rules": HOUR}
    for places in (5, 2):
        saved = part(await change(run, SAVE_SERVICE, planner, **said, places=places), "service")
        assert (saved["capacity"], saved["needsAssociate"]) == (places, False)
    listed = rows(answer(await run(RESOURCES, {"counterId": counter(desk)}, caller=planner)), "resources", "nodes")
    assert [(entry["kind"], entry["serving"]) for entry in listed] == [("UNIT", True)] * 2 + [("UNIT", False)] * 3


async def test_what_a_change_leaves_unserved_is_told(run: Run, desk: AppointmentDesk, planner: Actor) -> None:
    associate = await lin(run, desk, planner)
    saved = await change(
        run, SAVE_SERVICE, planner, counterId=counter(desk), code="F", names=ENGLISH, rules=HOUR,
        associateIds=[associate["id"]],
    )  # fmt: skip
    service_id = part(saved, "service")["id"]
    booked = part(
        await change(
            run, BOOK, desk.member(await desk.join()), stop={"serviceId": service_id, "startsAt": at(14).isoformat()}
        ),
        "appointment",
    )
    days = {"first": TODAY.isoformat(), "last": TODAY.isoformat(), "associateId": associate["id"]}
    shift = {"day": TODAY.isoformat(), "beginsAt": "15:00", "endsAt": "19:00"}
    changes = (
        await change(run, SET_SHIFTS, planner, shifts=[shift], **days),
        await change(run, RETIRE_RESOURCE, planner, resourceId=associate["id"]),
        await change(run, RETIRE_SERVICE, planner, serviceId=service_id),
    )
    for changed in changes:
        assert part(changed, "unserved")["total"] == 1
        assert [entry["id"] for entry in rows(changed, "unserved", "appointments")] == [booked["id"]]
    assert [(span["startsAt"], span["endsAt"]) for span in rows(changes[0], "shifts")] == [
        ("2026-05-20T15:00:00+08:00", "2026-05-20T19:00:00+08:00")
    ]
    assert part(changes[1], "resource")["serving"] is False
    assert part(changes[2], "service")["offered"] is False
    assert rows(answer(await run(SERVICES, {"at": {"counterId": counter(desk)}}, caller=planner)), "nodes") == []
    assert await desk.states() == ["CONFIRMED"]


async def test_shifts_of_a_counter(run: Run, desk: AppointmentDesk, planner: Actor) -> None:
    await lin(run, desk, planner)
    for first, days, seen in ((TODAY, 1, 1), (TODAY + timedelta(days=1), 31, 0), (TODAY - timedelta(days=30), 31, 1)):
        asked = {"counterId": counter(desk), "from": first.isoformat(), "days": days}
        assert len(rows(answer(await run(SHIFTS, asked, caller=planner)), "shifts")) == seen


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_the_ends_of_the_calendar_are_no_days(run: Run, desk: AppointmentDesk, planner: Actor, day: str) -> None:
    associate = await lin(run, desk, planner)
    fitting = await desk.service("FITTING", units=1)
    of, at_work = {"serviceIds": [global_id("Service", fitting.service_id)]}, desk.actor(Role.ASSOCIATE)
    shifts = {"idempotencyKey": "k", "associateId": associate["id"], "first": day, "last": day, "shifts": []}
    for document, asked, caller in (
        (AVAILABILITY, {"of": of, "from": day, "days": 31}, at_work),
        (SHIFTS, {"counterId": counter(desk), "from": day}, planner),
        (SET_SHIFTS, {"input": shifts}, planner),
        (trusted("associate/CounterBoard"), {"day": day}, at_work),
        (trusted("associate/AssociateDay"), {"day": day}, at_work),
    ):
        assert set(codes(await run(document, asked, caller=caller))) == {"BAD_USER_INPUT"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("wrong", "entry", "reason"),
        [
            ({"code": "small"}, "code", "capital letters"),
            ({"names": [{"locale": "zh-CN", "name": "试衣"}]}, "names", "English"),
            ({"names": ENGLISH * 2}, "names", "en is said twice"),
            ({"rules": {**HOUR, "hours": {"weekdays": [MORNING, AFTERNOON]}}}, "hours.weekdays", "3 is said twice"),
            (
                {"rules": {**HOUR, "hours": {"weekdays": [], "exceptions": [{"day": "2026-05-20"}] * 2}}},
                "hours.exceptions",
                "2026-05-20 is said twice",
            ),
            ({"places": None}, "needs", "an associate, a room or a place"),
            ({"places": 0}, "places", "1 to 200"),
            ({"rules": {**HOUR, "durationMinutes": 1}}, "durationMinutes", "greater than or equal to 5"),
            ({"rules": {**HOUR, "reminderMinutes": [5, 6, 7, 8, 9]}}, "reminderMinutes", "there are at most 4 of them"),
            (
                {"rules": {**HOUR, "hours": {"weekdays": [{"weekday": 0, "opensAt": "10:00", "closesAt": "12:00"}]}}},
                "hours.weekdays",
                "from 1, Monday, to 7, Sunday",
            ),
            (
                {
                    "rules": {
                        **HOUR,
                        "hours": {"weekdays": [], "exceptions": [{"day": "2026-05-20", "opensAt": "10:00"}]},
                    }
                },
                "hours.exceptions",
                "both times, or none",
            ),
        ],
    )
    async def test_a_service_that_makes_no_sense(
        self, run: Run, desk: AppointmentDesk, planner: Actor, wrong: dict[str, object], entry: str, reason: str
    ) -> None:
        said = {"counterId": counter(desk), "code": "CLASS", "names": ENGLISH, "rules": HOUR, "places": 2}
        refused = await change(run, SAVE_SERVICE, planner, **{**said, **wrong})
        assert (refused["code"], refused["entry"]) == ("INVALID_DIARY_ENTRY", entry)
        assert reason in str(refused["reason"])

    async def test_shifts_that_overlap(self, run: Run, desk: AppointmentDesk, planner: Actor) -> None:
        associate = await lin(run, desk, planner)
        days = {"first": TODAY.isoformat(), "last": TODAY.isoformat(), "associateId": associate["id"]}
        both = [{"day": TODAY.isoformat(), "beginsAt": f"1{hour}:00", "endsAt": "18:00"} for hour in (0, 2)]
        refused = await change(run, SET_SHIFTS, planner, shifts=both, **days)
        assert (refused["code"], refused["otherStartsAt"]) == ("SHIFTS_OVERLAP", "2026-05-20T12:00+08:00")

    async def test_what_is_not_of_this_planner(self, run: Run, desk: AppointmentDesk, planner: Actor) -> None:
        associate = await lin(run, desk, planner)
        fitting = await desk.service("FITTING", units=1)
        stranger = replace(planner, programme_id=new_id())
        named = {"counterId": counter(desk), "names": ENGLISH}
        days = {"first": TODAY.isoformat(), "last": TODAY.isoformat(), "associateId": associate["id"], "shifts": []}
        refusals = [
            await change(run, SAVE_SERVICE, stranger, **named, code="X", rules=HOUR, places=1),
            await change(run, SAVE_RESOURCE, stranger, **named, kind="ROOM", code="X", serviceIds=[]),
            answer(await run(RESOURCES, {"counterId": counter(desk)}, caller=stranger)),
            answer(await run(SHIFTS, {"counterId": counter(desk), "from": TODAY.isoformat()}, caller=stranger)),
            await change(run, RETIRE_SERVICE, stranger, serviceId=global_id("Service", fitting.service_id)),
            await change(run, RETIRE_RESOURCE, stranger, resourceId=associate["id"]),
            await change(run, SET_SHIFTS, stranger, **days),
        ]
        assert [refused["code"] for refused in refusals] == [
            *["UNKNOWN_BOOKING_COUNTER"] * 4,
            "UNKNOWN_SERVICE",
            *["UNKNOWN_RESOURCE"] * 2,
        ]

    async def test_somebody_of_another_counter_serves_nothing_here(
        self, run: Run, desk: AppointmentDesk, planner: Actor
    ) -> None:
        associate = await lin(run, desk, planner, counterId=counter(desk, OTHER_COUNTER))
        refused = await change(
            run, SAVE_SERVICE, planner, counterId=counter(desk), code="F", names=ENGLISH, rules=HOUR,
            associateIds=[associate["id"]],
        )  # fmt: skip
        assert refused["code"] == "UNKNOWN_RESOURCE"


async def test_one_row_costs_as_much_as_many(
    run: Run, desk: AppointmentDesk, planner: Actor, statements: list[str]
) -> None:
    counts = []
    for number in range(4):
        fitting = await desk.service(f"S{number}", associates=2, rooms=1, units=3)
        await desk.book(await desk.join(), Stop(fitting.service_id, at(14)))
        asked = {"counterId": counter(desk), "from": TODAY.isoformat()}
        for document, variables in (
            (SERVICES, {"at": {"counterId": counter(desk)}}),
            (RESOURCES, {"counterId": counter(desk)}),
            (SHIFTS, asked),
        ):
            await run(document, variables, caller=planner)
            statements.clear()
            answer(await run(document, variables, caller=planner))
            counts.append((document, len(statements)))
    assert len(set(counts)) == 3
