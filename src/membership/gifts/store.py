"""Rows of schema `gifts` to model."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import asyncpg

from membership.campaigns.model import CampaignId, CampaignState
from membership.gifts.model import (
    DayLine,
    Gift,
    GiftCause,
    GiftId,
    GiftOfferId,
    GiftPoolId,
    GiftState,
    Judgement,
    PoolCount,
    PreparedOffer,
    PreparedPool,
    Threshold,
    Wait,
)
from membership.gifts.rules.changing import Change
from membership.gifts.rules.waiting import Placing
from membership.kernel.actor import Actor
from membership.members.model import MemberId, MembershipKey
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.receipts.model import ReturnId, SaleId
from membership.stores.model import CounterId, ProgrammeId, StoreId

SQL = queries_of("gifts")


async def upsert_offer(conn: Conn, offer: PreparedOffer) -> None:
    await SQL.upsert_offer.exec(
        conn, offer.offer_id, offer.programme_id, offer.campaign_id, offer.revision_id, offer.rule_code
    )


async def upsert_pools(conn: Conn, offer: PreparedOffer, pools: Sequence[PreparedPool]) -> None:
    await SQL.upsert_pools.exec(
        conn,
        offer.offer_id,
        [pool.pool_id for pool in pools],
        [pool.store_id for pool in pools],
        [pool.day for pool in pools],
        [pool.code for pool in pools],
        [pool.counter_id for pool in pools],
    )


async def close_pools(conn: Conn, pool_ids: Collection[GiftPoolId], now: datetime) -> None:
    await SQL.close_pools.exec(conn, list(pool_ids), now)


async def list_campaign_pools(conn: Conn, campaign_id: CampaignId) -> dict[GiftPoolId, PreparedPool]:
    """Closed ones too."""
    return _pools(await SQL.list_campaign_pools.many(conn, campaign_id))


async def list_pools_from(conn: Conn, day: date) -> dict[GiftPoolId, PreparedPool]:
    return _pools(await SQL.list_pools_from.many(conn, day))


async def list_past_pools(conn: Conn, today: Mapping[StoreId, date], *, limit: int) -> list[GiftPoolId]:
    """Open pools of business days that are over in their stores."""
    rows = await SQL.list_past_pools.many(conn, list(today), list(today.values()), limit)
    return [row["pool_id"] for row in rows]


async def find_next_pool(conn: Conn, pool_id: GiftPoolId, today: date) -> GiftPoolId | None:
    """The same pool on the next day that has one and is not over."""
    row = await SQL.find_next_pool.maybe(conn, pool_id, today)
    return None if row is None else GiftPoolId(row["pool_id"])


async def insert_gifts(conn: Conn, gifts: Sequence[Gift]) -> set[GiftId]:
    """Those written: of campaigns that give things out as the statement begins. The others are not."""
    thresholds = [gift.threshold for gift in gifts]
    rows = await SQL.insert_gifts.many(
        conn,
        [gift.gift_id for gift in gifts],
        [gift.code for gift in gifts],
        [gift.membership.member_id for gift in gifts],
        [gift.membership.programme_id for gift in gifts],
        [gift.offer_id for gift in gifts],
        [gift.pool_id for gift in gifts],
        [gift.store_id for gift in gifts],
        [gift.day for gift in gifts],
        [gift.counter_id for gift in gifts],
        [gift.revision_id for gift in gifts],
        [gift.rule_code for gift in gifts],
        [gift.claimed_at for gift in gifts],
        [gift.collect_until for gift in gifts],
        [None if threshold is None else threshold.minimum_spend_minor for threshold in thresholds],
        [None if threshold is None else threshold.group for threshold in thresholds],
    )
    return {row["gift_id"] for row in rows}


async def get_campaign_state(conn: Conn, offer_id: GiftOfferId) -> CampaignState:
    """Of an offer's campaign, as it is now."""
    return CampaignState((await SQL.get_campaign_state.one(conn, offer_id))["state"])


async def find_gift(conn: Conn, gift_id: GiftId) -> Gift | None:
    row = await SQL.find_gift.maybe(conn, gift_id)
    return None if row is None else _gift(row)


async def lock_gift(conn: Conn, gift_id: GiftId) -> Gift | None:
    """Lock a gift until the transaction ends: after its member, before its pool of `inventory`."""
    row = await SQL.lock_gift.maybe(conn, gift_id)
    return None if row is None else _gift(row)


async def list_gifts_by_id(conn: Conn, gift_ids: Collection[UUID]) -> dict[GiftId, Gift]:
    """Those that exist and that the connection may see."""
    rows = await SQL.list_gifts_by_id.many(conn, list(gift_ids))
    return {row["gift_id"]: _gift(row) for row in rows}


async def list_gifts_by_code(conn: Conn, store_id: StoreId, code: str) -> list[Gift]:
    """One, as good as always; two if random codes met."""
    return [_gift(row) for row in await SQL.list_gifts_by_code.many(conn, store_id, code)]


async def list_member_gifts(
    conn: Conn, membership: MembershipKey, *, before: tuple[datetime | None, UUID | None], limit: int
) -> list[Gift]:
    """The latest claim first."""
    rows = await SQL.list_member_gifts.many(conn, membership.member_id, membership.programme_id, *before, limit)
    return [_gift(row) for row in rows]


async def list_waiting_for_member(
    conn: Conn, membership: MembershipKey, store_id: StoreId, now: datetime, *, limit: int
) -> list[Gift]:
    """What may be handed over to a member in a store, to be collected first at the top."""
    rows = await SQL.list_waiting_for_member.many(
        conn, membership.member_id, membership.programme_id, store_id, now, limit
    )
    return [_gift(row) for row in rows]


async def list_at_desk(
    conn: Conn,
    store_id: StoreId,
    counter_id: CounterId | None,
    *,
    after: tuple[datetime | None, UUID | None],
    limit: int,
) -> list[Gift]:
    """What waits at a desk (None: in the store), to be collected first at the top."""
    rows = await SQL.list_at_desk.many(conn, store_id, counter_id, *after, limit)
    return [_gift(row) for row in rows]


async def list_day_gifts(
    conn: Conn, membership: MembershipKey, store_id: StoreId, day: date, *, group: str
) -> list[Gift]:
    """What the member's spend of a day has to cover in a group, earliest claim first."""
    rows = await SQL.list_day_gifts.many(conn, membership.member_id, membership.programme_id, store_id, day, group)
    return [_gift(row) for row in rows]


async def lock_day_gifts(conn: Conn, membership: MembershipKey, store_id: StoreId, day: date) -> list[Gift]:
    """What the member's spend of a day has to cover, earliest claim first. The member's lock is held."""
    rows = await SQL.lock_day_gifts.many(conn, membership.member_id, membership.programme_id, store_id, day)
    return [_gift(row) for row in rows]


async def list_day_lines(
    conn: Conn,
    membership: MembershipKey,
    store_id: StoreId,
    day: date,
    *,
    ends_at: datetime,
    group: str,
    shared_out_anew: Collection[GiftId],
) -> list[DayLine]:
    """The member's lines of a business day, which ends at `ends_at`, with what is free in the group but for these
    gifts."""
    rows = await SQL.list_day_lines.many(
        conn, membership.member_id, membership.programme_id, store_id, day, group, list(shared_out_anew), ends_at
    )
    return [DayLine(**dict(row)) for row in rows]


async def lock_overdue(conn: Conn, store_id: StoreId, now: datetime, *, limit: int) -> list[Gift]:
    """Gifts that nobody collected in time and that nobody else is at."""
    return [_gift(row) for row in await SQL.lock_overdue.many(conn, store_id, now, limit)]


async def write_changes(conn: Conn, changes: Sequence[Change], *, actor: Actor, now: datetime) -> set[GiftId]:
    """One statement. Returns the gifts that were changed: those that were still at the step seen."""
    rows = await SQL.write_changes.many(
        conn,
        [change.gift_id for change in changes],
        [change.seen_step for change in changes],
        [change.step for change in changes],
        [change.from_state.value for change in changes],
        [change.to_state.value for change in changes],
        [change.cause.value for change in changes],
        now,
        actor.role.value,
        actor.subject,
    )
    return {row["gift_id"] for row in rows}


async def write_placings(conn: Conn, placings: Sequence[Placing], *, actor: Actor, now: datetime) -> set[GiftId]:
    """One statement. Returns the gifts that were placed: those that were still at the step seen."""
    waits = [placing.wait for placing in placings]
    rows = await SQL.write_placings.many(
        conn,
        [placing.gift_id for placing in placings],
        [placing.seen_step for placing in placings],
        [placing.cause.value for placing in placings],
        [placing.collect_until for placing in placings],
        [None if wait is None else wait.counter_id for wait in waits],
        [None if wait is None else wait.uid for wait in waits],
        [None if wait is None else wait.until for wait in waits],
        [None if wait is None else wait.desk_until for wait in waits],
        now,
        actor.role.value,
        actor.subject,
    )
    return {row["gift_id"] for row in rows}


async def lock_gifts_of_visits(conn: Conn, uids: Collection[UUID]) -> list[Gift]:
    """What waits for these stops, by id. The member's lock is held."""
    return [_gift(row) for row in await SQL.lock_gifts_of_visits.many(conn, list(uids))]


async def list_gifts_of_visits(conn: Conn, uids: Collection[UUID]) -> dict[UUID, list[Gift]]:
    """What waits, or was collected, at stops, by their UIDs: for boards and itineraries, in one statement."""
    found: dict[UUID, list[Gift]] = {}
    for row in await SQL.list_gifts_of_visits.many(conn, list(uids)):
        found.setdefault(row["waits_for"], []).append(_gift(row))
    return found


async def insert_judgement(conn: Conn, judgement: Judgement) -> None:
    """Nothing where no gift hangs on that day, or where it is to be judged already."""
    membership = judgement.membership
    await SQL.insert_judgement.exec(
        conn,
        membership.member_id,
        membership.programme_id,
        judgement.store_id,
        judgement.day,
        judgement.due_at,
    )


async def list_due_judgements(conn: Conn, now: datetime, *, limit: int) -> list[Judgement]:
    return [
        Judgement(MembershipKey(row["member_id"], row["programme_id"]), row["store_id"], row["day"], row["due_at"])
        for row in await SQL.list_due_judgements.many(conn, now, limit)
    ]


async def delete_judgement(conn: Conn, judgement: Judgement) -> None:
    membership = judgement.membership
    await SQL.delete_judgement.exec(
        conn, membership.member_id, membership.programme_id, judgement.store_id, judgement.day
    )


async def find_returned_day(conn: Conn, return_id: ReturnId) -> tuple[MembershipKey, StoreId, date, date] | None:
    """Member, store and day that a return took from, and the day it was made on; None for nobody's receipt."""
    row = await SQL.find_returned_day.maybe(conn, return_id)
    if row is None:
        return None
    return MembershipKey(row["member_id"], row["programme_id"]), row["store_id"], row["day"], row["returned_on"]


async def find_day_to_win_back(conn: Conn, sale_id: SaleId) -> tuple[MembershipKey, StoreId, date] | None:
    """Member, store and day of a receipt, where a gift of that day is to be brought back."""
    row = await SQL.find_day_to_win_back.maybe(conn, sale_id)
    if row is None:
        return None
    return MembershipKey(row["member_id"], row["programme_id"]), row["store_id"], row["day"]


async def list_claimed(
    conn: Conn, offer_ids: Collection[GiftOfferId], member: MembershipKey, day: date
) -> dict[tuple[GiftOfferId, date | None], int]:
    """How many of these offers the member has claimed, where they are counted: on the day, and (None) ever."""
    rows = await SQL.list_claimed.many(conn, list(offer_ids), member.member_id, member.programme_id, day)
    return {(row["offer_id"], row["day"]): row["claimed"] for row in rows}


async def list_pool_counts(conn: Conn, pool_ids: Collection[GiftPoolId]) -> list[PoolCount]:
    rows = await SQL.list_pool_counts.many(conn, list(pool_ids))
    return [PoolCount(row["pool_id"], GiftState(row["state"]), row["gifts"]) for row in rows]


async def move_member(conn: Conn, *, loser_id: MemberId, winner_id: MemberId, programme_id: ProgrammeId) -> None:
    await SQL.move_member.exec(conn, loser_id, winner_id, programme_id)


def _pools(rows: Sequence[asyncpg.Record]) -> dict[GiftPoolId, PreparedPool]:
    return {row["pool_id"]: _pool(row) for row in rows}


def _pool(row: asyncpg.Record) -> PreparedPool:
    offer = PreparedOffer(
        row["offer_id"], row["programme_id"], row["campaign_id"], row["revision_id"], row["rule_code"]
    )
    return PreparedPool(
        row["pool_id"], offer, row["store_id"], row["day"], row["code"], row["counter_id"], row["closed_at"]
    )


def _gift(row: asyncpg.Record) -> Gift:
    minimum, cause, waits_at = row["minimum_spend_minor"], row["cause"], row["waits_at"]
    return Gift(
        gift_id=row["gift_id"],
        code=row["code"],
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        offer_id=row["offer_id"],
        pool_id=row["pool_id"],
        store_id=row["store_id"],
        day=row["day"],
        counter_id=row["counter_id"],
        revision_id=row["revision_id"],
        rule_code=row["rule_code"],
        state=GiftState(row["state"]),
        step=row["step"],
        claimed_at=row["claimed_at"],
        collect_until=row["collect_until"],
        threshold=None if minimum is None else Threshold(minimum, row["spend_group"]),
        ready_at=row["ready_at"],
        collected_at=row["collected_at"],
        collected_by=row["collected_by"],
        ended_at=row["ended_at"],
        cause=None if cause is None else GiftCause(cause),
        wait=None if waits_at is None else Wait(waits_at, row["waits_for"], row["waits_until"], row["desk_until"]),
    )
