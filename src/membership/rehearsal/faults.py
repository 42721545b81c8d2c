"""What is done to the topology while clients are served."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from membership.rehearsal.figures import Goal, Struck
from membership.rehearsal.looking import decided_by_postgres
from membership.rehearsal.next_version import next_version
from membership.rehearsal.stage import Say, Stage, is_ready, readiness
from membership.rehearsal.world import Drop

_TOO_NEW = "SCHEMA_TOO_NEW"
_REFUSAL_SECONDS = 120
Strike = Callable[[Stage, Drop, Say], Struck]


@dataclass(frozen=True, slots=True)
class Fault:
    """`name`: as it is asked for."""

    name: str
    title: str
    goal: Goal
    strike: Strike


def rolling_restart(stage: Stage, _: Drop, say: Say) -> Struck:
    """All API processes and workers, one by one."""
    began = time.monotonic()
    sorry = stage.roll(stage.code, say)
    return Struck(began, time.monotonic(), sorry=sorry)


def rolling_migration(stage: Stage, _: Drop, say: Say) -> Struck:
    """`pre` steps, then old and new code side by side, then `post` steps, after which old code is refused."""
    old, new = stage.code, next_version(stage.plan.folder / "next")
    with stage.aside(old) as left_behind:
        left_behind.until(lambda: is_ready(left_behind.port), "it was ready")
        began = time.monotonic()
        say("migrate --phase pre")
        sorry = [*_migrated(stage.command("migrate", "--phase", "pre", code=new), "pre")]
        sorry += stage.roll(new, say)
        say("migrate --phase post")
        sorry += _migrated(stage.command("migrate", "--phase", "post", code=new), "post")
        ended = time.monotonic()
        say("old code is still there")
        told = readiness(left_behind.port)[1]
    if _TOO_NEW not in told:
        sorry.append(f"Old code that was left behind should find the schema too new; it says: {told}")
    with stage.aside(old) as late:
        code = late.ended(_REFUSAL_SECONDS)
    if code == 0:
        sorry.append("Old code that starts after the post step should end with a code other than 0.")
    notes = [f"Old code afterwards: /readyz of a process that was left says {_TOO_NEW}; {late.last_line()}"]
    return Struck(began, ended, notes, sorry)


def _migrated(done: tuple[int, str], phase: str) -> Sequence[str]:
    code, told = done
    return [] if code == 0 and "applied" in told else [f"The {phase} step ended with code {code}: {told[-1_000:]}"]


def api_lost(stage: Stage, _: Drop, say: Say) -> Struck:
    """SIGKILL in the middle of what it is at; another one comes after a while."""
    victim = stage.apis[0]
    began = time.monotonic()
    stage.lose(victim)
    say(f"{victim.name} is dead")
    time.sleep(stage.plan.away_seconds)
    stage.replace_api(victim, stage.start_api(stage.code))
    return Struck(began, time.monotonic())


def valkey_lost(stage: Stage, drop: Drop, say: Say) -> Struck:
    """SIGKILL of the node that has the drop; it comes back empty."""
    node = stage.valkey.owner(drop.plenty_key)
    began = time.monotonic()
    stage.valkey.kill(node)
    say(f"Valkey node {node + 1} is dead")
    time.sleep(stage.plan.away_seconds)
    stage.valkey.nodes[node].start()
    came_back = time.monotonic()
    say(f"Valkey node {node + 1} is back, and empty")
    decided = asyncio.run(decided_by_postgres(stage.dsn))
    stage.until(lambda: asyncio.run(decided_by_postgres(stage.dsn)) == 0, "Redis decides again")
    ended = time.monotonic()
    notes = [
        f"PostgreSQL decided about {decided} pools; Redis again {ended - came_back:.1f} s after the node was back."
    ]
    sorry = [] if decided else ["No pool was left to PostgreSQL, so the node was not missed."]
    return Struck(began, ended, notes, sorry)


def postgres_restarted(stage: Stage, _: Drop, say: Say) -> Struck:
    """A fast shutdown: transactions roll back."""
    began = time.monotonic()
    stage.postgres.stop()
    say("PostgreSQL is down")
    stage.postgres.start()
    return Struck(began, time.monotonic(), [f"PostgreSQL was away for {time.monotonic() - began:.1f} s."])


def postgres_killed(stage: Stage, _: Drop, say: Say) -> Struck:
    """SIGKILL of the postmaster: what was committed is found in its log."""
    began = time.monotonic()
    stage.kill_postgres()
    say("PostgreSQL is dead")
    stage.postgres.start()
    return Struck(began, time.monotonic(), [f"PostgreSQL was away for {time.monotonic() - began:.1f} s."])


FAULTS = (
    Fault("restart", "rolling restart", Goal.NOTHING, rolling_restart),
    Fault("migration", "rolling migration", Goal.NOTHING, rolling_migration),
    Fault("api", "loss of one API process", Goal.REFUSALS, api_lost),
    Fault("valkey", "loss of one Valkey node", Goal.REFUSALS, valkey_lost),
    Fault("postgres", "PostgreSQL restart", Goal.REFUSALS, postgres_restarted),
    Fault("crash", "PostgreSQL killed", Goal.REFUSALS, postgres_killed),
)
