"""Simulate: asked for under an idempotency key, run by a worker (or at once, where it is small), read while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from membership.campaigns.cache import CampaignCache
from membership.kernel.actor import Actor
from membership.kernel.clock import Clock
from membership.kernel.ids import NewId
from membership.planning import store
from membership.planning.drafting import Drafting, Request
from membership.planning.model import Forecast, SimulateCampaign, Simulation, SimulationId, UnsavedDraft
from membership.planning.running import Progress, Runner
from membership.planning.store import Taken
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.outbox import RELAY
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.errors import UnknownProgramme
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache

SILENT_AFTER = timedelta(minutes=2)
"""A run that has not been heard of for so long is taken over."""
AT_ONCE_MEMBERS = 400
"""Of so many members, the request itself runs the simulation: a second or two."""

MOST_ATTEMPTS = 3
"""One that has taken so many workers with it is not tried again."""
_FAILED = "The simulation failed. Ask for it again; if it fails again, tell whoever runs the service."

_log = structlog.get_logger(__name__)


class TakenOver(Exception):
    """Another run has this simulation now."""


@dataclass(frozen=True, slots=True)
class Simulations:
    """Callers reach the campaigns of their token's programme (admin: of all)."""

    database: Database
    directories: DirectoryCache
    ladders: LadderCache
    campaigns: CampaignCache
    new_id: NewId
    clock: Clock
    at_once_members: int = AT_ONCE_MEMBERS

    @property
    def runner(self) -> Runner:
        return Runner(self.database, self.directories, self.ladders, self.campaigns)

    async def request(self, actor: Actor, now: datetime, command: SimulateCampaign) -> Simulation:
        """A simulation that waits, or is done where it is small. A repeat is answered with it as it is by then.

        Raises UnknownProgramme and whatever `Drafting.read` refuses.
        """
        # Read before a connection is held: nobody who holds one should wait for another.
        await self.directories.directory(now)
        await self.ladders.find(command.programme_id, now)
        simulation = await once(
            self.database,
            actor,
            now,
            Keyed("planning.simulate", command.idempotency_key, _request_of(command)),
            work=lambda tx: self._insert(tx, actor, command),
            facts=lambda simulation: {"simulation_id": str(simulation.simulation_id)},
            restore=_restore,
        )
        if simulation.total > self.at_once_members or simulation.done:
            return simulation
        await self.run_next(now, simulation_id=simulation.simulation_id)
        async with self.database.engine(actor, now) as tx:
            return await _read(tx.conn, simulation.simulation_id)

    async def simulate(self, actor: Actor, now: datetime, command: SimulateCampaign, progress: Progress) -> Forecast:
        """At once and without a trace, however long it takes: for the command line. Raises as `request` does."""
        async with self.database.engine(actor, now) as tx:
            request = await self._read_request(tx, actor, command)
        return await self.runner.run(actor, request, now, progress)

    async def run_next(self, now: datetime, *, simulation_id: SimulationId | None = None) -> int:
        """Run the simulation that has waited longest, or the one named. Returns how many were run: none or one.

        Safe to run twice and at once: one run takes a simulation, and only the result of the latest take counts.
        """
        async with self.database.engine(RELAY, now) as tx:
            taken = await store.take_simulation(
                tx.conn, now, silent_since=now - SILENT_AFTER, simulation_id=simulation_id
            )
        if taken is None:
            return 0
        forecast, failure = None, _FAILED if taken.attempt > MOST_ATTEMPTS else None
        try:
            if failure is None:
                forecast = await self.runner.run(RELAY, taken.request, now, self._tell(taken))
        except TakenOver:
            return 1
        except Exception as error:
            _log.error("a simulation failed", simulation_id=taken.simulation_id, exc_info=error)
            failure = _FAILED
        async with self.database.engine(RELAY, self.clock.now()) as tx:
            await store.finish_simulation(tx.conn, taken, forecast=forecast, failure=failure, now=self.clock.now())
        return 1

    def _tell(self, taken: Taken) -> Progress:
        async def tell(done: int, total: int) -> None:
            now = self.clock.now()
            async with self.database.engine(RELAY, now) as tx:
                if not await store.update_progress(tx.conn, taken, done=done, total=total, now=now):
                    raise TakenOver

        return tell

    async def _insert(self, tx: Transaction, actor: Actor, command: SimulateCampaign) -> Simulation:
        request = await self._read_request(tx, actor, command)
        simulation_id = SimulationId(self.new_id())
        await store.insert_simulation(
            tx.conn,
            simulation_id,
            request,
            members=await store.count_members(tx.conn, request.period),
            requested_by=actor.subject,
            now=tx.now,
        )
        tx.audit_staff(
            AuditEntry("planning.simulate", "simulation", str(simulation_id), programme_id=command.programme_id)
        )
        return await _read(tx.conn, simulation_id)

    async def _read_request(self, tx: Transaction, actor: Actor, command: SimulateCampaign) -> Request:
        if actor.programme_id not in (None, command.programme_id):
            raise UnknownProgramme(str(command.programme_id))
        directory = await self.directories.directory(tx.now)
        today = directory.earliest_business_date(command.programme_id, tx.now)
        if today is None:
            raise UnknownProgramme(str(command.programme_id))
        ladders = await self.ladders.ladders(command.programme_id, tx.now)
        drafting = Drafting(tx.conn, directory, tuple(ladders), tx.now, today, self.new_id)
        return await drafting.read(command)


async def find_simulation(conn: Conn, simulation_id: SimulationId) -> Simulation | None:
    """As the connection's caller may see it."""
    return (await store.list_simulations_by_id(conn, [simulation_id])).get(simulation_id)


async def _read(conn: Conn, simulation_id: SimulationId) -> Simulation:
    return (await store.list_simulations_by_id(conn, [simulation_id]))[simulation_id]


async def _restore(conn: Conn, facts: Json) -> Simulation:
    return await _read(conn, SimulationId(UUID(str(facts["simulation_id"]))))


def _request_of(command: SimulateCampaign) -> Mapping[str, object]:
    """What tells two requests apart."""
    draft = command.draft
    content = draft.content.model_dump(mode="json") if isinstance(draft, UnsavedDraft) else None
    return {
        "programme": str(command.programme_id),
        "code": draft.code,
        "content": content,
        "number": None if isinstance(draft, UnsavedDraft) else draft.number,
        "period": [type(command.period).__name__, command.period],
    }
