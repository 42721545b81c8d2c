"""The diary of the sample agrees with the rules of the service: what it gives is what listing would show."""

from datetime import date, datetime, timedelta
from random import Random

import pytest

from membership.appointments.model import Period, ResourceId, Service, Taken
from membership.appointments.rules.hours import given_on, starts
from membership.appointments.rules.slots import occupied_by, slots
from membership.sample.diary import Diary
from membership.sample.files import PROGRAMMES
from membership.sample.offered import Offered, offered
from membership.sample.place import Place
from membership.sample.rota import Rota
from sample_generation import place

# The anniversary opens until half past midnight; on the last of them London sets its clocks back.
DAYS = date(2026, 11, 12), date(2026, 6, 3), date(2026, 10, 25)


def shifts_of(its: Offered, rota: Rota, day: date) -> dict[ResourceId, list[Period]]:
    found = {entry.resource_id: rota.shift(its.ranks[entry.resource_id], day) for entry in its.associates()}
    return {resource: [shift] for resource, shift in found.items() if shift is not None}


def listed(there: Place, service: Service, day: date, taken: Taken) -> list[datetime]:
    noon_before = datetime.combine(day, datetime.min.time(), there.store.zone) - timedelta(days=9)
    return [slot.period.start for slot in slots(service, there.store, day, taken, now=noon_before)]


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("code", [name.upper() for name in PROGRAMMES])
def test_it_gives_exactly_what_is_listed(code: str, day: date) -> None:
    """A1, A2, A3, A6: a whole day of one counter after another, filled at random."""
    there, its, rng = place(code), offered(code), Random(code)
    rota = Rota(there)
    diary = Diary(there.store, its, rota)
    busy: dict[ResourceId, list[Period]] = {}
    given = 0
    for service in rng.sample(its.services, 12):
        found = diary.starts(service, day)
        opening = given_on(service.rules, there.store, day)
        assert (found is None) == (opening is None)
        if found is None or opening is None:
            continue
        assert [found[turn] for turn in range(found.number)] == list(starts(service.rules, opening))
        for turn in rng.choices(range(found.number), k=12):
            taken = Taken({key: sorted(entries) for key, entries in busy.items()}, shifts_of(its, rota, day))
            chosen = diary.take(rng, service, day, found[turn])
            assert (chosen is not None) == (found[turn] in listed(there, service, day, taken))
            if chosen is not None:
                given += 1
                for resource in chosen.resources.values():
                    busy.setdefault(resource, []).append(occupied_by(service.rules, chosen.period))
    assert given > 20


def test_what_is_given_back_can_be_taken_again() -> None:
    there, its, rng, day = place("CHAOYANG"), offered("CHAOYANG"), Random(1), DAYS[0]
    diary = Diary(there.store, its, Rota(there))
    service = its.service(there.store.code, "1F-HAUTERAC", "PRIVATE_VIEWING")
    found = diary.starts(service, day)
    assert found is not None
    start = found[found.number // 2]
    taken = []
    while chosen := diary.take(rng, service, day, start):
        taken.append(chosen)
    assert len(taken) == 2, "as many as there are rooms"
    diary.give_back(taken[0], day)
    assert diary.take(rng, service, day, start) is not None
    assert diary.take(rng, service, day, start) is None


def test_a_member_who_is_elsewhere_takes_nothing() -> None:
    """A9."""
    there, its, day = place("CHAOYANG"), offered("CHAOYANG"), DAYS[0]
    diary = Diary(there.store, its, Rota(there))
    service = its.service(there.store.code, "2F-ALVENNA", "STYLING")
    found = diary.starts(service, day)
    assert found is not None
    start = found[4]
    elsewhere = [Period(start + timedelta(minutes=59), start + timedelta(hours=2))]
    assert diary.take(Random(1), service, day, start, elsewhere) is None
    elsewhere = [Period(start + timedelta(minutes=60), start + timedelta(hours=2))]
    assert diary.take(Random(1), service, day, start, elsewhere) is not None
