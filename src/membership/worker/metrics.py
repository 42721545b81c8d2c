"""What a worker shows to Prometheus. All workers see the same of both servers: ask for the greatest of them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from time import monotonic
from typing import Final

from membership.inventory.model import Mode
from membership.kernel.clock import Clock
from membership.monitoring.process import ProcessMetrics
from membership.monitoring.readings import Kind, Reading, Readings, Values, open_registry
from membership.monitoring.servers import RedisSight, pool_readings
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from membership.worker.pulses import Pulses
from membership.worker.sight import Seen, Sight
from membership.worker.tally import Tally

_OUTCOMES: Final = ("HANDED_ON", "POSTPONED", "DEAD")


class WorkerMetrics:
    """Of one worker, in a registry of its own. `host_clock`: the machine's, in whose time schedules are."""

    def __init__(
        self, database: Database, redis: RedisClient, *, pulses: Pulses, tally: Tally, sight: Sight, host_clock: Clock
    ) -> None:
        self.registry = open_registry()
        self._process = ProcessMetrics(self.registry)
        self._redis = RedisSight(redis)
        self._sight = sight
        self._readings = Readings(
            self.registry,
            [
                *pool_readings(database),
                self._redis.reading(),
                *_loops(pulses),
                *_jobs(tally),
                *_schedules(sight, host_clock),
                *_outbox(tally, sight),
                *_proof(tally),
                *_stock(sight),
                *_liability(sight),
            ],
        )

    async def look(self) -> None:
        """Before a scrape, in the event loop."""
        await self._redis.look()
        await self._sight.look()
        self._readings.take()

    def watching(self) -> AbstractAsyncContextManager[None]:
        return self._process.watching()


def _gauge(name: str, text: str, read: Callable[[], Values], *labels: str) -> Reading:
    return Reading(name, text, Kind.GAUGE, read, labels)


def _counter(name: str, text: str, read: Callable[[], Values], *labels: str) -> Reading:
    return Reading(name, text, Kind.COUNTER, read, labels)


def _loops(pulses: Pulses) -> list[Reading]:
    def silence() -> Values:
        return {(name,): pulse.silent_seconds for name, pulse in pulses.loops.items()}

    def success() -> Values:
        since = {(name,): pulse.seconds_since_success for name, pulse in pulses.loops.items()}
        return {labels: seconds for labels, seconds in since.items() if seconds is not None}

    return [
        _counter(
            "membership_worker_loop_rounds",
            "How often each loop of the worker got on.",
            lambda: {(name,): pulse.rounds for name, pulse in pulses.loops.items()},
            "loop",
        ),
        _counter(
            "membership_worker_loop_failures",
            "How often each failed and started again.",
            lambda: {(name,): pulse.failures for name, pulse in pulses.loops.items()},
            "loop",
        ),
        _gauge("membership_worker_loop_silent_seconds", "Since each got on, failed or began.", silence, "loop"),
        _gauge("membership_worker_loop_success_age_seconds", "Since each got on; none before.", success, "loop"),
        _gauge(
            "membership_worker_hanging",
            "Loops and jobs that hang: for more than 0 the worker calls itself dead.",
            lambda: {(): len(pulses.hanging())},
        ),
    ]


def _jobs(tally: Tally) -> list[Reading]:
    def runs() -> Values:
        found: dict[tuple[str, ...], float] = {}
        for name, job in tally.jobs.items():
            found[name, "ok"], found[name, "failed"] = job.succeeded, job.failed
        return found

    return [
        _counter("membership_job_runs", "Runs of periodic jobs by this process.", runs, "task", "outcome"),
        _counter(
            "membership_job_seconds",
            "How long they took, altogether.",
            lambda: {(name,): job.seconds for name, job in tally.jobs.items()},
            "task",
        ),
        _gauge(
            "membership_job_last_seconds",
            "How long the last one took.",
            lambda: {(name,): job.last_seconds for name, job in tally.jobs.items()},
            "task",
        ),
    ]


def _schedules(sight: Sight, host_clock: Clock) -> list[Reading]:
    def overdue() -> Values:
        if (seen := sight.seen) is None:
            return {}
        now = host_clock.now()
        return {(job,): max(0.0, (now - due.next_run).total_seconds()) for job, due in seen.schedules.items()}

    def age() -> Values:
        if (seen := sight.seen) is None:
            return {}
        now = host_clock.now()
        return {
            (job,): (now - due.last_run).total_seconds()
            for job, due in seen.schedules.items()
            if due.last_run is not None
        }

    return [
        _gauge(
            "membership_job_overdue_seconds", "For how long a job has been due that no worker takes.", overdue, "task"
        ),
        _gauge("membership_job_age_seconds", "Since some worker last began the job.", age, "task"),
    ]


def _outbox(tally: Tally, sight: Sight) -> list[Reading]:
    def seen_as(value: Callable[[Seen], float]) -> Callable[[], Values]:
        return lambda: {} if sight.seen is None else {(): value(sight.seen)}

    def oldest(seen: Seen) -> float:
        at = seen.backlog.oldest
        return 0.0 if at is None else max(0.0, (seen.at - at).total_seconds())

    return [
        _counter(
            "membership_outbox_events",
            "What this process made of events: handed on, put off after a failure, given up as dead.",
            lambda: {(outcome,): tally.events[outcome] for outcome in _OUTCOMES},
            "outcome",
        ),
        _gauge(
            "membership_outbox_pending",
            "Events that are not handed on yet; counted up to 20,000.",
            seen_as(lambda seen: seen.backlog.pending),
        ),
        _gauge(
            "membership_outbox_parked",
            "Of these, those behind a dead letter of their member.",
            seen_as(lambda seen: seen.backlog.parked),
        ),
        _gauge(
            "membership_outbox_dead",
            "Dead letters, which wait for an operator.",
            seen_as(lambda seen: seen.backlog.dead),
        ),
        _gauge(
            "membership_outbox_oldest_seconds",
            "Age of the oldest event that is not handed on and not parked; 0 where there is none.",
            seen_as(oldest),
        ),
        _gauge(
            "membership_sight_up",
            "1: both servers could be looked at; what is seen of them is told while they can.",
            lambda: {(): float(sight.seen is not None)},
        ),
    ]


def _proof(tally: Tally) -> list[Reading]:
    proof = tally.proof
    return [
        _counter(
            "membership_inventory_proofs", "Proofs by this process that no unit is lost.", lambda: {(): proof.proofs}
        ),
        _counter("membership_inventory_drifts", "Pools whose stock in Redis had drifted.", lambda: {(): proof.drifts}),
        _gauge(
            "membership_inventory_drift_units",
            "Units that were not where they should be, by the last proof; the offer was loaded anew.",
            lambda: {(): proof.drift_units},
        ),
        _gauge(
            "membership_inventory_disagreements",
            "Pools and counts that PostgreSQL itself disagrees about, by the last proof: nothing repairs that.",
            lambda: {(): proof.disagreements},
        ),
        _gauge(
            "membership_inventory_unchecked_offers",
            "Offers that the last proof could not look at in Redis.",
            lambda: {(): proof.unchecked},
        ),
    ]


def _stock(sight: Sight) -> list[Reading]:
    def units() -> Values:
        found: dict[tuple[str, ...], float] = {}
        if (seen := sight.seen) is None:
            return found
        for pool in seen.pools:
            if (level := seen.levels.get(pool.pool_id)) is not None:
                named = (str(pool.offer_id), str(pool.pool_id))
                found[*named, "available"] = level.available
                found[*named, "held"] = level.held
                found[*named, "confirmed"] = level.confirmed
                found[*named, "voided"] = level.voided
        return found

    def offers() -> Values:
        return {} if sight.seen is None else {(mode.value,): sight.seen.offers(mode) for mode in Mode}

    return [
        _gauge(
            "membership_inventory_pool_units",
            "Units of open pools; of the latest offers, 200 pools at most.",
            units,
            "offer",
            "pool",
            "state",
        ),
        _gauge(
            "membership_inventory_pools_open",
            "How many pools are open.",
            lambda: {} if sight.seen is None else {(): sight.seen.open_pools},
        ),
        _gauge(
            "membership_inventory_offers",
            "Offers with open pools, by who decides: POSTGRES while Redis cannot.",
            offers,
            "decided_by",
        ),
    ]


def _liability(sight: Sight) -> list[Reading]:
    return [
        _gauge(
            "membership_points_liability",
            "Points that members have, or owe, by programme; looked at every five minutes.",
            lambda: {} if sight.liability is None else dict(sight.liability.points.items()),
            "programme",
            "state",
        ),
        _gauge(
            "membership_points_liability_age_seconds",
            "Since it was looked at.",
            lambda: {} if sight.liability is None else {(): monotonic() - sight.liability.at},
        ),
    ]
