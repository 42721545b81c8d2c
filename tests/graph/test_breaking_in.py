"""Ways around the walls: ids of others in every place where an id goes in, lists entered through somebody else's
cursor, and tokens that are not what they were."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from membership.accounts.merge import merge
from membership.accounts.model import MergeMembers
from membership.graph.kit.relay import NODE_LOADERS, global_id
from membership.graph.schema import MembershipSchema
from membership.kernel.actor import Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from support.operations import Run, runner
from support.people import account_workings
from support.servers import Addresses
from support.walls_world import Place, Walls, Where, key, walls_apart

PUBLIC_KINDS = {"Associate", "Brand", "Category", "Counter", "Floor", "Programme", "Service", "Store"}
"""The house's directory, which everybody is shown."""

SEEN: Mapping[str, str] = {
    # role by role: who sees the thing of the own place, another counter's, another store's, another programme's
    "Appointment": "member:o associate:o desk:os member_services:osp admin:ospa service:osp",
    "Campaign": "planner:osp approver:osp admin:ospa",
    "CampaignRevision": "planner:osp approver:osp admin:ospa",
    "Card": "member:o till:osp associate:osp desk:osp member_services:osp admin:ospa service:osp",
    "Coupon": "member:o till:osp associate:osp desk:osp member_services:osp admin:ospa service:osp",
    "Gift": "member:o desk:os member_services:osp admin:ospa service:osp",
    "Member": "member:o till:osp associate:osp desk:osp member_services:osp admin:ospa service:osp",
    "Membership": "member:o till:osp associate:osp desk:osp member_services:osp admin:ospa service:osp",
    "PointsAdjustment": "member_services:osp approver:osp admin:ospa",
    "PointsEntry": "member:o member_services:osp admin:ospa service:osp",
    "Sale": "member:o till:o associate:o desk:os member_services:osp admin:ospa service:osp",
    "Simulation": "planner:osp approver:osp admin:ospa",
    "Till": "member_services:osp admin:ospa",
    "TierGrant": "member:o till:osp associate:osp desk:osp member_services:osp admin:ospa service:osp",
    "Visit": "member:o associate:o desk:os member_services:osp admin:ospa service:osp",
    "WaitlistEntry": "member:o associate:o desk:os member_services:osp admin:ospa service:osp",
}
LETTERS = {
    Where.OWN: "o",
    Where.OTHER_COUNTER: "s",
    Where.OTHER_STORE: "p",
    Where.OTHER_PROGRAMME: "a",
}


@pytest.fixture(scope="module")
async def walls(addresses: Addresses, server_conn: Conn, redis_database: str) -> AsyncIterator[Walls]:
    async with walls_apart(addresses, server_conn, redis_database) as walls:
        yield walls


@pytest.fixture
def run(walls: Walls, open_schema: MembershipSchema) -> Run:
    return runner(open_schema, walls.services)


async def ids_of(walls: Walls, place: Place) -> dict[str, str]:
    """One thing of each kind that a global id can name."""
    member = place.member.member_id
    membership = await walls.conn.fetchval("SELECT membership_id FROM members.memberships WHERE member_id = $1", member)
    entry = await walls.conn.fetchval("SELECT entry_id FROM points.entries WHERE member_id = $1 LIMIT 1", member)
    found = {
        "Appointment": place.booked.appointment_id,
        "Campaign": place.campaign.campaign_id,
        "CampaignRevision": place.revision.revision_id,
        "Card": place.card_id,
        "Coupon": place.coupon.coupon_id,
        "Gift": place.gift.gift_id,
        "Member": member,
        "Membership": membership,
        "PointsAdjustment": place.adjustment.adjustment_id,
        "PointsEntry": entry,
        "Sale": place.sale_id,
        "Simulation": place.simulation.simulation_id,
        "TierGrant": place.grant_id,
        "Till": place.till_id,
        "Visit": place.visit.record.visit.visit_id,
        "WaitlistEntry": place.entry.entry_id,
    }
    return {kind: str(global_id(kind, one)) for kind, one in found.items()}


def test_every_kind_of_node_is_tried() -> None:
    assert set(SEEN) | PUBLIC_KINDS == set(NODE_LOADERS)


async def test_a_node_is_seen_by_whoever_sees_its_kind(walls: Walls, run: Run) -> None:
    ids = {where: await ids_of(walls, place) for where, place in walls.places.items()}
    wrong = []
    for role in Role:
        for where in Where:
            asked = ids[where]
            result = await run(
                "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
                {"ids": list(asked.values())},
                caller=walls.own.actor(role),
            )
            assert result.errors is None and result.data is not None
            for kind, node in zip(asked, result.data["nodes"], strict=True):
                allowed = dict(entry.split(":") for entry in SEEN[kind].split()).get(role.value, "")
                if (node is not None) is not (LETTERS[where] in allowed):
                    wrong.append(f"{kind} of {where.name} as {role.value}: {'seen' if node else 'not seen'}")
    assert not wrong, "\n".join(wrong)


LISTS = {
    "mySales": "id",
    "myCoupons": "id",
    "myGifts": "id",
    "myAppointments": "id",
    "myVisits": "id",
    "myWaitlist": "id",
    "tierGrants": "id",
}


@pytest.mark.parametrize("field", LISTS)
async def test_somebody_elses_cursor_leads_into_ones_own_list(walls: Walls, run: Run, field: str) -> None:
    """A cursor is a place in an order, not a key: behind it are only rows that its bearer may see."""
    text = f"query ($after: String) {{ {field}(after: $after) {{ edges {{ cursor node {{ {LISTS[field]} }} }} }} }}"
    places = walls.places
    own = {where: await run(text, caller=place.actor(Role.MEMBER)) for where, place in places.items()}
    rows = {where: json.dumps(result.data, default=str) for where, result in own.items()}
    theirs = {where: [edge["node"] for edge in (result.data or {})[field]["edges"]] for where, result in own.items()}
    assert all(theirs.values()), rows
    for where, result in own.items():
        for edge in (result.data or {})[field]["edges"]:
            behind = await run(text, {"after": edge["cursor"]}, caller=walls.own.actor(Role.MEMBER))
            assert behind.errors is None and behind.data is not None
            found = [edge["node"] for edge in behind.data[field]["edges"]]
            assert [node for node in found if node not in theirs[Where.OWN]] == [], where


async def test_ids_of_others_in_nested_inputs(walls: Walls, run: Run) -> None:
    """Own things tied to those of others, and own visits filled with them."""
    own, caller = walls.own, walls.own.actor(Role.MEMBER)
    for other in (place for place in walls.places.values() if place is not own):
        stop: dict[str, object] = {
            "serviceId": global_id("Service", other.fitting.service_id),
            "startsAt": "2026-05-22T03:00:00Z",
        }
        tries: dict[str, dict[str, object]] = {
            "tieGiftToVisit": {
                "giftId": global_id("Gift", own.gift.gift_id),
                "appointmentId": global_id("Appointment", other.booked.appointment_id),
            },
            "tieCouponToVisit": {
                "couponId": global_id("Coupon", own.coupon.coupon_id),
                "appointmentId": global_id("Appointment", other.booked.appointment_id),
            },
            "cancelVisit": {
                "visitId": global_id("Visit", own.visit.record.visit.visit_id),
                "appointmentIds": [global_id("Appointment", other.booked.appointment_id)],
            },
            "confirmAppointments": {
                "appointmentIds": [
                    global_id("Appointment", own.held.appointment_id),
                    global_id("Appointment", other.held.appointment_id),
                ]
            },
            "bookAppointment": {
                "stop": {**stop, "associateId": global_id("Associate", own.associate_id)},
            },
        }
        for name, given in tries.items():
            text = (
                f"mutation ($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) "
                "{ __typename ... on Refusal { code } } }"
            )
            result = await run(text, {"input": {"idempotencyKey": key(), **given}}, caller=caller)
            assert result.errors is None and result.data is not None, (name, result.errors)
            code = str(result.data[name].get("code"))
            assert code.startswith("UNKNOWN_") or code == "ASSOCIATE_NOT_SKILLED", (name, other.where, result.data)


async def test_a_token_of_two_brands_is_of_the_counter_that_it_names(walls: Walls, run: Run) -> None:
    """Who works for two brands has two tokens. A brand and a counter of another in one token open what each names,
    and nothing of that counter's brand elsewhere."""
    beside = walls.places[Where.OTHER_COUNTER]
    mixed = replace(walls.own.actor(Role.ASSOCIATE), counter_id=beside.counter_id)
    text = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    sales = [str(global_id("Sale", place.sale_id)) for place in (walls.own, beside)]
    diaries = [str(global_id("Appointment", place.booked.appointment_id)) for place in (walls.own, beside)]
    result = await run(text, {"ids": sales + diaries}, caller=mixed)
    assert result.data is not None
    assert [node is not None for node in result.data["nodes"]] == [True, False, False, True]


async def test_a_token_of_another_programme_of_the_same_person(walls: Walls, run: Run) -> None:
    """The person's own is theirs in every programme; what is claimed or booked is by the programme of the token."""
    elsewhere = replace(
        walls.own.actor(Role.MEMBER), programme_id=walls.places[Where.OTHER_PROGRAMME].store.programme_id
    )
    text = "{ mySales { edges { node { id } } } myCoupons { edges { node { id } } } }"
    result = await run(text, caller=elsewhere)
    assert result.data == {"mySales": {"edges": []}, "myCoupons": {"edges": []}}
    nobody = replace(elsewhere, member_id=new_id())
    seen = await run(
        "query ($id: ID!) { node(id: $id) { id } }", {"id": global_id("Sale", walls.own.sale_id)}, caller=nobody
    )
    assert seen.data == {"node": None}


async def test_a_token_of_before_a_merge_is_the_winners_and_nobody_elses(walls: Walls, run: Run) -> None:
    """Last in this module: it changes a place. The loser's token shows what the person has today."""
    place = walls.places[Where.OTHER_STORE]
    old = replace(place.actor(Role.MEMBER), member_id=place.spare.member_id)
    command = MergeMembers(key(), winner_id=place.member.member_id, loser_id=place.spare.member_id)
    workings = account_workings(walls.services.database, walls.services.keyring)
    await merge(workings, place.actor(Role.MEMBER_SERVICES), walls.clock.now(), command)
    text = "query ($id: ID!) { me { id } mySales { edges { node { id } } } node(id: $id) { id } }"
    for target in walls.places.values():
        sale = str(global_id("Sale", target.sale_id))
        result = await run(text, {"id": sale}, caller=old)
        assert result.errors is None and result.data is not None
        assert result.data["me"]["id"] == global_id("Member", place.member.member_id)
        assert [edge["node"]["id"] for edge in result.data["mySales"]["edges"]] == [global_id("Sale", place.sale_id)]
        assert (result.data["node"] is not None) is (target is place)
