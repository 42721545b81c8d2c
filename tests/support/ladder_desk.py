"""Tiers on real PostgreSQL, one use case a call, as their callers use them: lock, read, decide, write.

desk = await open_ladder_desk(database, conn, brompton())
member = await desk.join()
await desk.spend(member, date(2026, 6, 1), 5_000_00)     # on its day; a return is a negative amount
await desk.review(date(2027, 12, 2))                     # one batch of the job
await desk.check(date(2028, 1, 1))                       # what is recorded is what the facts say
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from uuid import UUID

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction
from membership.receipts.model import DaySpend
from membership.receipts.store import list_business_days
from membership.stores.service import DirectoryCache
from membership.tiers import jobs, service, store
from membership.tiers.jobs import RankAward, ReviewRun
from membership.tiers.model import (
    GrantId,
    HandReason,
    Ladder,
    LadderRevision,
    RecordedGrant,
    Standing,
    TierRecords,
)
from membership.tiers.rules.change import StandingChange
from membership.tiers.rules.periods import history_starts_on
from membership.tiers.rules.standing import Facts, settled, standing_on
from membership.tiers.service import LadderCache
from membership.tiers.staff import HandGrants
from sample_store import SampleStore, add_member, load_world, sample_world

ACTOR = Actor(role=Role.SERVICE, subject="tier-tests")
STAFF = Actor(Role.MEMBER_SERVICES, "desk-7")
ENROLLED_AT = datetime(2020, 1, 1, tzinfo=UTC)

_SPEND = """
    MERGE INTO receipts.business_days AS day
    USING (VALUES ($1::uuid, $2::uuid, $3::date, $4::bigint, $5::bigint))
        AS sale (member_id, programme_id, business_date, tier_minor, base_points)
    ON day.member_id = sale.member_id AND day.programme_id = sale.programme_id
        AND day.business_date = sale.business_date
    WHEN MATCHED THEN UPDATE
        SET tier_minor = day.tier_minor + sale.tier_minor, base_points = day.base_points + sale.base_points
    WHEN NOT MATCHED THEN INSERT (member_id, programme_id, business_date, tier_minor, base_points)
        VALUES (sale.member_id, sale.programme_id, sale.business_date, sale.tier_minor, sale.base_points)
"""


@dataclass(slots=True)
class LadderDesk:
    database: Database
    conn: Conn
    shop: SampleStore
    ladders: tuple[LadderRevision, ...]
    members: list[MembershipKey] = field(default_factory=list)

    async def join(self, *, member_id: UUID | None = None) -> MembershipKey:
        self.members.append(await add_member(self.conn, self.shop, member_id=member_id, enrolled_at=ENROLLED_AT))
        return self.members[-1]

    @asynccontextmanager
    async def locked(self, today: date, *members: MembershipKey) -> AsyncIterator[Transaction]:
        async with self.database.engine(ACTOR, moment(today)) as tx:
            await lock_memberships(tx.conn, members)
            yield tx

    async def spend(
        self, member: MembershipKey, day: date, tier_minor: int, *, today: date | None = None, base_points: int = 0
    ) -> StandingChange:
        """A sale, or with negative amounts a return, on its sale's date."""
        today = today or day
        async with self.locked(today, member) as tx:
            await tx.conn.execute(_SPEND, *key_of(member), day, tier_minor, base_points)
            return await self.follow(tx, member, today)

    async def follow(self, tx: Transaction, member: MembershipKey, today: date) -> StandingChange:
        """What a till does once the receipt is written, with the records read in one statement."""
        days_from = history_starts_on(self.ladders, today)
        days = [day for day in await list_business_days(tx.conn, member) if day.business_date >= days_from]
        return await service.after_spend_change(
            tx, member, self.ladders, days=days, complete_from=days_from, records=None, today=today
        )

    async def review(self, today: date, *, limit: int = 100) -> ReviewRun:
        return await jobs.review_due(
            self.database,
            ACTOR,
            moment(today),
            programme_id=self.shop.programme_id,
            ladders=self.ladders,
            today=today,
            limit=limit,
        )

    async def review_until(self, *days: date) -> None:
        """The job on each of these days, until nothing is left to do."""
        for day in days:
            passes = 0
            while (await self.review(day)).looked_at:
                passes += 1
                assert passes < 20, "the review does not come to rest"

    async def award(self, today: date) -> list[RankAward]:
        return await jobs.award_ranks(
            self.database,
            ACTOR,
            moment(today),
            programme_id=self.shop.programme_id,
            ladders=self.ladders,
            today=today,
        )

    async def give(
        self,
        member: MembershipKey,
        tier: str,
        ends_on: date,
        *,
        today: date,
        key: str | None = None,
        by: Actor = STAFF,
    ) -> RecordedGrant:
        return await self._hand_grants().give(
            by, moment(today), member, tier=tier, ends_on=ends_on, reason=HandReason.GOODWILL, key=key or str(new_id())
        )

    async def take_back(
        self, grant_id: GrantId, *, today: date, key: str | None = None, by: Actor = STAFF
    ) -> RecordedGrant:
        return await self._hand_grants().take_back(by, moment(today), grant_id, key=key or str(new_id()))

    def _hand_grants(self) -> HandGrants:
        pool = self.database.pool
        return HandGrants(self.database, DirectoryCache(pool), LadderCache(pool), new_id)

    async def records(self, member: MembershipKey, today: date) -> TierRecords:
        found = await store.list_records(
            self.conn, member.programme_id, [member.member_id], ladders=self.ladders, today=today
        )
        return found[member.member_id]

    async def standing(self, member: MembershipKey, today: date) -> Standing:
        return settled((await self.records(member, today)).standing, today)

    async def tier(self, member: MembershipKey, today: date) -> str:
        return (await self.standing(member, today)).hold.tier

    async def tiers(self, today: date) -> list[str]:
        return [await self.tier(member, today) for member in self.members]

    async def days(self, member: MembershipKey) -> list[DaySpend]:
        return await list_business_days(self.conn, member)

    async def check(self, today: date, members: Collection[MembershipKey] | None = None) -> None:
        """Each standing as recorded is the one that follows from the whole history.

        A tier whose term is over is held until its review, whatever comes; its recorded end is then a past one.
        """
        for member in self.members if members is None else members:
            records = await self.records(member, today)
            facts = Facts(self.ladders, await self.days(member), records.grants, records.step_downs)
            recorded, expected = settled(records.standing, today), standing_on(facts, today)
            if recorded.hold.ends_on is not None and recorded.hold.ends_on <= today:
                expected = replace(expected, hold=replace(expected.hold, ends_on=recorded.hold.ends_on))
            assert recorded == expected

    async def events(self, member: MembershipKey) -> list[tuple[str, str | None]]:
        """(name, tier concerned) of what was told about a member, in order."""
        rows = await self.conn.fetch(
            "SELECT name, coalesce(payload->>'tier', payload->>'to_tier') AS tier FROM platform.outbox"
            " WHERE ordering_key = $1 AND name LIKE 'tiers.%' ORDER BY event_id",
            member.member_id,
        )
        return [(row["name"].removeprefix("tiers."), row["tier"]) for row in rows]

    async def reviews(self, member: MembershipKey) -> list[tuple[str, date, str, str]]:
        rows = await self.conn.fetch(
            "SELECT step, due_on, from_tier, to_tier FROM tiers.reviews WHERE member_id = $1 ORDER BY review_id",
            member.member_id,
        )
        return [(row["step"], row["due_on"], row["from_tier"], row["to_tier"]) for row in rows]


async def open_ladder_desk(database: Database, conn: Conn, *ladders: Ladder | LadderRevision) -> LadderDesk:
    """A programme of the sample with these ladders in place of its own."""
    shop = (await load_world(conn)).chaoyang
    revisions = tuple(
        entry if isinstance(entry, LadderRevision) else LadderRevision(place, date(2020, 1, 1), entry)
        for place, entry in enumerate(ladders, start=1)
    )
    await conn.execute("DELETE FROM tiers.ladders WHERE programme_id = $1", shop.programme_id)
    for entry in revisions:
        assert await store.insert_ladder(conn, shop.programme_id, entry)
    return LadderDesk(database, conn, shop, revisions)


async def same_ladder_desk(database: Database, conn: Conn, ladder: Ladder) -> LadderDesk:
    """The desk of this database, opened by the first example of a property and found again by the others."""
    if not await conn.fetchval("SELECT EXISTS (SELECT FROM stores.programmes)"):
        return await open_ladder_desk(database, conn, ladder)
    shop = sample_world().chaoyang
    return LadderDesk(database, conn, shop, (await store.load_ladders(conn))[shop.programme_id])


def moment(today: date) -> datetime:
    return datetime.combine(today, time(12), tzinfo=UTC)


def key_of(member: MembershipKey) -> tuple[UUID, UUID]:
    return member.member_id, member.programme_id
