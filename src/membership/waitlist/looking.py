"""What is free of a service, and who of those who wait could have it: read without locks, decided again under them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from membership.appointments.listing import free_slots, read_diary
from membership.appointments.model import Period, Service, ServiceId, Slot, resource_of
from membership.appointments.rules.admitting import Admit
from membership.appointments.rules.slots import is_free
from membership.appointments.store import list_taken
from membership.postgres.transaction import Transaction
from membership.stores.model import Store
from membership.stores.rules import business_date
from membership.tiers.rules.qualification import ladder_at
from membership.waitlist import store
from membership.waitlist.context import WaitlistWorkings
from membership.waitlist.model import Candidate
from membership.waitlist.rules import fitting, offer_until, touches

PAGE = 50

FreeByDay = Mapping[date, Collection[Slot]]


def _nobody_is_too_early(*_: object) -> None:
    """Each of those who wait is asked about for themself."""


@dataclass(frozen=True, slots=True)
class Look:
    """`by_day`: the slots that could be offered now. `admits`: by level, since who may book from when is said by tier;
    remembered for this look only."""

    service: Service
    shop: Store
    by_day: FreeByDay
    admits: dict[int, Admit] = field(default_factory=dict)


async def look(
    tx: Transaction,
    workings: WaitlistWorkings,
    service_id: ServiceId,
    days: Collection[date],
    *,
    freed: Collection[Period] | None = None,
) -> Look:
    """`freed`: only what takes something of that time. Raises UnknownService."""
    directory = await workings.directories.directory(tx.now)
    diary = await read_diary(tx, directory, [service_id], days, admit=_nobody_is_too_early)
    service = diary.services[service_id]
    found = free_slots(diary, days, tx.now)[service_id]
    by_day = {
        day: [slot for slot in slots if is_on_offer(service, slot, tx.now, freed)] for day, slots in found.items()
    }
    return Look(service, diary.stores[service.store_id], {day: slots for day, slots in by_day.items() if slots})


def is_on_offer(service: Service, slot: Slot, now: datetime, freed: Collection[Period] | None) -> bool:
    rules = service.rules
    return offer_until(rules, slot.period.start, now) is not None and (freed is None or touches(rules, slot, freed))


async def whose_turn(
    tx: Transaction, workings: WaitlistWorkings, seen: Look, *, after: Candidate | None
) -> list[Candidate]:
    """The next who wait on these days, in their order; whether or not one of the slots is for them."""
    days, today = sorted(seen.by_day), business_date(seen.shop, tx.now)
    ladders = await workings.ladders.ladders(seen.service.programme_id, tx.now)
    return await store.list_candidates(
        tx.conn,
        seen.service.service_id,
        days,
        now=tx.now,
        ladder=ladder_at(ladders, today),
        today=today,
        after=after,
        limit=PAGE,
    )


async def could_have_it(
    tx: Transaction, workings: WaitlistWorkings, seen: Look, page: Sequence[Candidate]
) -> list[Candidate]:
    """Those who wish for one of the slots, may book it by now and are nowhere else: so that no lock is taken for the
    others. One statement, and one admission for each level."""
    wished = {
        candidate: slots
        for candidate in page
        if (slots := list(fitting(candidate.entry.wish, candidate.entry.associate_id, seen.shop, seen.by_day)))
    }
    if not wished:
        return []
    every = [slot.period for slots in wished.values() for slot in slots]
    window = Period(min(period.start for period in every), max(period.end for period in every))
    people = [resource_of(candidate.entry.membership.member_id) for candidate in wished]
    busy = (await list_taken(tx.conn, people, window, now=tx.now)).busy
    able: list[Candidate] = []
    for candidate, slots in wished.items():
        admit = await _admit(tx, workings, seen, candidate)
        own = busy.get(resource_of(candidate.entry.membership.member_id), ())
        for slot in slots:
            start = slot.period.start
            if is_free(own, slot.period) and admit(seen.service, seen.shop, start, tx.now) is None:
                able.append(candidate)
                break
    return able


async def _admit(tx: Transaction, workings: WaitlistWorkings, seen: Look, candidate: Candidate) -> Admit:
    if candidate.level not in seen.admits:
        membership = candidate.entry.membership
        seen.admits[candidate.level] = await workings.admission(tx, membership, [seen.shop.store_id])
    return seen.admits[candidate.level]
