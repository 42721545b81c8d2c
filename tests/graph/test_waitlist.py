"""The waitlist over GraphQL: the app waits and answers, the counter sees who waits."""

from dataclasses import replace
from datetime import timedelta

import pytest
from strawberry.types import ExecutionResult

from membership.appointments.model import Appointment, ResourceKind, Service, Stop
from membership.appointments.store import write_service
from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.kernel.actor import Actor, Role
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from support.appointment_desk import COUNTER, OTHER_COUNTER, TODAY, at, open_appointment_desk, rules
from support.clock import StoppedClock
from support.operations import Run, codes, trusted
from support.waitlist_desk import WaitlistDesk, new_key

MINE, JOIN = trusted("app/MyWaitlist"), trusted("app/JoinWaitlist")
WITHDRAW = trusted("app/WithdrawFromWaitlist")
ACCEPT, DECLINE = trusted("app/AcceptWaitlistOffer"), trusted("app/DeclineWaitlistOffer")
AT_COUNTER, OF_COUNTER = trusted("associate/WaitlistAtCounter"), trusted("desk/WaitlistOfCounter")
ONE_SLOT = rules(hours={"weekly": dict.fromkeys(range(1, 8), ("14:00", "15:00"))})


@pytest.fixture
async def waits(services: Services, conn: Conn, clock: StoppedClock) -> WaitlistDesk:
    """On the services of the schema, whose clock it shares."""
    desk = await open_appointment_desk(services.database, conn)
    return WaitlistDesk(replace(desk, appointments=services.appointments, clock=clock), services.waitlist)


def part(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def nodes(value: object) -> list[dict[str, object]]:
    found = part(value)["nodes"]
    assert isinstance(found, list)
    return found


def answer(result: ExecutionResult) -> dict[str, object]:
    assert result.errors is None, result.errors
    assert result.data is not None
    (payload,) = result.data.values()
    return part(payload)


async def full(waits: WaitlistDesk, code: str = "FITTING") -> tuple[Service, MembershipKey, Appointment]:
    service, holder = await waits.desk.service(code, associates=1, given=ONE_SLOT), await waits.desk.join()
    [booked] = await waits.desk.book(holder, Stop(service.service_id, at(14)))
    return service, holder, booked


def joining(service: Service, **more: object) -> dict[str, object]:
    wish = {"firstDay": TODAY.isoformat()}
    service_id = global_id("Service", service.service_id)
    return {"input": {"idempotencyKey": new_key(), "serviceId": service_id, "wish": wish} | more}


async def joined(waits: WaitlistDesk, run: Run, service: Service, member: MembershipKey) -> dict[str, object]:
    return answer(await run(JOIN, joining(service), caller=waits.desk.member(member)))


async def stepped(run: Run, document: str, entry_id: object, caller: Actor) -> dict[str, object]:
    return answer(await run(document, {"input": {"idempotencyKey": new_key(), "entryId": entry_id}}, caller=caller))


async def test_the_story_of_an_entry(waits: WaitlistDesk, run: Run) -> None:
    service, holder, booked = await full(waits)
    member = await waits.desk.join()
    caller = waits.desk.member(member)
    entry = part((await joined(waits, run, service, member))["entry"])
    assert (entry["state"], entry["membersAhead"], entry["offer"]) == ("WAITING", 0, None)
    assert (entry["firstDay"], entry["lastDay"], entry["fromTime"]) == ("2026-05-20", "2026-05-20", None)
    assert entry["waitsUntil"] == "2026-05-20T13:55:00+08:00"

    await waits.desk.cancel(holder, booked)
    [mine] = nodes(answer(await run(MINE, caller=caller)))
    assert (mine["id"], mine["state"], mine["membersAhead"]) == (entry["id"], "OFFERED", None)
    offer = part(mine["offer"])
    assert offer["until"] == "2026-05-20T12:15:00+08:00"
    assert part(offer["appointment"])["startsAt"] == "2026-05-20T14:00:00+08:00"

    taken = part((await stepped(run, ACCEPT, entry["id"], caller))["entry"])
    assert taken["state"] == "ACCEPTED"
    assert part(part(taken["offer"])["appointment"])["state"] == "CONFIRMED"
    assert (await stepped(run, DECLINE, entry["id"], caller))["code"] == "WAITLIST_STEP_REFUSED"


async def test_declined_the_next_one_has_it(waits: WaitlistDesk, run: Run) -> None:
    service, holder, booked = await full(waits)
    first, second = await waits.desk.join(), await waits.desk.join()
    entries = [part((await joined(waits, run, service, member))["entry"]) for member in (first, second)]
    assert [entry["membersAhead"] for entry in entries] == [0, 1]
    await waits.desk.cancel(holder, booked)
    declined = part((await stepped(run, DECLINE, entries[0]["id"], waits.desk.member(first)))["entry"])
    assert declined["state"] == "DECLINED"
    [mine] = nodes(answer(await run(MINE, caller=waits.desk.member(second))))
    assert mine["state"] == "OFFERED"


async def test_refusals_name_the_way_out(waits: WaitlistDesk, run: Run) -> None:
    free = await waits.desk.service("VIEWING", associates=1, given=ONE_SLOT)
    member = await waits.desk.join()
    refused = await joined(waits, run, free, member)
    assert (refused["code"], refused["startsAt"]) == ("SLOT_FREE_NOW", "2026-05-20T14:00+08:00")
    service, holder, booked = await full(waits)
    entry = part((await joined(waits, run, service, member))["entry"])
    assert (await joined(waits, run, service, member))["code"] == "ALREADY_WAITING"
    stranger = waits.desk.member(await waits.desk.join())
    assert (await stepped(run, WITHDRAW, entry["id"], stranger))["code"] == "UNKNOWN_WAITLIST_ENTRY"
    await waits.desk.cancel(holder, booked)
    waits.desk.clock.advance(timedelta(minutes=15))
    lapsed = await stepped(run, ACCEPT, entry["id"], waits.desk.member(member))
    assert (lapsed["code"], lapsed["offeredUntil"]) == ("WAITLIST_OFFER_LAPSED", "2026-05-20T12:15+08:00")
    [mine] = nodes(answer(await run(MINE, caller=waits.desk.member(member))))
    assert mine["state"] == "LAPSED"


async def test_an_associate_who_was_set_up_a_moment_ago_is_waited_for(waits: WaitlistDesk, run: Run) -> None:
    service, _, _ = await full(waits)
    member = await waits.desk.join()
    await joined(waits, run, service, await waits.desk.join())  # this process knows who serves
    [colleague] = await waits.desk.resources(ResourceKind.ASSOCIATE, 1, at_work=False)
    skilled = (*service.candidates[ResourceKind.ASSOCIATE], colleague)
    await write_service(waits.desk.conn, replace(service, candidates={ResourceKind.ASSOCIATE: skilled}))
    asked = joining(service, associateId=global_id("Associate", colleague))
    entry = part(answer(await run(JOIN, asked, caller=waits.desk.member(member)))["entry"])
    assert part(entry["associate"])["id"] == global_id("Associate", colleague)


async def test_withdrawn(waits: WaitlistDesk, run: Run) -> None:
    service, _, _ = await full(waits)
    member = await waits.desk.join()
    entry = part((await joined(waits, run, service, member))["entry"])
    withdrawn = part((await stepped(run, WITHDRAW, entry["id"], waits.desk.member(member)))["entry"])
    assert withdrawn["state"] == "WITHDRAWN"


async def test_the_counter_sees_who_waits_there(waits: WaitlistDesk, run: Run) -> None:
    service, _, _ = await full(waits)
    members = [await waits.desk.join() for _ in range(3)]
    for member in members:
        await joined(waits, run, service, member)
        waits.desk.clock.advance(timedelta(seconds=1))
    associate = waits.desk.actor(Role.ASSOCIATE)
    page = answer(await run(AT_COUNTER, {"first": 2}, caller=associate))
    assert [node["membersAhead"] for node in nodes(page)] == [0, 1]
    after = part(page["pageInfo"])["endCursor"]
    assert [
        node["membersAhead"] for node in nodes(answer(await run(AT_COUNTER, {"after": after}, caller=associate)))
    ] == [2]
    other = waits.desk.actor(Role.ASSOCIATE, OTHER_COUNTER)
    assert nodes(answer(await run(AT_COUNTER, caller=other))) == []
    here = {"counterId": global_id("Counter", waits.desk.counter(COUNTER))}
    assert len(nodes(answer(await run(OF_COUNTER, here, caller=waits.desk.actor(Role.DESK))))) == 3
    result = await run("{ waitlistAtCounter { nodes { id } } }", caller=waits.desk.actor(Role.DESK))
    assert codes(result) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    ("role", "document"),
    [
        (Role.ASSOCIATE, "associate/{}AtCounter"),
        (Role.DESK, "desk/{}ForMember"),
        (Role.MEMBER_SERVICES, "desk/{}ForMember"),
    ],
)
async def test_staff_act_for_whom_they_have_before_them(
    waits: WaitlistDesk, run: Run, role: Role, document: str
) -> None:
    member, caller = await waits.desk.join(), waits.desk.actor(role)
    named = {"memberId": global_id("Member", member.member_id)}
    reached = []
    for number, step in enumerate(("WithdrawFromWaitlist", "DeclineWaitlistOffer", "AcceptWaitlistOffer")):
        service, holder, booked = await full(waits, f"S{number}")
        joining_them = trusted(document.format("JoinWaitlist"))
        entry = part(answer(await run(joining_them, joining(service, **named), caller=caller))["entry"])
        [mine, *_] = nodes(answer(await run(MINE, caller=waits.desk.member(member))))
        assert mine["id"] == entry["id"]
        if step != "WithdrawFromWaitlist":
            await waits.desk.cancel(holder, booked)
        ended = await stepped(run, trusted(document.format(step)), entry["id"], caller)
        reached.append(part(ended["entry"])["state"])
        waits.desk.clock.advance(timedelta(seconds=1))
    assert reached == ["WITHDRAWN", "DECLINED", "ACCEPTED"]


async def test_an_entry_by_its_id(waits: WaitlistDesk, run: Run) -> None:
    service, _, _ = await full(waits)
    member = await waits.desk.join()
    entry = part((await joined(waits, run, service, member))["entry"])
    document = f'{{ node(id: "{entry["id"]}") {{ ... on WaitlistEntry {{ state }} }} }}'
    assert answer(await run(document, caller=waits.desk.member(member))) == {"state": "WAITING"}
    result = await run(document, caller=waits.desk.member(await waits.desk.join()))
    assert result.data == {"node": None}


async def test_a_list_reads_no_more_for_many_entries(waits: WaitlistDesk, run: Run, statements: list[str]) -> None:
    member = await waits.desk.join()
    counts = []
    for number in range(3):
        service, holder, booked = await full(waits, f"S{number}")
        await joined(waits, run, service, member)
        if number == 0:
            await waits.desk.cancel(holder, booked)
        await run(MINE, caller=waits.desk.member(member))
        statements.clear()
        assert len(nodes(answer(await run(MINE, caller=waits.desk.member(member))))) == number + 1
        counts.append(len(statements))
    assert counts[1] == counts[2]
