"""Laws that a slice's own rules prove: the fold of tiers, decisions of sales, stories of gifts and appointments."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

import asyncpg
from pydantic import TypeAdapter, ValidationError

from membership.accounts.keys_needed import VARIABLES, lacking, under_keys
from membership.appointments.rules.states import TRANSITIONS as APPOINTMENT_STEPS
from membership.campaigns.engine import decide_sale
from membership.campaigns.model import RevisionId, SaleDecision, SaleFacts
from membership.checks.knowledge import Knowledge
from membership.checks.model import Found, Stretch
from membership.checks.walking import SQL
from membership.gifts.rules.states import TRANSITIONS as GIFT_STEPS
from membership.postgres.connection import Conn
from membership.tiers.model import Hold, LadderRevision
from membership.tiers.records import days_of, records_of
from membership.tiers.rules.standing import Facts, settled, standing_on

_FACTS, _DECISION = TypeAdapter(SaleFacts), TypeAdapter(SaleDecision)
State = TypeVar("State", bound=StrEnum)


async def standings(conn: Conn, stretch: Stretch, knowledge: Knowledge) -> Sequence[Found]:
    """T1. The stored standing is what the fold makes of days, grants and reviews."""
    found = []
    for row in await SQL.list_facts_of_members.many(conn, stretch.after, stretch.until):
        try:
            apart = _apart(row, stretch, knowledge)
        except KeyError as unknown:
            apart = Found(f"member {row['member_id']}", f"records name tier {unknown}", "a tier of the ladder")
        if apart is not None:
            found.append(apart)
    return found


def _apart(row: asyncpg.Record, stretch: Stretch, knowledge: Knowledge) -> Found | None:
    """On one of the business days that the programme's stores are on: around a cut-over they are on two."""
    ladders: tuple[LadderRevision, ...] = knowledge.ladders.get(row["programme_id"]) or ()
    found = None
    for today in knowledge.business_dates(row["programme_id"], stretch.now) if ladders else ():
        records = records_of(row["records"], ladders, today)
        spent = days_of(row["dates"], row["tier_minor"], row["base_points"])
        due = standing_on(Facts(ladders, spent, records.grants, records.step_downs), today).hold
        stored = settled(records.standing, today).hold
        if (stored.tier, stored.since) == (due.tier, due.since):
            return None
        found = Found(f"member {row['member_id']}", _held(stored), _held(due))
    return found


def _held(hold: Hold) -> str:
    return f"{hold.tier} since {hold.since or 'ever'}"


async def step_downs(conn: Conn, stretch: Stretch, knowledge: Knowledge) -> Sequence[Found]:
    """T4. A review takes one step down, once."""
    found = []
    taken: set[tuple[object, ...]] = set()
    for row in await SQL.list_step_downs.many(conn, stretch.after, stretch.until):
        ladders = knowledge.ladders.get(row["programme_id"], ())
        once = (row["member_id"], row["programme_id"], row["due_on"])
        if not _is_one_step(ladders, row) or once in taken:
            stored = f"from {row['from_tier']} to {row['to_tier']} on {row['due_on']}"
            found.append(Found(f"member {row['member_id']}", stored, "one step"))
        taken.add(once)
    return found


def _is_one_step(ladders: Sequence[LadderRevision], row: asyncpg.Record) -> bool:
    """By the ladder of the review. One of a ladder that was published since the check began is left for the next."""
    levels = next((entry.levels for entry in ladders if entry.revision == row["ladder_revision"]), None)
    if levels is None:
        return True
    above, below = levels.get(row["from_tier"]), levels.get(row["to_tier"])
    return above is not None and below is not None and above - below == 1


async def decisions(conn: Conn, stretch: Stretch, knowledge: Knowledge) -> Sequence[Found]:
    """P5. Deciding a sale again from what was stored gives what was stored."""
    found = []
    for row in await SQL.list_decisions.many(conn, stretch.after, stretch.until):
        try:
            facts, stored = _FACTS.validate_json(row["inputs"]), _DECISION.validate_json(row["decision"])
        except ValidationError as error:
            found.append(
                Found(f"sale {row['sale_id']}", f"{error.error_count()} fields that cannot be read", "readable")
            )
            continue
        terms = await knowledge.terms(conn, row["programme_id"], facts.terms_revision)
        if terms is None:
            found.append(Found(f"sale {row['sale_id']}", f"terms {facts.terms_revision}", "a revision that there is"))
            continue
        try:
            again = decide_sale(facts, terms, await knowledge.revisions(conn, {*_named(facts)}))
        except KeyError as missing:
            found.append(Found(f"sale {row['sale_id']}", f"revision {missing}", "a revision that there is"))
            continue
        if again != stored:
            found.append(Found(f"sale {row['sale_id']}", _told(stored), _told(again)))
    return found


async def gift_stories(conn: Conn, stretch: Stretch, knowledge: Knowledge) -> Sequence[Found]:
    """A gift went through steps that there are, and is where the last one led."""
    del knowledge
    rows = await SQL.list_gift_stories.many(conn, stretch.after, stretch.until)
    # The log begins with the second step.
    return [
        _story(f"gift {row['gift_id']}", row)
        for row in rows
        if not _follows(row, GIFT_STEPS, ["CONFIRMED", *(row["after"] or ())], first=2)
    ]


async def appointment_stories(conn: Conn, stretch: Stretch, knowledge: Knowledge) -> Sequence[Found]:
    """An appointment went through steps that there are, and is where the last one led."""
    del knowledge
    rows = await SQL.list_appointment_stories.many(conn, stretch.after, stretch.until)
    return [
        _story(f"appointment {row['appointment_id']}", row)
        for row in rows
        if not _follows(row, APPOINTMENT_STEPS, row["after"] or (), first=1)
    ]


def _follows(
    row: asyncpg.Record, steps: Mapping[State, Collection[State]], states: Sequence[str], *, first: int
) -> bool:
    """Whether a story's log, whose steps count from `first`, is whole and leads where the row says."""
    allowed = {str(state): {str(to) for to in following} for state, following in steps.items()}
    before, after = list(row["before"] or ()), list(row["after"] or ())
    return (
        bool(states)
        and all(to in allowed.get(state, ()) for state, to in pairwise(states))
        and before == [*([None] if first == 1 else []), *states[:-1]]
        and list(row["steps"] or ()) == list(range(first, first + len(after)))
        and (row["state"], row["step"]) == (states[-1], len(states))
    )


async def keys(conn: Conn, stretch: Stretch, knowledge: Knowledge) -> Sequence[Found]:
    """Everything that was hashed or encrypted can be found and read with the keys that settings have."""
    if knowledge.keyring is None:
        return ()
    missing = lacking(await under_keys(conn, stretch.now), knowledge.keyring)
    return [
        Found(f"{VARIABLES[entry.purpose]}", f"no version {entry.version}", "stored rows need it") for entry in missing
    ]


def _story(subject: str, row: asyncpg.Record) -> Found:
    told = " → ".join(row["after"] or ()) or "nothing"
    return Found(subject, f"{row['state']} at step {row['step']}", f"{told}, by its log")


def _named(facts: SaleFacts) -> Iterable[RevisionId]:
    yield from facts.issuing
    if facts.member is not None:
        yield from (coupon.revision_id for coupon in facts.member.coupons)


def _told(decision: SaleDecision) -> str:
    points = sum(award.points for award in decision.awards)
    return f"{points} points, {decision.discount_minor} off, {len(decision.reasons)} reasons"
