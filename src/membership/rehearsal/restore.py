"""A backup taken while tills sell and members claim, and the way back from it: with the Redis of before, and without.

What it proves: the backup is one moment although everything moves; each restored database obeys every law; no unit
that a member was promised, before the backup or after it, is promised to somebody else, where the old Redis is there to
tell; and the service sells and gives from it again, every receipt and gift of which is looked up.

Everything here is called from the main thread: servers die with the thread that started them.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg

from membership.bench.world import settings_of
from membership.embedded.postgres import EmbeddedPostgres
from membership.embedded.process import free_port
from membership.embedded.valkey import EmbeddedValkey
from membership.recovery import manifest
from membership.rehearsal.next_version import this_version
from membership.rehearsal.plan import Plan, RehearsalFailed
from membership.rehearsal.processes import Code, Running, run_command
from membership.rehearsal.stage import is_ready
from membership.rehearsal.traffic import Carried, People, Traffic, people_of
from membership.rehearsal.world import Drop, create_database, fill, open_drops
from membership.settings import Profile, RateSettings
from membership.web.development_issuer import ensure_keys

_KEYS: Final = ("MEMBERSHIP_IDENTITY_HASH_KEYS", "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS")
_LATER_CLAIMS: Final = 15
"""So many members are told "yours" after the backup."""
_PATIENCE_SECONDS: Final = 120
_POLL_SECONDS: Final = 0.05
_BEFORE: Final = "before"
OLD, FRESH = "old-valkey", "fresh-valkey"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the table."""

    name: str
    seconds: float
    what: str


@dataclass(slots=True)
class RestoreRehearsed:
    """`wrong`: a sentence for each thing that does not hold."""

    steps: list[Step] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.wrong

    @contextmanager
    def timed(self, name: str) -> Iterator[list[str]]:
        """What is put into the list is said of the step."""
        began, said = time.monotonic(), list[str]()
        yield said
        self.steps.append(Step(name, time.monotonic() - began, "; ".join(said)))


def rehearse_restore(plan: Plan, say: Say, *, lives: Sequence[str] = (OLD, FRESH)) -> RestoreRehearsed:
    """`lives`: with which Valkey the service lives again. Raises RehearsalFailed when it cannot be carried out."""
    with ExitStack() as servers:
        return _Rehearsal(plan, say, servers).run(lives)


class _Rehearsal:
    def __init__(self, plan: Plan, say: Say, servers: ExitStack) -> None:
        self._plan = plan
        self._say = say
        self._code: Code = this_version()
        self._servers = servers
        self._secrets = {name: json.dumps({"1": secrets.token_hex(32)}) for name in _KEYS}
        self._rehearsed = RestoreRehearsed()
        self._drops: Mapping[str, Drop] = {}
        self._backups = plan.folder / "backups"
        self._backups.mkdir(parents=True)

    def run(self, lives: Sequence[str]) -> RestoreRehearsed:
        before, after = self._postgres("postgres"), self._postgres("postgres-restored")
        old = self._valkey("valkey")
        home = self._place(before, "membership", old)
        asyncio.run(create_database(before.dsn(), "membership"))
        self._say("Members move in, drops are planned")
        with self._rehearsed.timed("fill"):
            crowd = asyncio.run(fill(settings_of(home), self._plan.people))
            self._drops = asyncio.run(open_drops(settings_of(home), (_BEFORE, *lives), self._plan.scarce))
        people = people_of(crowd, self._plan.folder / "keys", self._plan)
        first = self._first_life(home, people)
        before.stop()
        for name in lives:
            valkey = old if name == OLD else self._valkey(name)
            promised = _promised(first) if name == OLD else None
            self._second_life(name, self._place(after, name, valkey), after, people, promised=promised)
        return self._rehearsed

    def _first_life(self, home: Mapping[str, str], people: People) -> Carried:
        """Trade, a backup in the middle of it, and more trade: then the machine is lost."""
        with self._service(_BEFORE, home) as url:
            self._say("Tills sell, members claim, and a backup is taken meanwhile")
            with Traffic(url, people, self._drops[_BEFORE], self._plan, seed=1) as traffic:
                traffic.contest()
                with self._rehearsed.timed("backup under load") as said:
                    self._succeeds(home, "backup", "--to", str(self._backups))
                    taken = manifest.read(self._backup())
                    said.append(f"{taken.bytes / 1e6:,.1f} MB, {sum(taken.rows.values()):,} rows counted")
                self._until_claimed(traffic)
                carried = traffic.end()
        self._note("before the loss", carried)
        return carried

    def _second_life(
        self,
        name: str,
        place: Mapping[str, str],
        server: EmbeddedPostgres,
        people: People,
        *,
        promised: Mapping[str, int] | None,
    ) -> None:
        """`promised`: units by offer that members of the first life were told are theirs."""
        self._say(f"Restored, {name.replace('-', ' ')}")
        asyncio.run(create_database(server.dsn(), place["DATABASE_URL"].rpartition("/")[2]))
        with self._rehearsed.timed(f"restore, {name}") as said:
            told = self._succeeds(place, "restore", "--from", str(self._backup()), "--operator", "rehearsal")
            said += [line for line in told.splitlines() if line.startswith("Redis ") or " claims were " in line]
        self._proved(name, place)
        if promised is not None:
            self._rehearsed.wrong += asyncio.run(_promised_twice(place["DATABASE_URL"], promised))
        with self._service(name, place) as url, self._rehearsed.timed(f"sells again, {name}") as said:
            with Traffic(url, people, self._drops[name], self._plan, seed=2) as traffic:
                traffic.contest()
                self._until_claimed(traffic)
                carried = traffic.end()
            said.append(f"{carried.proof.found:,} sales, {carried.given.gifts:,} gifts")
        self._note(name, carried)
        self._proved(f"{name}, after trade", place)

    def _proved(self, name: str, place: Mapping[str, str]) -> None:
        with self._rehearsed.timed(f"membership check, {name}") as said:
            found = run_command(self._code, place, "check", folder=self._plan.folder)
            said.append("all hold" if found.returncode == 0 else "DRIFT")
            if found.returncode:
                self._rehearsed.wrong.append(
                    f"{name}: membership check: {(found.stdout + found.stderr)[-800:].strip()}"
                )
        stock = run_command(self._code, place, "inventory", "check", "--no-repair", folder=self._plan.folder)
        if stock.returncode:
            self._rehearsed.wrong.append(f"{name}: inventory check: {(stock.stdout + stock.stderr)[-800:].strip()}")

    def _note(self, name: str, carried: Carried) -> None:
        self._rehearsed.wrong += [f"{name}: {wrong}" for wrong in (*carried.proof.wrong, *carried.given.wrong)]

    @contextmanager
    def _service(self, name: str, place: Mapping[str, str]) -> Iterator[str]:
        """One API process and a worker; ended as by a loss of power."""
        port, probe = free_port(), free_port()
        folder = self._plan.folder
        api = Running(f"api-{name}", "serve", self._code, {**place, "MEMBERSHIP_PORT": str(port)}, folder=folder)
        worker = Running(
            f"worker-{name}", "worker", self._code, {**place, "MEMBERSHIP_MONITORING_PORT": str(probe)}, folder=folder
        )
        try:
            api.until(lambda: is_ready(port), "it was ready")
            worker.until(lambda: is_ready(probe), "it was ready")
            yield f"http://127.0.0.1:{port}/graphql"
        finally:
            api.kill()
            worker.kill()

    def _succeeds(self, place: Mapping[str, str], *arguments: str) -> str:
        done = run_command(self._code, place, *arguments, folder=self._plan.folder)
        if done.returncode:
            raise RehearsalFailed(f"membership {arguments[0]} failed: {done.stderr.strip()[-800:]}")
        return done.stdout

    def _until_claimed(self, traffic: Traffic) -> None:
        """From now on, by members who are told."""
        began = time.monotonic()
        while _claims_since(traffic, began) < _LATER_CLAIMS:
            if time.monotonic() > began + _PATIENCE_SECONDS:
                raise RehearsalFailed(f"nobody was told anything for {_PATIENCE_SECONDS} s")
            time.sleep(_POLL_SECONDS)

    def _backup(self) -> Path:
        (file,) = self._backups.glob("*.dump")
        return file

    def _postgres(self, name: str) -> EmbeddedPostgres:
        return self._servers.enter_context(EmbeddedPostgres(self._plan.folder / name))

    def _valkey(self, name: str) -> EmbeddedValkey:
        return self._servers.enter_context(EmbeddedValkey(self._plan.folder / name))

    def _place(self, postgres: EmbeddedPostgres, database: str, valkey: EmbeddedValkey) -> dict[str, str]:
        """As in production: trusted documents only, tokens checked against a key set."""
        return {
            "DATABASE_URL": postgres.dsn(database),
            "REDIS_URL": valkey.url(),
            "MEMBERSHIP_PROFILE": Profile.PRODUCTION.value,
            "MEMBERSHIP_TOKEN_JWKS_FILE": str(ensure_keys(self._plan.folder / "keys")),
            **self._secrets,
            **{f"MEMBERSHIP_{name.upper()}": "1000000/1" for name in RateSettings.model_fields},
        }


def _claims_since(traffic: Traffic, moment: float) -> int:
    sent = list(traffic.tally.sent)
    return sum(1 for entry in sent if entry.operation == "ClaimGift" and entry.failure is None and entry.began > moment)


def _promised(carried: Carried) -> Mapping[str, int]:
    """By the offer's code: what members have been told is theirs."""
    return {"PLENTY": carried.given.gifts - carried.given.scarce, "SCARCE": carried.given.scarce}


async def _promised_twice(dsn: str, promised: Mapping[str, int]) -> list[str]:
    """Units that are given or held back are at least as many as members were told are theirs."""
    conn = await asyncpg.connect(dsn)
    try:
        rows = await conn.fetch(
            "SELECT offer.rule_code, sum(pool.confirmed)::int AS confirmed, sum(pool.voided)::int AS voided"
            " FROM gifts.offers offer JOIN inventory.pools pool USING (offer_id)"
            " WHERE offer.rule_code LIKE $1 GROUP BY 1",
            f"{_BEFORE}-%".upper(),
        )
    finally:
        await conn.close()
    taken = {row["rule_code"].rpartition("-")[2]: row for row in rows}
    wrong = [
        f"{units} units of {code} were promised; {taken[code]['confirmed']} are given and {taken[code]['voided']} held "
        "back: others will be promised the rest."
        for code, units in promised.items()
        if taken[code]["confirmed"] + taken[code]["voided"] < units
    ]
    if not any(row["voided"] for row in rows):
        wrong.append("Nothing was promised after the backup, so there is nothing to prove.")
    return wrong
