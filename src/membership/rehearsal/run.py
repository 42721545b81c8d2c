"""One rehearsal, from empty folders to the table."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from membership.rehearsal.faults import Fault
from membership.rehearsal.figures import Found, Struck, found
from membership.rehearsal.looking import server_version
from membership.rehearsal.plan import Plan, RehearsalFailed
from membership.rehearsal.stage import Say, Stage
from membership.rehearsal.traffic import People, Traffic, people_of
from membership.rehearsal.watching import Watching

_RECOVERY_SECONDS = 60
_POLL_SECONDS = 0.05
_ANSWERS = 20
"""So many in a row, begun after the last failure, and it is over."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """`checks`: of commands that prove what lies in the database and in Redis, what they said. `missed`: what they did
    not like."""

    found: Sequence[Found]
    checks: Sequence[str]
    missed: Sequence[str]
    versions: dict[str, str]
    seconds: float

    @property
    def is_good(self) -> bool:
        return not self.missed and all(entry.is_good for entry in self.found)


def run_rehearsal(plan: Plan, faults: Sequence[Fault], watching: Watching) -> Rehearsed:
    """Raises RehearsalFailed, EmbeddedServerError. Call it from the main thread."""
    began = time.monotonic()
    with ExitStack() as up:
        with watching.step("Putting the topology up") as say:
            stage = up.enter_context(Stage(plan, [fault.name for fault in faults], say))
        if stage.crowd is None:
            raise RuntimeError("nobody moved in")
        people = people_of(stage.crowd, stage.keys, plan)
        every = [_rehearse(stage, people, fault, seed, watching) for seed, fault in enumerate(faults)]
        with watching.step("Proving") as say:
            checks, missed = _checked(stage, say)
        versions = {
            "PgBouncer": stage.bouncer.version,
            "HAProxy": stage.proxy.version,
            "PostgreSQL": asyncio.run(server_version(stage.dsn)),
        }
        return Rehearsed(every, checks, [*missed, *stage.dead()], versions, time.monotonic() - began)


def _rehearse(stage: Stage, people: People, fault: Fault, seed: int, watching: Watching) -> Found:
    drop, before = stage.drops[fault.name], stage.proxy.seen()
    with watching.step(fault.title) as say, Traffic(stage.url, people, drop, stage.plan, seed=seed) as traffic:
        watching.follow(traffic.tally)
        time.sleep(stage.plan.quiet_seconds)
        traffic.contest()
        struck = fault.strike(stage, drop, say)
        say("clients come back")
        _until_recovered(traffic, struck)
        time.sleep(stage.plan.quiet_seconds)
        say("everything is looked up")
        carried = traffic.end()
    return found(fault.title, fault.goal, struck, carried, (before, stage.proxy.seen()))


def _until_recovered(traffic: Traffic, struck: Struck) -> None:
    """Answers since the last failure, and since the fault was over."""
    deadline = time.monotonic() + _RECOVERY_SECONDS
    while True:
        last = max([struck.ended, *(sent.ended for sent in traffic.tally.failed())])
        if traffic.tally.answered_since(last) >= _ANSWERS or not traffic.is_under_way:
            return
        if time.monotonic() > deadline:
            raise RehearsalFailed(f"clients were not served again within {_RECOVERY_SECONDS} s")
        time.sleep(_POLL_SECONDS)


def _checked(stage: Stage, say: Say) -> tuple[list[str], list[str]]:
    """By the commands that an operator has."""
    checks, missed = [], []
    for arguments in (("inventory", "check", "--no-repair"), ("check",)):
        name = f"membership {' '.join(arguments)}"
        say(name)
        code, told = stage.command(*arguments)
        checks.append(f"{name}: {told.splitlines()[-1] if told else code}")
        if code != 0:
            missed.append(f"{name} ended with code {code}: {told[-1_000:]}")
    return checks, missed
