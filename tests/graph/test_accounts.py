"""Members, cards and accounts, in the documents that the app, the tills and member services send."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pytest
from strawberry.types import ExecutionResult

from membership.accounts.context import AccountWorkings
from membership.accounts.model import Enrolled
from membership.cards.rules import card_number
from membership.graph.kit.relay import global_id
from membership.kernel.actor import Actor
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.members.model import Profile
from membership.postgres.database import Database
from support.operations import Run, codes, trusted
from support.people import account_workings, app_of, fresh_phone, join, member_of, services_of
from support.till_world import TillWorld, new_key, sale_id_of

ENROL, ME, MEMBER_CODE = trusted("app/Enrol"), trusted("app/Me"), trusted("app/MemberCode")
INVITE, IDENTIFY, FIND = trusted("till/InviteMember"), trusted("till/IdentifyMember"), trusted("desk/FindMember")
MERGE, HOME = trusted("desk/MergeMembers"), trusted("app/MemberHome")

Answer = Mapping[str, object]


@dataclass(slots=True)
class Scene:
    """A till, and a member called Li Wei with a phone number."""

    till: TillWorld
    run: Run
    enrolled: Enrolled
    phone: str

    @property
    def member(self) -> Actor:
        return member_of(self.till.store, self.enrolled.membership.key.member_id)

    @property
    def desk(self) -> Actor:
        return services_of(self.till.store)

    @property
    def member_id(self) -> str:
        return global_id("Member", self.enrolled.membership.key.member_id)

    @property
    def card_id(self) -> str:
        return global_id("Card", self.enrolled.card.card_id)

    async def do(self, name: str, caller: Actor, **fields: object) -> Answer:
        """Send a trusted document with these fields as its input; the one root field of the answer."""
        return answer(await self.run(trusted(name), {"input": fields}, caller=caller))


@pytest.fixture
def workings(till: TillWorld, database: Database, keyring: Keyring) -> AccountWorkings:
    return account_workings(database, keyring)


@pytest.fixture
async def scene(till: TillWorld, run: Run, workings: AccountWorkings) -> Scene:
    phone = fresh_phone()
    enrolled = await join(workings, till.store, phone=phone, now=till.now, profile=Profile("Li Wei"))
    return Scene(till, run, enrolled, phone)


def answer(result: ExecutionResult) -> Answer:
    assert result.errors is None, result.errors
    assert result.data is not None
    (payload,) = result.data.values()
    return cast(Answer, payload)


def part(payload: Answer, *path: str | int) -> object:
    found: object = payload
    for step in path:
        found = found[step]  # type: ignore[index]
    return found


async def test_a_till_invites_and_the_shopper_joins_in_the_app(till: TillWorld, run: Run) -> None:
    invited = answer(await run(INVITE, {"input": {"idempotencyKey": new_key()}}, caller=till.actor))
    joining = {
        "idempotencyKey": new_key(),
        "storeId": global_id("Store", till.store.store_id),
        "identities": [{"kind": "PHONE", "value": fresh_phone()}, {"kind": "EMAIL", "value": "li.wei@example.com"}],
        "displayName": "李伟",
        "birthday": {"month": 3, "day": 8},
        "preferredLocale": "zh-CN",
        "consents": [{"purpose": "MEMBERSHIP", "granted": True}],
        "invitationToken": invited["token"],
    }
    app = app_of(till.store)
    named = {**joining, "idempotencyKey": new_key(), "displayName": "4111–1111–1111–1111"}
    assert answer(await run(ENROL, {"input": named}, caller=app))["code"] == "PAYMENT_CARD_NUMBER"
    enrolled = answer(await run(ENROL, {"input": joining}, caller=app))
    assert enrolled["__typename"] == "EnrolPayload"
    assert part(enrolled, "membership", "homeStore", "id") == joining["storeId"]
    assert answer(await run(ENROL, {"input": joining}, caller=app)) == enrolled
    again = answer(await run(ENROL, {"input": {**joining, "idempotencyKey": new_key()}}, caller=app))
    assert again["code"] == "INVITATION_USED"


async def test_me_shows_the_whole_account(scene: Scene) -> None:
    me = answer(await scene.run(ME, caller=scene.member))
    assert (me["id"], me["displayName"]) == (scene.member_id, "Li Wei")
    assert part(me, "identities", "nodes", 0, "value") == scene.phone
    assert part(me, "cards", "nodes", 0, "number") == scene.enrolled.card.number
    assert part(me, "memberships", 0, "programme", "code") == scene.till.store.programme_code
    assert part(me, "consents", "nodes", 0, "purpose") == "MEMBERSHIP"


async def test_a_cashier_sees_initials_tier_points_and_the_card_and_never_a_number(scene: Scene) -> None:
    shown = answer(await scene.run(MEMBER_CODE, caller=scene.member))
    for by, how in (
        ({"code": shown["digits"]}, "CODE"),
        ({"cardNumber": scene.enrolled.card.number}, "CARD"),
        ({"phone": scene.phone}, "PHONE"),
    ):
        seen = answer(await scene.run(IDENTIFY, {"by": by}, caller=scene.till.actor))
        assert seen == {
            "__typename": "RecognisedMember",
            "memberId": scene.member_id,
            "by": how,
            "maskedName": "L•• W••",
            "tier": "CARD",
            "available": 0,
            "cardStatus": "ACTIVE",
        }


async def test_identify_member_is_two_statements(scene: Scene, statements: list[str]) -> None:
    code = answer(await scene.run(MEMBER_CODE, caller=scene.member))["digits"]
    await scene.run(IDENTIFY, {"by": {"code": code}}, caller=scene.till.actor)  # reads the directory and the ladders
    statements.clear()
    await scene.run(IDENTIFY, {"by": {"code": code}}, caller=scene.till.actor)
    assert len([text for text in statements if not text.startswith(("BEGIN", "COMMIT"))]) == 2


@pytest.mark.parametrize(
    ("by", "code"),
    [
        ({"code": "123"}, "MALFORMED_CODE"),
        ({"code": "88" + "0" * 18}, "UNKNOWN_MEMBER"),
        ({"cardNumber": "1234"}, "MALFORMED_CARD_NUMBER"),
        ({"cardNumber": card_number(1)[:-1] + "0"}, "WRONG_CHECK_DIGIT"),
        ({"cardNumber": card_number(1)}, "UNKNOWN_CARD"),
        ({"phone": "123"}, "MALFORMED_IDENTITY"),
        ({"phone": "+8613800000000"}, "UNKNOWN_MEMBER"),
    ],
)
async def test_nobody_is_found_by_something_wrong(scene: Scene, by: dict[str, str], code: str) -> None:
    for document, caller in ((IDENTIFY, scene.till.actor), (FIND, scene.desk)):
        refused = answer(await scene.run(document, {"by": by}, caller=caller))
        assert refused["code"] == code
        assert refused["message"]


@pytest.mark.parametrize("by", [{}, {"code": "1", "phone": "2"}, {"code": None}])
async def test_a_look_up_names_exactly_one_thing(scene: Scene, by: dict[str, str | None]) -> None:
    result = await scene.run(IDENTIFY, {"by": by}, caller=scene.till.actor)
    assert codes(result) == ["BAD_USER_INPUT"]


async def test_a_till_reads_initials_of_a_member_and_is_forbidden_more(scene: Scene) -> None:
    masked = "query ($id: ID!) { node(id: $id) { ... on Member { maskedName } } }"
    result = await scene.run(masked, {"id": scene.member_id}, caller=scene.till.actor)
    assert result.data == {"node": {"maskedName": "L•• W••"}}
    for field in (
        "displayName",
        "birthday { month }",
        "identities { nodes { kind } }",
        "consents { nodes { purpose } }",
    ):
        document = f"query ($id: ID!) {{ node(id: $id) {{ ... on Member {{ {field} }} }} }}"
        assert codes(await scene.run(document, {"id": scene.member_id}, caller=scene.till.actor)) == ["FORBIDDEN"]
    abroad = services_of(scene.till.world.hangang)
    result = await scene.run(masked, {"id": scene.member_id}, caller=abroad)
    assert result.data == {"node": None}


async def test_a_profile_field_left_out_stays_and_null_clears_it(scene: Scene) -> None:
    first = await scene.do("app/UpdateProfile", scene.member, birthday={"month": 2, "day": 29}, preferredLocale="ko")
    assert part(first, "member", "displayName") == "Li Wei"
    then = await scene.do("app/UpdateProfile", scene.member, displayName=None)
    assert part(then, "member", "displayName") is None
    assert part(then, "member", "birthday") == {"month": 2, "day": 29, "year": None}
    refused = await scene.do("app/UpdateProfile", scene.member, birthday={"month": 2, "day": 30})
    assert (refused["code"], refused["field"]) == ("INVALID_BIRTHDAY", "birthday")
    refused = await scene.do("app/UpdateProfile", scene.member, displayName="Li 4111 1111 1111 1111")
    assert refused["code"] == "PAYMENT_CARD_NUMBER"


async def test_member_services_adds_an_identity_and_the_member_removes_it(scene: Scene) -> None:
    phone = fresh_phone()
    added = await scene.do(
        "desk/AddIdentity", scene.desk, memberId=scene.member_id, identity={"kind": "PHONE", "value": phone}
    )
    identities = cast(list[Answer], part(added, "member", "identities", "nodes"))
    assert [entry["masked"] for entry in identities] == [f"•••• {number[-4:]}" for number in (scene.phone, phone)]
    removed = await scene.do("app/RemoveIdentity", scene.member, identityId=identities[0]["id"])
    assert len(cast(list[Answer], part(removed, "member", "identities", "nodes"))) == 1
    last = await scene.do("app/RemoveIdentity", scene.member, identityId=identities[1]["id"])
    assert last["code"] == "LAST_IDENTITY"


async def test_member_services_keep_what_a_member_says_on_the_phone(scene: Scene) -> None:
    """Each leaves an entry in the audit trail: support/trail.py watches."""
    phone, whose = fresh_phone(), {"memberId": scene.member_id}
    added = await scene.do("desk/AddIdentity", scene.desk, **whose, identity={"kind": "PHONE", "value": phone})
    identities = cast(list[Answer], part(added, "member", "identities", "nodes"))
    removed = await scene.do("app/RemoveIdentity", scene.desk, **whose, identityId=identities[0]["id"])
    assert removed["__typename"] == "RemoveIdentityPayload"
    renamed = await scene.do("app/UpdateProfile", scene.desk, **whose, displayName="Li Na")
    assert part(renamed, "member", "displayName") == "Li Na"
    consent = {"purpose": "MARKETING", "granted": True}
    recorded = await scene.do("app/RecordConsent", scene.desk, **whose, consent=consent)
    assert recorded["__typename"] == "RecordConsentPayload"


async def test_a_member_takes_a_consent_back(scene: Scene) -> None:
    brand = global_id("Brand", next(iter(scene.till.store.brands.values())))
    for granted in (True, False):
        consent = {"purpose": "BRAND_SHARING", "granted": granted, "brandId": brand}
        answered = await scene.do("app/RecordConsent", scene.member, consent=consent)
        assert answered["__typename"] == "RecordConsentPayload"
    me = answer(await scene.run(ME, caller=scene.member))
    latest = {entry["purpose"]: entry["granted"] for entry in cast(list[Answer], part(me, "consents", "nodes"))}
    assert latest == {"MEMBERSHIP": True, "BRAND_SHARING": False}
    refused = await scene.do("app/RecordConsent", scene.member, consent={"purpose": "BRAND_SHARING", "granted": True})
    assert refused["code"] == "INVALID_CONSENT"


async def test_member_services_looks_after_cards(scene: Scene) -> None:
    async def change(name: str, card_id: object, **fields: object) -> Answer:
        return await scene.do(name, scene.desk, idempotencyKey=new_key(), cardId=card_id, **fields)

    issued = await scene.do(
        "desk/IssueCard", scene.desk, idempotencyKey=new_key(), memberId=scene.member_id, kind="PHYSICAL"
    )
    plastic = part(issued, "card", "id")
    blocked = await change("desk/BlockCard", plastic, reason="LOST")
    assert (part(blocked, "card", "status"), part(blocked, "card", "blockedReason")) == ("BLOCKED", "LOST")
    assert part(await change("desk/UnblockCard", plastic), "card", "status") == "ACTIVE"
    replaced = await change("desk/ReplaceCard", plastic)
    assert replaced["replacedCardId"] == plastic
    new = part(replaced, "card", "id")
    assert part(await change("desk/CloseCard", new), "card", "status") == "CLOSED"
    refused = await change("desk/UnblockCard", new)
    assert refused["code"] == "CARD_CHANGE_REFUSED"
    found = answer(await scene.run(FIND, {"by": {"phone": scene.phone}}, caller=scene.desk))
    states = {entry["id"]: entry["status"] for entry in cast(list[Answer], part(found, "cards", "nodes"))}
    assert states == {scene.card_id: "ACTIVE", plastic: "REPLACED", new: "CLOSED"}


async def test_a_member_blocks_a_lost_card_and_nobody_elses(scene: Scene, workings: AccountWorkings) -> None:
    other = await join(workings, scene.till.store, now=scene.till.now)
    theirs = global_id("Card", other.card.card_id)
    for card_id, outcome in ((theirs, "UnknownCard"), (scene.card_id, "BlockCardPayload")):
        blocked = await scene.do(
            "app/BlockOwnCard", scene.member, idempotencyKey=new_key(), cardId=card_id, reason="LOST"
        )
        assert blocked["__typename"] == outcome


async def test_a_confirmation_lets_points_be_spent_by_card(scene: Scene) -> None:
    store_id = global_id("Store", scene.till.store.store_id)
    given = await scene.do(
        "app/ConfirmSpending", scene.member, idempotencyKey=new_key(), storeId=store_id, mostPoints=500
    )
    assert (given["__typename"], given["mostPoints"], given["storeId"]) == ("ConfirmSpendingPayload", 500, store_id)
    refused = await scene.do(
        "app/ConfirmSpending", scene.member, idempotencyKey=new_key(), storeId=store_id, mostPoints=0
    )
    assert refused["code"] == "POINTS_OUT_OF_RANGE"


async def test_after_a_merge_a_token_of_before_shows_the_winners_account(
    scene: Scene, workings: AccountWorkings
) -> None:
    loser = await join(workings, scene.till.store, now=scene.till.now)
    loser_id = loser.membership.key.member_id
    merging = {
        "idempotencyKey": new_key(), "winnerId": scene.member_id, "loserId": global_id("Member", loser_id),
    }  # fmt: skip
    merged = answer(await scene.run(MERGE, {"input": merging}, caller=scene.desk))
    assert merged == {
        "__typename": "MergeMembersPayload",
        "winnerId": scene.member_id,
        "loserId": merging["loserId"],
    }
    old_token = member_of(scene.till.store, loser_id)
    me = answer(await scene.run(ME, caller=old_token))
    assert me["id"] == scene.member_id
    assert len(cast(list[Answer], part(me, "cards", "nodes"))) == 2
    home = answer(await scene.run(HOME, caller=old_token))
    assert home["displayName"] == "Li Wei"
    shown = answer(await scene.run(MEMBER_CODE, caller=old_token))
    assert shown["__typename"] == "MemberCode"
    renamed = await scene.do("app/UpdateProfile", old_token, memberId=scene.member_id, displayName="Li")
    assert part(renamed, "member", "displayName") == "Li"
    again = answer(
        await scene.run(
            MERGE,
            {
                "input": {
                    **merging,
                    "idempotencyKey": new_key(),
                    "winnerId": merging["loserId"],
                    "loserId": scene.member_id,
                }
            },
            caller=scene.desk,
        )
    )
    assert again["code"] == "MEMBER_ALREADY_MERGED"


OWN = """
    query ($sale: ID!, $cards: [ID!]!) {
      memberHome { displayName } mySales { nodes { id } } node(id: $sale) { id } nodes(ids: $cards) { id }
      sale(by: {id: $sale}) { id }
    }
"""


async def test_every_field_follows_a_merge_for_a_token_of_before(scene: Scene) -> None:
    till = scene.till
    sale_id = global_id("Sale", sale_id_of(await till.sell(100_00)))
    old_token = till.member_actor
    merging = {
        "idempotencyKey": new_key(),
        "winnerId": scene.member_id,
        "loserId": global_id("Member", till.member.member_id),
    }
    merged = answer(await scene.run(MERGE, {"input": merging}, caller=scene.desk))
    assert merged["__typename"] == "MergeMembersPayload"

    for document, variables, expected in (
        (trusted("app/MySales"), {}, {"mySales"}),
        (OWN, {"sale": sale_id, "cards": [scene.card_id]}, {"memberHome", "mySales", "node", "nodes", "sale"}),
    ):
        before = await scene.run(document, variables, caller=old_token)
        now = await scene.run(document, variables, caller=scene.member)
        assert before.errors is None
        assert before.data is not None
        assert set(before.data) == expected
        assert [node["id"] for node in before.data["mySales"]["nodes"]] == [sale_id]
        assert before.data == now.data


async def test_many_members_cost_as_many_statements_as_one(
    scene: Scene, workings: AccountWorkings, statements: list[str]
) -> None:
    others = [await join(workings, scene.till.store, now=scene.till.now) for _ in range(5)]
    ids = [scene.member_id, *(global_id("Member", entry.membership.key.member_id) for entry in others)]
    document = """
        query ($ids: [ID!]!) {
          nodes(ids: $ids) {
            ... on Member {
              displayName memberships { id programme { code } } cards { nodes { lastDigits } }
              identities { nodes { masked } } consents { nodes { granted } }
            }
          }
        }
    """
    await scene.run(document, {"ids": ids}, caller=scene.desk)  # reads the directory, as a running service has
    counts = []
    for asked in (ids[:1], ids):
        statements.clear()
        result = await scene.run(document, {"ids": asked}, caller=scene.desk)
        assert result.errors is None, result.errors
        assert result.data is not None
        assert all(len(node["identities"]["nodes"]) == 1 for node in result.data["nodes"])
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_a_member_sees_only_themself_as_a_node(scene: Scene, workings: AccountWorkings) -> None:
    other = await join(workings, scene.till.store, now=scene.till.now)
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }"
    mine = [scene.member_id, global_id("Membership", scene.enrolled.membership.membership_id), scene.card_id]
    theirs = [
        global_id("Member", other.membership.key.member_id),
        global_id("Membership", other.membership.membership_id),
        global_id("Card", other.card.card_id),
        global_id("Member", new_id()),
    ]
    result = await scene.run(document, {"ids": [*mine, *theirs]}, caller=scene.member)
    assert result.data is not None
    assert [node and node["id"] for node in result.data["nodes"]] == [*mine, None, None, None, None]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("app/RemoveIdentity", {"identityId": "nonsense"}),
        ("app/ConfirmSpending", {"idempotencyKey": "1", "storeId": "U3RvcmU6", "mostPoints": 1}),
        ("app/BlockOwnCard", {"idempotencyKey": "1", "cardId": "nonsense", "reason": "LOST"}),
    ],
)
async def test_a_malformed_id_is_the_clients_fault(scene: Scene, name: str, fields: dict[str, object]) -> None:
    assert codes(await scene.run(trusted(name), {"input": fields}, caller=scene.member)) == ["BAD_USER_INPUT"]


async def test_pages_of_identities_refuse_what_is_no_page(scene: Scene) -> None:
    for arguments in ("first: -1", "first: 101", 'after: "nonsense"'):
        document = f"query {{ me {{ identities({arguments}) {{ nodes {{ id }} }} }} }}"
        assert codes(await scene.run(document, caller=scene.member)) == ["BAD_USER_INPUT"]
