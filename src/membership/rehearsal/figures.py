"""What was found during one fault, and whether it is good enough."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain

from membership.rehearsal.haproxy import Seen
from membership.rehearsal.traffic import Carried
from membership.rehearsal.witness import Sent

_MOST_TOLD = 12


class Goal(Enum):
    """What clients may notice. NOTHING: no request fails, not even once on the wire. REFUSALS: some may be told, by a
    code, to send the same again."""

    NOTHING = "no request fails"
    REFUSALS = "only typed, retryable refusals"


@dataclass(frozen=True, slots=True)
class Struck:
    """When it was done, by `time.monotonic`, and what the fault itself has to say. `sorry`: a sentence for each thing
    that went otherwise than it should have, besides what clients saw."""

    began: float
    ended: float
    notes: Sequence[str] = ()
    sorry: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """`failed`: on the wire, each attempt counts. `given_up`: what a client gave up after all its attempts. `refusals`:
    what failed, by code. `retries`: of clients; `resent`: by the proxy. `wrong`: a sentence for each effect that is
    lost or doubled. `recovered_seconds`: from the beginning of the fault to the first answer after which nothing
    failed; 0 where none failed at all. `worst_ms`: of one request on the wire."""

    fault: str
    goal: Goal
    seconds: float
    sent: int
    failed: int
    untyped: int
    given_up: int
    refusals: Mapping[str, int]
    come_again: Mapping[str, int]
    retries: int
    resent: int
    sales: int
    members: int
    gifts: int
    scarce: int
    settled: int
    recovered_seconds: float
    worst_ms: float
    worst_operation: str
    wrong: Sequence[str] = ()
    notes: Sequence[str] = ()
    missed: Sequence[str] = field(default=())

    @property
    def is_good(self) -> bool:
        return not self.missed


def found(fault: str, goal: Goal, struck: Struck, carried: Carried, proxy: tuple[Seen, Seen]) -> Found:
    sent = carried.tally.sent
    failed = [entry for entry in sent if entry.failure is not None]
    untyped = [entry for entry in failed if not entry.is_retryable]
    given_up = sum(carried.book.given_up.values()) + sum(carried.claims.given_up.values())
    wrong = [*carried.proof.wrong, *carried.given.wrong]
    worst = max(sent, key=lambda entry: entry.seconds)
    before, after = proxy
    resent = after.resent - before.resent
    missed = list(_missed(goal, failed, untyped, given_up, resent))
    return Found(
        fault=fault,
        goal=goal,
        seconds=struck.ended - struck.began,
        sent=len(sent),
        failed=len(failed),
        untyped=len(untyped),
        given_up=given_up,
        refusals=dict(Counter(str(entry.failure) for entry in failed)),
        come_again=dict(carried.claims.come_again),
        retries=carried.retries,
        resent=resent,
        sales=carried.proof.receipts,
        members=carried.proof.members,
        gifts=carried.given.gifts,
        scarce=carried.given.scarce,
        settled=carried.proof.settled + carried.given.settled,
        recovered_seconds=_recovered(struck.began, sent, failed),
        worst_ms=1_000 * worst.seconds,
        worst_operation=worst.operation,
        wrong=wrong[:_MOST_TOLD],
        notes=struck.notes,
        missed=[*missed, *struck.sorry, *wrong[:_MOST_TOLD]],
    )


def _missed(goal: Goal, failed: Sequence[Sent], untyped: Sequence[Sent], given_up: int, resent: int) -> Sequence[str]:
    missed = []
    if goal is Goal.NOTHING and failed:
        missed.append(f"{len(failed)} requests failed, and none may: {_by_code(failed)}.")
    if goal is Goal.NOTHING and resent:
        missed.append(f"The proxy had to send {resent} requests again: a process closed on somebody who was sending.")
    if goal is Goal.REFUSALS and untyped:
        missed.append(f"{len(untyped)} requests failed without a code that says to come again: {_by_code(untyped)}.")
    if given_up:
        missed.append(f"Clients gave {given_up} requests up after all their attempts.")
    return missed


def _by_code(failed: Sequence[Sent]) -> str:
    counted = Counter(f"{entry.failure} ({entry.operation})" for entry in failed)
    return ", ".join(f"{count} × {what}" for what, count in counted.most_common(_MOST_TOLD))


def _recovered(struck_at: float, sent: Sequence[Sent], failed: Sequence[Sent]) -> float:
    if not failed:
        return 0.0
    last = max(entry.ended for entry in failed)
    good = (entry.ended for entry in sent if entry.failure is None and entry.began >= last)
    return min(chain(good, [max(entry.ended for entry in sent)])) - struck_at
