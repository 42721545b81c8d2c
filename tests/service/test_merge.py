"""Two accounts of one person become one, and nothing of either is lost."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from membership.accounts.context import AccountWorkings
from membership.accounts.enrolment import enrol
from membership.accounts.errors import MemberAlreadyMerged, SameMember
from membership.accounts.merge import merge
from membership.accounts.model import Enrol, Enrolled, GivenIdentity, Merged, MergeMembers
from membership.cards.changes import Cards
from membership.cards.codes import MemberCodes
from membership.cards.model import BlockReason, ByCardNumber, ByCode, ByPhone, MemberLookup
from membership.cards.service import CardReader
from membership.kernel.actor import Actor
from membership.kernel.ids import new_id
from membership.members import store as member_store
from membership.members.errors import UnknownMember
from membership.members.keyring import Keyring
from membership.members.model import (
    Birthday,
    ConsentAnswer,
    ConsentPurpose,
    IdentityKind,
    MemberId,
    MembershipKey,
    MemberStatus,
    Profile,
    ProfileChange,
)
from membership.members.service import Members, lock_membership
from membership.points import store as point_store
from membership.points.model import Account
from membership.postgres.connection import Conn
from support.people import CONSENT, account_workings, app_of, fresh_phone, join, member_of, services_of
from support.till_world import TillWorld, quote_id_of, sale_id_of


@dataclass(slots=True)
class Two:
    """A winner and a loser to be, each with a phone number and a virtual card in Chaoyang Galleria."""

    winner: Enrolled
    loser: Enrolled
    phones: tuple[str, str]
    desk: Actor

    @property
    def winner_id(self) -> MemberId:
        return self.winner.membership.key.member_id

    @property
    def loser_id(self) -> MemberId:
        return self.loser.membership.key.member_id

    @property
    def winner_key(self) -> MembershipKey:
        return self.winner.membership.key

    @property
    def loser_key(self) -> MembershipKey:
        return self.loser.membership.key

    @property
    def cards(self) -> tuple[MemberLookup, MemberLookup]:
        return ByCardNumber(self.winner.card.number), ByCardNumber(self.loser.card.number)

    def command(self, key: str | None = None) -> MergeMembers:
        return MergeMembers(key or str(new_id()), self.winner_id, self.loser_id)


@pytest.fixture
def workings(till: TillWorld, keyring: Keyring) -> AccountWorkings:
    return account_workings(till.tills.workings.database, keyring)


@pytest.fixture
async def two(till: TillWorld, workings: AccountWorkings) -> Two:
    phones = fresh_phone(), fresh_phone()
    winner = await join(workings, till.store, phone=phones[0], now=till.now, profile=Profile("李伟"))
    loser = await join(
        workings, till.store, phone=phones[1], now=till.now, profile=Profile("Wei", Birthday(3, 8), "ko")
    )
    return Two(winner, loser, phones, services_of(till.store))


async def account_of(conn: Conn, key: MembershipKey, till: TillWorld) -> Account:
    return await point_store.get_account(conn, key, till.now)


async def code_of(till: TillWorld, workings: AccountWorkings, key: MembershipKey) -> ByCode:
    codes = MemberCodes(workings.database, workings.directory, workings.keyring, new_id)
    return ByCode((await codes.show(member_of(till.store, key.member_id), till.now, key)).code)


async def test_points_and_spend_add_up_and_the_tier_follows(
    till: TillWorld, workings: AccountWorkings, conn: Conn, two: Two
) -> None:
    for card in two.cards:
        answer = await till.sell(60_000_00, member=card)
        assert answer.member is not None
        assert answer.member.tier == "SILVER"
    await merge(workings, two.desk, till.now, two.command())
    winner = await account_of(conn, two.winner_key, till)
    loser = await account_of(conn, two.loser_key, till)
    assert (winner.balance, loser.balance) == (120_000, 0)
    after = await till.sell(1_00, member=two.cards[1])
    assert after.member is not None
    assert (after.member.member_id, after.member.tier) == (two.winner_id, "GOLD")
    sums = await conn.fetch(
        "SELECT member_id, sum(CASE WHEN credit = 'MEMBER' THEN points ELSE -points END)::bigint AS points"
        " FROM points.entries GROUP BY member_id"
    )
    assert {row["member_id"]: row["points"] for row in sums} == {two.winner_id: 120_001, two.loser_id: 0}


async def test_no_card_no_code_and_no_number_stops_working(
    till: TillWorld, workings: AccountWorkings, conn: Conn, two: Two
) -> None:
    codes = [await code_of(till, workings, key) for key in (two.winner_key, two.loser_key)]
    await merge(workings, two.desk, till.now, two.command())
    reader = CardReader(workings.keyring)
    phones: list[MemberLookup] = [ByPhone(phone) for phone in two.phones]
    for lookup in [*phones, *two.cards, *codes]:
        found = await reader.resolve(conn, lookup, programme_id=till.store.programme_id, now=till.now)
        assert found.membership == two.winner_key
    shown = await code_of(till, workings, two.winner_key)
    assert (await reader.resolve(conn, shown, programme_id=till.store.programme_id, now=till.now)).membership == (
        two.winner_key
    )


async def test_the_losers_late_return_is_taken_from_the_winner(
    till: TillWorld, workings: AccountWorkings, conn: Conn, two: Two
) -> None:
    """Commit and full return net to zero (L4), with a merge in between."""
    sale = await till.sell(1_000_00, member=two.cards[1])
    await merge(workings, two.desk, till.now, two.command())
    assert (await account_of(conn, two.winner_key, till)).balance == 1_000
    answer = await till.take_back(sale_id_of(sale), (1, 1))
    assert (answer.points_clawed_back, answer.points_shortfall) == (1_000, 0)
    assert (await account_of(conn, two.winner_key, till)).balance == 0
    assert await conn.fetchval("SELECT sum(tier_minor)::bigint FROM receipts.business_days") == 0


async def test_what_was_quoted_for_the_loser_is_sold_to_the_winner(
    till: TillWorld, workings: AccountWorkings, conn: Conn, two: Two
) -> None:
    quoted = await till.quote(till.basket(1_000_00), member=two.cards[1])
    await merge(workings, two.desk, till.now, two.command())
    answer = await till.commit_quoted(till.commit_of(till.basket(1_000_00)), quote_id_of(quoted))
    assert answer.exceptions == ()
    assert answer.member is not None
    assert answer.member.member_id == two.winner_id
    assert (await account_of(conn, two.winner_key, till)).balance == 1_000


async def test_the_winner_keeps_their_word_and_gains_what_only_the_loser_said(
    till: TillWorld, workings: AccountWorkings, conn: Conn, two: Two
) -> None:
    members = Members(workings.database, workings.directory, workings.keyring, new_id)

    async def say(key: MembershipKey, purpose: ConsentPurpose, *, granted: bool) -> None:
        till.clock.advance(timedelta(minutes=1))
        actor = member_of(till.store, key.member_id)
        await members.record_consent(actor, till.now, key, ConsentAnswer(purpose, granted=granted))

    await say(two.loser_key, ConsentPurpose.MARKETING, granted=True)
    await say(two.winner_key, ConsentPurpose.MARKETING, granted=False)
    await say(two.winner_key, ConsentPurpose.PROFILING, granted=True)
    await say(two.loser_key, ConsentPurpose.PROFILING, granted=False)
    await merge(workings, two.desk, till.now, two.command())
    latest = {
        entry.answer.purpose: entry.answer.granted for entry in await member_store.list_consents(conn, [two.winner_id])
    }
    assert latest == {
        ConsentPurpose.MEMBERSHIP: True,
        ConsentPurpose.MARKETING: False,
        ConsentPurpose.PROFILING: False,
    }
    people = await member_store.list_members(conn, [two.winner_id, two.loser_id], keyring=workings.keyring)
    assert people[two.winner_id].profile == Profile("李伟", Birthday(3, 8), "ko")
    assert (people[two.loser_id].status, people[two.loser_id].merged_into) == (MemberStatus.MERGED, two.winner_id)


async def test_a_programme_that_only_the_loser_was_in_becomes_the_winners(
    till: TillWorld, workings: AccountWorkings, conn: Conn, two: Two
) -> None:
    hangang = till.world.hangang
    command = Enrol(str(new_id()), hangang.store_id, (CONSENT,))
    joined = await enrol(workings, member_of(till.store, two.loser_id), till.now, command)
    await merge(workings, two.desk, till.now, two.command())
    mine = await member_store.list_memberships(conn, [two.winner_id])
    assert {entry.key.programme_id for entry in mine} == {till.store.programme_id, hangang.programme_id}
    found = await CardReader(workings.keyring).resolve(
        conn, ByCardNumber(joined.card.number), programme_id=hangang.programme_id, now=till.now
    )
    assert found.membership == MembershipKey(two.winner_id, hangang.programme_id)
    assert (await account_of(conn, found.membership, till)).balance == 0


async def test_after_merges_of_merges_everybody_leads_to_the_last_winner(
    till: TillWorld, workings: AccountWorkings, conn: Conn, two: Two
) -> None:
    last = await join(workings, till.store, now=till.now)
    await till.sell(1_000_00, member=two.cards[1])
    await merge(workings, two.desk, till.now, two.command())
    last_id = last.membership.key.member_id
    await merge(workings, two.desk, till.now, MergeMembers("2", last_id, two.winner_id))
    for earlier in (two.loser_key, two.winner_key):
        assert await member_store.find_current_member(conn, earlier.member_id) == last_id
        async with workings.database.engine(two.desk, till.now) as tx:
            assert (await lock_membership(tx.conn, earlier)).key == last.membership.key
    assert (await account_of(conn, last.membership.key, till)).balance == 1_000
    after = await till.sell(1_00, member=two.cards[1])
    assert after.member is not None
    assert after.member.member_id == last_id


async def test_a_token_of_the_loser_acts_for_the_winner(
    till: TillWorld, workings: AccountWorkings, conn: Conn, two: Two
) -> None:
    await merge(workings, two.desk, till.now, two.command())
    members = Members(workings.database, workings.directory, workings.keyring, new_id)
    changed = await members.update_profile(
        member_of(till.store, two.loser_id), till.now, two.loser_id, ProfileChange(preferred_locale="ja")
    )
    assert changed.member_id == two.winner_id


async def test_a_merge_is_told_once_and_on_record(
    till: TillWorld, workings: AccountWorkings, conn: Conn, two: Two
) -> None:
    first = await merge(workings, two.desk, till.now, two.command("1"))
    assert first == Merged(two.winner_id, two.loser_id)
    written = await state_of(conn)
    for key in ("1", "2"):
        assert await merge(workings, two.desk, till.now, two.command(key)) == first
    assert await state_of(conn) == written
    events = await conn.fetch("SELECT ordering_key FROM platform.outbox WHERE name = 'members.merged'")
    assert [row["ordering_key"] for row in events] == [two.winner_id]
    audit = await conn.fetch("SELECT actor, subject_id FROM platform.audit_entries WHERE action = 'accounts.merge'")
    assert [tuple(row) for row in audit] == [("wang.fang", str(two.loser_id))]


async def state_of(conn: Conn) -> str:
    """Everything that a merge could change."""
    tables = (
        "members.members", "members.memberships", "members.identities", "members.consents", "cards.cards",
        "cards.code_seeds", "points.accounts", "points.entries", "points.lots", "receipts.sales",
        "receipts.business_days", "tiers.standings", "tiers.grants", "platform.outbox", "platform.audit_entries",
    )  # fmt: skip
    texts = [
        await conn.fetchval(f"SELECT string_agg(t::text, '|' ORDER BY t::text) FROM {name} AS t") for name in tables
    ]
    return "\n".join(text or "" for text in texts)


async def test_a_refused_merge_changes_nothing(
    till: TillWorld, workings: AccountWorkings, conn: Conn, two: Two
) -> None:
    third = (await join(workings, till.store, now=till.now)).membership.key.member_id
    abroad = (await join(workings, till.world.hangang, now=till.now)).membership.key.member_id
    await merge(workings, two.desk, till.now, two.command())
    written = await state_of(conn)
    for winner, loser, refusal in (
        (third, third, SameMember),
        (third, MemberId(new_id()), UnknownMember),
        (MemberId(new_id()), third, UnknownMember),
        (third, abroad, UnknownMember),
        (abroad, third, UnknownMember),
        (two.loser_id, two.winner_id, MemberAlreadyMerged),
        (third, two.loser_id, MemberAlreadyMerged),
        (two.loser_id, third, MemberAlreadyMerged),
    ):
        with pytest.raises(refusal):
            await merge(workings, two.desk, till.now, MergeMembers(str(new_id()), winner, loser))
    assert await state_of(conn) == written


async def test_an_identity_that_the_loser_had_still_belongs_to_one_member(
    till: TillWorld, workings: AccountWorkings, two: Two
) -> None:
    """Who joins with the loser's phone number is recognised as the winner."""
    await merge(workings, two.desk, till.now, two.command())
    command = Enrol(
        str(new_id()),
        till.world.brompton.store_id,
        (CONSENT,),
        (GivenIdentity(IdentityKind.PHONE, two.phones[1]),),
    )
    joined = await enrol(workings, app_of(till.world.brompton), till.now, command)
    assert joined.membership.key.member_id == two.winner_id


async def test_with_a_token_of_the_loser_the_app_shows_a_code_and_blocks_a_card(
    till: TillWorld, workings: AccountWorkings, conn: Conn, two: Two
) -> None:
    await merge(workings, two.desk, till.now, two.command())
    code = await code_of(till, workings, two.loser_key)
    found = await CardReader(workings.keyring).resolve(conn, code, programme_id=till.store.programme_id, now=till.now)
    assert found.membership == two.winner_key
    cards = Cards(workings.database, new_id, workings.random_bytes)
    for card in (two.winner.card, two.loser.card):
        blocked = await cards.block(
            member_of(till.store, two.loser_id), till.now, card.card_id, BlockReason.LOST, key=str(card.card_id)
        )
        assert blocked.membership == two.winner_key
