"""Which periodic jobs there are. Each may be repeated and run beside itself: the services and statements it calls
decide under their own locks what is left to do."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

from membership.appointments.lapsing import end_due
from membership.calendars.reminding import forget_reminders, remind_due
from membership.campaigns.cache import CampaignCache
from membership.coupons.service import expire
from membership.gifts.service import gift_jobs_on
from membership.inventory.service import Inventory
from membership.inventory.store import delete_ends
from membership.kernel.ids import first_id_at
from membership.points.service import post_expiries
from membership.postgres.catalogue import queries_of
from membership.postgres.database import Database
from membership.postgres.outbox import RELAY
from membership.receipts.rules import MOST_DAYS_LATE
from membership.receipts.store import delete_unsold_quotes
from membership.stores.model import Programme
from membership.stores.service import DirectoryCache
from membership.tiers.jobs import award_ranks, review_due
from membership.tiers.service import LadderCache
from membership.worker.inventory import check_inventory
from membership.worker.schedules import PeriodicJob
from membership.worker.tally import ProofTally

SQL = queries_of("platform")
BATCH = 500
_COUPONS = 5_000
_KEEP_IDEMPOTENCY_KEYS = timedelta(days=7)
_KEEP_HANDLED_EVENTS = timedelta(days=30)
_KEEP_ENDED_CLAIMS = timedelta(days=30)
# A sale may be reported so late, by its quote alone: without the quote its member would be lost.
_KEEP_UNSOLD_QUOTES = timedelta(days=MOST_DAYS_LATE + 1)


def periodic_jobs(
    directory: DirectoryCache,
    ladders: LadderCache,
    campaigns: CampaignCache,
    inventory: Inventory,
    *,
    proof: ProofTally | None = None,
) -> Sequence[PeriodicJob]:
    """At minutes that spread the load; every hour, since days begin at other times in other stores."""
    programmes = ProgrammeJobs(directory, ladders)
    gifts = gift_jobs_on(inventory=inventory, campaigns=campaigns, directories=directory)
    return (
        PeriodicJob("points.expiries", "*/10 * * * *", programmes.expire_points),
        PeriodicJob("tiers.reviews", "5 * * * *", programmes.review_tiers),
        PeriodicJob("tiers.ranks", "15 * * * *", programmes.award_ranks),
        PeriodicJob("coupons.expiries", "25 * * * *", expire_coupons),
        PeriodicJob("gifts.judgements", "* * * * *", gifts.judge_days),
        PeriodicJob("gifts.forfeits", "* * * * *", gifts.forfeit),
        PeriodicJob("gifts.pools", "35 * * * *", gifts.close_pools),
        PeriodicJob("calendars.reminders", "* * * * *", remind),
        PeriodicJob("calendars.told", "55 * * * *", forget_what_was_told),
        PeriodicJob("appointments.lapses", "* * * * *", end_lapsed_appointments),
        PeriodicJob("receipts.quotes", "30 * * * *", forget_unsold_quotes),
        PeriodicJob("inventory.check", "* * * * *", partial(check_inventory, inventory, proof or ProofTally())),
        PeriodicJob("inventory.claims", "45 * * * *", forget_ended_claims),
        PeriodicJob("platform.idempotency_keys", "40 * * * *", forget_idempotency_keys),
        PeriodicJob("platform.outbox", "50 * * * *", forget_handled_events),
    )


JOBS: Final = (
    "points.expiries",
    "tiers.reviews",
    "tiers.ranks",
    "coupons.expiries",
    "gifts.judgements",
    "gifts.forfeits",
    "gifts.pools",
    "calendars.reminders",
    "calendars.told",
    "appointments.lapses",
    "receipts.quotes",
    "inventory.check",
    "inventory.claims",
    "platform.idempotency_keys",
    "platform.outbox",
)
"""Their names, for who watches; a test holds them to the jobs."""


@dataclass(frozen=True, slots=True)
class ProgrammeJobs:
    """Jobs that need to know programmes, their stores and their ladders."""

    directory: DirectoryCache
    ladders: LadderCache

    async def expire_points(self, database: Database, now: datetime) -> int:
        directory = await self.directory.directory(now)
        async with database.engine(RELAY, now) as transaction:
            return await post_expiries(transaction, directory, limit=BATCH)

    async def review_tiers(self, database: Database, now: datetime) -> int:
        async def review(programme: Programme, today: date) -> int:
            ladders = await self.ladders.ladders(programme.programme_id, now)
            run = await review_due(
                database, RELAY, now, programme_id=programme.programme_id, ladders=ladders, today=today
            )
            return run.looked_at

        return await self._in_each(now, review)

    async def award_ranks(self, database: Database, now: datetime) -> int:
        async def award(programme: Programme, today: date) -> int:
            ladders = await self.ladders.ladders(programme.programme_id, now)
            awarded = await award_ranks(
                database, RELAY, now, programme_id=programme.programme_id, ladders=ladders, today=today
            )
            return len(awarded)

        return await self._in_each(now, award)

    async def _in_each(self, now: datetime, work: Callable[[Programme, date], Awaitable[int]]) -> int:
        """In every programme that has stores; one that fails does not keep the others from their turn."""
        directory = await self.directory.directory(now)
        done, failures = 0, []
        for programme in directory.configuration.programmes:
            today = directory.earliest_business_date(programme.programme_id, now)
            if today is None:
                continue
            try:
                done += await work(programme, today)
            except Exception as failure:
                failures.append(failure)
        if failures:
            raise ExceptionGroup("a periodic job failed in some programmes", failures)
        return done


async def expire_coupons(database: Database, now: datetime) -> int:
    return await expire(database, RELAY, now, limit=_COUPONS)


async def remind(database: Database, now: datetime) -> int:
    return await remind_due(database, RELAY, now, limit=BATCH)


async def forget_what_was_told(database: Database, now: datetime) -> int:
    return await forget_reminders(database, RELAY, now, limit=BATCH)


async def end_lapsed_appointments(database: Database, now: datetime) -> int:
    return await end_due(database, RELAY, now, limit=BATCH)


async def forget_unsold_quotes(database: Database, now: datetime) -> int:
    async with database.engine(RELAY, now) as transaction:
        return await delete_unsold_quotes(transaction.conn, expired_before=now - _KEEP_UNSOLD_QUOTES, limit=BATCH)


async def forget_ended_claims(database: Database, now: datetime) -> int:
    async with database.engine(RELAY, now) as transaction:
        return await delete_ends(transaction.conn, before=now - _KEEP_ENDED_CLAIMS, limit=BATCH)


async def forget_idempotency_keys(database: Database, now: datetime) -> int:
    async with database.engine(RELAY, now) as transaction:
        row = await SQL.delete_idempotency_keys_before.one(transaction.conn, now - _KEEP_IDEMPOTENCY_KEYS, BATCH)
    return int(row["deleted"])


async def forget_handled_events(database: Database, now: datetime) -> int:
    async with database.engine(RELAY, now) as transaction:
        before = first_id_at(now - _KEEP_HANDLED_EVENTS)
        row = await SQL.delete_handled_events_before.one(transaction.conn, before, BATCH)
    return int(row["deleted"])
