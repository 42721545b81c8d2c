"""Background work: hands events of the outbox to their handlers, and runs the periodic jobs.

Any number of workers may run; each connects directly to PostgreSQL, not through a pooler (it listens).

Each piece of work is done by one worker at a time, and one that is stopped in the middle, and goes on after another has
taken over, changes nothing. Within a transaction that is so for all of them: what it decides on is locked, and
PostgreSQL ends a transaction that rests for 30 s (`postgres.database.IDLE_TIMEOUT_MS`), with its locks and effects.
Between two transactions each is fenced by what the next one finds:

| work | by one at a time | what fences off who comes back |
|---|---|---|
| events of the outbox | lock of the head of a key, SKIP LOCKED | a head that is done is none |
| ticks of periodic jobs | picked by one; again after 30 s without a heartbeat | nothing: a job may run twice |
| points.expiries | lock of the member | one expiry of a lot on a day (unique cause of the entry) |
| tiers.reviews, tiers.ranks | lock of the member; of the award | standing read again; one award a rank year |
| coupons.expiries, gifts.forfeits, appointments.lapses | rows, SKIP LOCKED | the state is asked for under the lock |
| gifts.judgements, gifts.pools | lock of the member; of the pool | one judgement of a day; a pool closes once |
| calendars.reminders | rows, SKIP LOCKED | a row for each one that was told |
| quotes, claims, keys, events that are forgotten | rows, SKIP LOCKED | what is gone cannot go again |
| inventory: sweep, return to Redis, check | lock of the pools | the epoch: Redis refuses what comes with an older one |
| simulations | `attempt`, raised by who takes over after two silent minutes | progress and result name their attempt |
| coupons to everybody | lock of the run, SKIP LOCKED | one coupon for a member, offer and ordinal; where the run is |
| waitlist | lock of the due group, SKIP LOCKED, then of the member | the entry's state under its lock |
"""

from membership.worker.run import run_worker

__all__ = ["run_worker"]
