"""Visits over GraphQL: the app finds, keeps, books, moves and cancels one; counters and desks see theirs."""

from dataclasses import replace
from datetime import time, timedelta

import pytest
from strawberry.types import ExecutionResult

from membership.appointments.model import Service, Stop
from membership.campaigns.content import BookingOpening
from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.kernel.actor import Actor, Role
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from support.appointment_desk import TODAY, at, new_key, open_appointment_desk
from support.campaign_desk import few_days, open_campaign_desk
from support.clock import StoppedClock
from support.operations import Run, codes, trusted
from support.visit_desk import COUNTERS, VisitDesk, one_after_another

PROPOSE, HOLD, BOOK = trusted("app/VisitProposals"), trusted("app/HoldVisit"), trusted("app/BookVisit")
CONFIRM, ADD = trusted("app/ConfirmVisit"), trusted("app/AddToVisit")
MOVE, CANCEL = trusted("app/MoveVisit"), trusted("app/CancelVisit")
MINE, ONE = trusted("app/MyVisits"), trusted("app/Visit")
AT_COUNTER, OF_DAY = trusted("associate/VisitsAtCounter"), trusted("desk/VisitsOfDay")
OF_MEMBER = trusted("desk/MemberVisits")

Answer = dict[str, object]


@pytest.fixture
async def desk(services: Services, conn: Conn, clock: StoppedClock) -> VisitDesk:
    """On the services of the schema, whose clock it shares."""
    appointments = await open_appointment_desk(services.database, conn)
    return VisitDesk(replace(appointments, appointments=services.appointments, clock=clock), services.visits)


def part(value: object) -> Answer:
    assert isinstance(value, dict)
    return value


def rows(value: object) -> list[Answer]:
    assert isinstance(value, list)
    return value


def answer(result: ExecutionResult) -> Answer:
    assert result.errors is None, result.errors
    assert result.data is not None
    (payload,) = result.data.values()
    return part(payload)


def wish(services: list[Service], **others: object) -> Answer:
    stops = [{"serviceId": global_id("Service", service.service_id)} for service in services]
    return {"wish": {"stops": stops, "firstDay": TODAY.isoformat()} | others}


def taking(proposal: Answer) -> list[Answer]:
    """The stops of a proposal as `bookVisit` takes them."""
    return [{key: stop[key] for key in ("serviceId", "startsAt", "associateId")} for stop in rows(proposal["stops"])]


def asking(services: list[Service], hour: int = 14, **others: object) -> Answer:
    stops = [
        {"serviceId": global_id("Service", stop.service_id), "startsAt": stop.starts_at.isoformat()}
        for stop in one_after_another(services, hour)
    ]
    return {"input": {"idempotencyKey": new_key(), "stops": stops} | others}


def about(visit: Answer, **others: object) -> Answer:
    return {"input": {"idempotencyKey": new_key(), "visitId": visit["id"]} | others}


async def booked(desk: VisitDesk, run: Run, member: MembershipKey, services: list[Service], hour: int = 14) -> Answer:
    return part(answer(await run(BOOK, asking(services, hour), caller=desk.member(member)))["visit"])


def starts(visit: Answer) -> list[object]:
    return [part(stop["appointment"])["startsAt"] for stop in rows(visit["stops"])]


def states(visit: Answer) -> list[object]:
    return [part(stop["appointment"])["state"] for stop in rows(visit["stops"])]


async def test_a_visit_is_found_booked_moved_and_one_stop_cancelled(desk: VisitDesk, run: Run) -> None:
    member, services = await desk.join(), await desk.services()
    caller = desk.member(member)
    found = answer(await run(PROPOSE, wish(services), caller=caller))
    assert found["complete"] is True
    best, second, *_ = rows(found["proposals"])
    assert [part(part(stop["service"])["floor"])["code"] for stop in rows(best["stops"])] in (
        ["2F", "1F", "B1"],
        ["B1", "1F", "2F"],
    )
    assert part(rows(best["stops"])[0]["associate"])["name"]

    request = {"input": {"idempotencyKey": new_key(), "stops": taking(best), "note": " Silk, please. "}}
    visit = part(answer(await run(BOOK, request, caller=caller))["visit"])
    assert (visit["state"], visit["note"]) == ("BOOKED", "Silk, please.")
    assert starts(visit) == [stop["startsAt"] for stop in rows(best["stops"])]
    assert [(stop["isTight"], stop["walkingMinutes"]) for stop in rows(visit["stops"])] == [
        (False, 7),
        (False, 7),
        (False, None),
    ]

    later = {part(stop["service"])["code"]: stop["startsAt"] for stop in rows(second["stops"])}
    times = [
        {"appointmentId": stop["id"], "startsAt": later[part(stop["service"])["code"]]}
        for stop in (part(entry["appointment"]) for entry in rows(visit["stops"]))
    ]
    moved = part(answer(await run(MOVE, about(visit, stops=times), caller=caller))["visit"])
    assert moved["startsAt"] == second["startsAt"]
    assert [part(stop["appointment"])["sequence"] for stop in rows(moved["stops"])] == [1, 1, 1]

    gone = part(rows(moved["stops"])[1]["appointment"])["id"]
    cancelled = part(answer(await run(CANCEL, about(visit, appointmentIds=[gone]), caller=caller))["visit"])
    assert (cancelled["state"], states(cancelled)) == ("BOOKED", ["CONFIRMED", "LATE_CANCELLED", "CONFIRMED"])
    again = part(answer(await run(ONE, {"id": visit["id"]}, caller=caller)))
    assert again == cancelled
    last = part(rows(moved["stops"])[2]["appointment"])
    shorter = part(answer(await run(CANCEL, about(visit, appointmentIds=[last["id"]]), caller=caller))["visit"])
    first = part(rows(moved["stops"])[0]["appointment"])
    assert (shorter["startsAt"], shorter["endsAt"]) == (first["startsAt"], first["endsAt"])


async def test_a_refusal_names_the_stops_and_what_would_fit(desk: VisitDesk, run: Run) -> None:
    member, services = await desk.join(), await desk.services()
    await booked(desk, run, await desk.join(), services[1:2])  # 14:00
    refused = answer(await run(BOOK, asking([services[0], services[1]], 13), caller=desk.member(member)))
    assert (refused["code"], refused["field"], refused["of"]) == ("VISIT_PARTLY_UNAVAILABLE", "stops", 2)
    [stop] = rows(refused["stops"])
    text = stop.pop("reasonText")
    assert stop == {"place": 1, "service": "SERVICE-1", "reason": "SLOT_TAKEN", "nearest": "2026-05-20T15:00+08:00"}
    assert isinstance(text, str)
    assert text in str(refused["message"])

    best = answer(
        await run(BOOK, asking([services[0], services[1]], 13, mode="BEST_EFFORT"), caller=desk.member(member))
    )
    assert states(part(best["visit"])) == ["CONFIRMED"]
    assert [entry["nearest"] for entry in rows(best["missing"])] == ["2026-05-20T15:00+08:00"]


@pytest.mark.parametrize("role", [Role.MEMBER, Role.MEMBER_SERVICES])
async def test_a_visit_is_kept_extended_and_confirmed(desk: VisitDesk, run: Run, role: Role) -> None:
    member, services = await desk.join(), await desk.services()
    mine = role is Role.MEMBER
    caller = desk.member(member) if mine else desk.appointments.actor(role)
    whose = {} if mine else {"memberId": global_id("Member", member.member_id)}
    held = part(answer(await run(HOLD, asking(services[:2], 14, **whose), caller=caller))["visit"])
    assert (held["state"], states(held)) == ("HELD", ["HELD"] * 2)
    further = [{"serviceId": global_id("Service", services[2].service_id), "startsAt": at(18).isoformat()}]
    three = part(answer(await run(ADD, about(held, stops=further), caller=caller))["visit"])
    assert states(three) == ["HELD"] * 3
    confirmed = part(answer(await run(CONFIRM, about(held), caller=caller))["visit"])
    assert states(confirmed) == ["CONFIRMED"] * 3
    again = answer(await run(CONFIRM, about(held), caller=caller))
    assert (again["code"], again["state"]) == ("VISIT_STEP_REFUSED", "BOOKED")
    whole = part(answer(await run(CANCEL, about(held), caller=caller))["visit"])
    assert whole["state"] == "CANCELLED"


async def test_bounds_are_refusals_and_malformed_input_is_a_fault(desk: VisitDesk, run: Run) -> None:
    member, services = await desk.join(), await desk.services(1)
    caller = desk.member(member)
    for asked in (wish(services * 9), wish(services, days=8), wish([]), wish(services, most=0)):
        refused = answer(await run(PROPOSE, asked, caller=caller))
        assert refused["code"] == "VISIT_OUT_OF_BOUNDS"
        for limit in ("1 to 8 stops", "1 to 7 days", "1 to 20 proposals"):
            assert limit in str(refused["message"])
    assert codes(await run(BOOK, asking(services, note="x" * 501), caller=caller)) == ["BAD_USER_INPUT"]
    card = answer(await run(BOOK, asking(services, note="4111 1111 1111 1111"), caller=caller))
    assert card["code"] == "PAYMENT_CARD_NUMBER"
    visit = await booked(desk, run, member, services)
    assert codes(await run(CANCEL, about(visit, appointmentIds=[]), caller=caller)) == ["BAD_USER_INPUT"]
    assert answer(await run(ADD, about(visit, stops=[]), caller=caller))["code"] == "VISIT_OUT_OF_BOUNDS"
    unknown = global_id("Service", member.member_id)
    stops = [{"serviceId": unknown, "startsAt": at(14).isoformat()}]
    refused = answer(await run(BOOK, {"input": {"idempotencyKey": new_key(), "stops": stops}}, caller=caller))
    assert refused["code"] == "UNKNOWN_SERVICE"


async def test_where_nothing_is_found_it_is_said_why(desk: VisitDesk, run: Run, conn: Conn) -> None:
    """The reasons of a booking, for the stops that cannot be had even by themselves."""
    member, services = await desk.join(), await desk.services(2)
    caller = desk.member(member)
    assert answer(await run(PROPOSE, wish(services), caller=caller))["whyNone"] is None
    far = answer(await run(PROPOSE, wish(services, firstDay="2027-05-20"), caller=caller))
    assert [(stop["place"], stop["reason"]) for stop in rows(far["unavailable"])] == [
        (0, "TOO_EARLY_TO_BOOK"),
        (1, "TOO_EARLY_TO_BOOK"),
    ]
    assert "can be booked from" in str(far["whyNone"])
    short = answer(await run(PROPOSE, wish(services, earliest="14:00", latest="15:30"), caller=caller))
    assert (short["proposals"], short["unavailable"]) == ([], [])
    assert "not all of them one after the other" in str(short["whyNone"])

    tomorrow = TODAY + timedelta(days=1)
    planning = await open_campaign_desk(desk.visits.database, conn)
    planning.now = desk.now - timedelta(hours=4)
    await planning.scheduled(few_days(tomorrow, BookingOpening(days_before=0, at=time(12))))
    await desk.visits.windows.campaigns.reload(desk.now)
    early = answer(await run(PROPOSE, wish(services, firstDay=tomorrow.isoformat()), caller=caller))
    assert [stop["reason"] for stop in rows(early["unavailable"])] == ["TOO_EARLY_FOR_TIER"] * 2
    assert f"from {tomorrow.isoformat()} 12:00 (+08:00) on" in str(early["whyNone"])

    visit = await booked(desk, run, member, services[:1])
    alone = {"visit": visit["id"], "wish": between("14:00", "15:00")}
    stays = answer(await run(trusted("app/VisitMoves"), alone, caller=caller))
    [only] = rows(stays["unavailable"])
    assert stays["proposals"] == []
    assert only["reasonText"] == "SERVICE-0 is given at no other time on that day between these times."


@pytest.mark.parametrize("day", ["0002-01-01", "1900-01-01", "9998-12-31"])
async def test_days_far_away_have_nothing(desk: VisitDesk, run: Run, day: str) -> None:
    member, services = await desk.join(), await desk.services(1)
    caller = desk.member(member)
    found = answer(await run(PROPOSE, wish(services, firstDay=day, days=7), caller=caller))
    assert found["proposals"] == []
    start = f"{day}T12:00:00Z"
    stops = [{"serviceId": global_id("Service", services[0].service_id), "startsAt": start}]
    refused = answer(await run(BOOK, {"input": {"idempotencyKey": new_key(), "stops": stops}}, caller=caller))
    assert refused["code"] == "VISIT_PARTLY_UNAVAILABLE"
    shown = answer(await run(OF_DAY, {"day": day}, caller=desk.appointments.actor(Role.DESK)))
    assert shown["nodes"] == []


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_the_ends_of_the_calendar_are_no_days(desk: VisitDesk, run: Run, day: str) -> None:
    member, services = await desk.join(), await desk.services(1)
    found = await run(PROPOSE, wish(services, firstDay=day), caller=desk.member(member))
    assert codes(found) == ["BAD_USER_INPUT"]
    shown = await run(OF_DAY, {"day": day}, caller=desk.appointments.actor(Role.DESK))
    assert codes(shown) == ["BAD_USER_INPUT"]


async def test_a_stranger_finds_nothing(desk: VisitDesk, run: Run) -> None:
    member, services = await desk.join(), await desk.services(1)
    visit = await booked(desk, run, member, services)
    stranger = desk.member(await desk.join())
    result = await run(ONE, {"id": visit["id"]}, caller=stranger)
    assert (result.errors, result.data) == (None, {"visit": None})
    assert answer(await run(CANCEL, about(visit), caller=stranger))["code"] == "UNKNOWN_VISIT"
    node = f'{{ node(id: "{visit["id"]}") {{ ... on Visit {{ state }} }} }}'
    found = await run(node, caller=stranger)
    assert (found.errors, found.data) == (None, {"node": None})
    own = await run(node, caller=desk.member(member))
    assert own.data == {"node": {"state": "BOOKED"}}
    mine = answer(await run(MINE, caller=stranger))
    assert mine["nodes"] == []


async def test_a_counter_sees_its_own_stops_only(desk: VisitDesk, run: Run) -> None:
    member, services = await desk.join(), await desk.services()
    await booked(desk, run, member, services)
    await booked(desk, run, member, services[2:], 20)

    def associate(counter: str) -> Actor:
        return desk.appointments.actor(Role.ASSOCIATE, counter=counter)

    [visit] = rows(answer(await run(AT_COUNTER, caller=associate(COUNTERS[0])))["nodes"])
    [stop] = rows(visit["stops"])
    assert part(part(stop["appointment"])["counter"])["code"] == COUNTERS[0]
    assert (stop["gapMinutes"], stop["walkingMinutes"]) == (None, None)
    assert len(rows(answer(await run(AT_COUNTER, caller=associate(COUNTERS[2])))["nodes"])) == 2
    assert rows(answer(await run(AT_COUNTER, caller=associate(COUNTERS[4])))["nodes"]) == []
    denied = await run("{ visitsOfDay { nodes { memberId } } }", caller=associate(COUNTERS[0]))
    assert codes(denied) == ["FORBIDDEN"]


async def test_the_visits_of_a_day_come_by_their_first_stop(desk: VisitDesk, run: Run) -> None:
    services = await desk.services()
    for hour in (18, 13):
        await booked(desk, run, await desk.join(), services[:1], hour)
    at_desk = desk.appointments.actor(Role.DESK)
    first = answer(await run(OF_DAY, {"first": 1}, caller=at_desk))
    [early] = rows(first["nodes"])
    assert early["startsAt"] == "2026-05-20T13:00:00+08:00"
    cursor = part(first["pageInfo"])["endCursor"]
    rest = answer(await run(OF_DAY, {"first": 5, "after": cursor}, caller=at_desk))
    assert [visit["startsAt"] for visit in rows(rest["nodes"])] == ["2026-05-20T18:00:00+08:00"]
    other_day = answer(await run(OF_DAY, {"day": "2026-05-21"}, caller=at_desk))
    assert other_day["nodes"] == []
    services_desk = desk.appointments.actor(Role.MEMBER_SERVICES)
    nowhere = await run(OF_DAY, caller=replace(services_desk, store_id=None))
    assert codes(nowhere) == ["BAD_USER_INPUT"]
    unknown = await run(OF_DAY, {"store": global_id("Store", services[0].service_id)}, caller=at_desk)
    assert codes(unknown) == ["BAD_USER_INPUT"]


async def test_staff_find_and_book_for_a_member(desk: VisitDesk, run: Run) -> None:
    member, services = await desk.join(), await desk.services()
    staff = desk.appointments.actor(Role.MEMBER_SERVICES)
    member_id = global_id("Member", member.member_id)
    find = trusted("desk/VisitProposalsForMember")
    [best, *_] = rows(answer(await run(find, wish(services) | {"member": member_id}, caller=staff))["proposals"])
    request = {"input": {"idempotencyKey": new_key(), "stops": taking(best), "memberId": member_id}}
    visit = part(answer(await run(trusted("desk/BookVisitForMember"), request, caller=staff))["visit"])
    listed = answer(await run(OF_MEMBER, {"member": member_id}, caller=staff))
    assert [node["id"] for node in rows(listed["nodes"])] == [visit["id"]]
    stop = part(rows(visit["stops"])[0]["appointment"])
    times = [{"appointmentId": stop["id"], "startsAt": at(12, 30).isoformat()}]
    moved = answer(await run(trusted("desk/MoveVisitForMember"), about(visit, stops=times), caller=staff))
    assert "visit" in moved or moved["code"] == "VISIT_PARTLY_UNAVAILABLE"
    gone = about(visit, membersWish=True)
    cancelled = part(answer(await run(trusted("desk/CancelVisitForMember"), gone, caller=staff))["visit"])
    assert set(states(cancelled)) == {"LATE_CANCELLED"}

    at_counter = desk.appointments.actor(Role.ASSOCIATE)
    asked = wish(services[:1]) | {"member": member_id}
    own = answer(await run(trusted("associate/VisitProposalsAtCounter"), asked, caller=at_counter))
    stops = taking(rows(own["proposals"])[0])
    request = {"input": {"idempotencyKey": new_key(), "stops": stops, "memberId": member_id}}
    assert states(part(answer(await run(trusted("associate/BookVisitAtCounter"), request, caller=at_counter))["visit"]))


def between(first: str, last: str) -> Answer:
    return {"firstDay": TODAY.isoformat(), "earliest": first, "latest": last, "order": "GIVEN"}


def moving(proposal: Answer) -> list[Answer]:
    """The stops of a proposal as `moveVisit` takes them."""
    return [
        {key: stop[key] for key in ("appointmentId", "startsAt", "associateId")} for stop in rows(proposal["stops"])
    ]


async def test_other_times_are_found_and_taken_as_they_were_proposed(desk: VisitDesk, run: Run) -> None:
    """Half an hour later than now: that member and associates are busy with the visit itself is no hindrance."""
    member, services = await desk.join(), await desk.services()
    visit, caller = await booked(desk, run, member, services), desk.member(member)
    staff = desk.appointments.actor(Role.MEMBER_SERVICES)
    for document, asker, move, first, last in (
        ("app/VisitMoves", caller, MOVE, "14:30", "18:30"),
        ("desk/VisitMovesForMember", staff, trusted("desk/MoveVisitForMember"), "15:00", "19:00"),
    ):
        asked = {"visit": visit["id"], "wish": between(first, last)}
        [proposal] = rows(answer(await run(trusted(document), asked, caller=asker))["proposals"])
        assert [stop["place"] for stop in rows(proposal["stops"])] == [0, 1, 2]
        visit = part(answer(await run(move, about(visit, stops=moving(proposal)), caller=asker))["visit"])
        assert starts(visit) == [stop["startsAt"] for stop in rows(proposal["stops"])]
        assert str(visit["startsAt"]).startswith(f"{TODAY.isoformat()}T{first}")
    same = {"visit": visit["id"], "wish": between("15:30", "19:30") | {"sameAssociates": True}}
    [proposal] = rows(answer(await run(trusted("app/VisitMoves"), same, caller=caller))["proposals"])
    assert all(stop["associateId"] for stop in rows(proposal["stops"]))


async def test_other_times_are_for_whose_visit_it_is_while_it_can_be_moved(desk: VisitDesk, run: Run) -> None:
    member, services = await desk.join(), await desk.services(1)
    visit = await booked(desk, run, member, services)
    asked = {"visit": visit["id"], "wish": {"firstDay": TODAY.isoformat()}}
    stranger = desk.member(await desk.join())
    assert answer(await run(trusted("app/VisitMoves"), asked, caller=stranger))["code"] == "UNKNOWN_VISIT"
    await run(CANCEL, about(visit), caller=desk.member(member))
    refused = answer(await run(trusted("app/VisitMoves"), asked, caller=desk.member(member)))
    assert refused["code"] == "VISIT_STEP_REFUSED"


@pytest.mark.parametrize("document", ["app/MyVisits", "desk/VisitsOfDay", "desk/MemberVisits"])
async def test_a_list_reads_no_more_for_many_visits(
    desk: VisitDesk, run: Run, statements: list[str], document: str
) -> None:
    member, services = await desk.join(), await desk.services()
    variables = {"member": global_id("Member", member.member_id)} if document.endswith("MemberVisits") else {}
    caller = desk.member(member) if document.startswith("app") else desk.appointments.actor(Role.DESK)
    counts = []
    for hour in (13, 18):
        await booked(desk, run, member, services, hour)
        await run(trusted(document), variables, caller=caller)
        statements.clear()
        nodes = rows(answer(await run(trusted(document), variables, caller=caller))["nodes"])
        counts.append((len(nodes), len(statements)))
    assert [number for number, _ in counts] == [1, 2]
    assert counts[0][1] == counts[1][1]


async def test_a_search_costs_the_same_for_many_days(desk: VisitDesk, run: Run, statements: list[str]) -> None:
    member, services = await desk.join(), await desk.services()
    caller, counts = desk.member(member), []
    for days in (1, 7):
        await run(PROPOSE, wish(services, days=days), caller=caller)
        statements.clear()
        await run(PROPOSE, wish(services, days=days), caller=caller)
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_the_occasion_is_named_in_the_members_language(desk: VisitDesk, run: Run, conn: Conn) -> None:
    member, services = await desk.join(), await desk.services(1)
    visit = await booked(desk, run, member, services)
    assert visit["occasion"] is None
    planning = await open_campaign_desk(desk.visits.database, conn)
    planning.now = desk.now
    await planning.scheduled(few_days(desk.now.date() + timedelta(days=1)))
    await desk.visits.windows.campaigns.reload(desk.now)
    stop = Stop(services[0].service_id, at(14, days=1))
    made = await desk.book(member, stop)
    document = {"id": global_id("Visit", made.record.visit.visit_id)}
    for locale, name in (("en", "Anniversary"), ("zh-CN", "周年庆")):
        shown = answer(await run(ONE, document, caller=desk.member(member), locale=locale))
        assert shown["occasion"] == name
