"""Of two people's days, when they turn out to be one person's: what is kept never overlaps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from membership.appointments.model import Appointment, AppointmentId, AppointmentState, Period
from membership.appointments.rules.merging import given_up
from membership.kernel.ids import derived_id
from unit.appointments.test_appointment_states import appointment

BEGUN = {AppointmentState.CHECKED_IN, AppointmentState.IN_SERVICE}
STRENGTH = {AppointmentState.HELD: 0, AppointmentState.PENDING: 1, AppointmentState.CONFIRMED: 2} | dict.fromkeys(
    BEGUN, 3
)
NOON = datetime(2026, 5, 20, 4, tzinfo=UTC)


@st.composite
def days(draw: st.DrawFn) -> list[Appointment]:
    """Of two people; of each by itself none overlap."""
    found: list[Appointment] = []
    for person in ("winner", "loser"):
        cuts = sorted(draw(st.sets(st.integers(0, 16), max_size=8)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False):
            state = draw(st.sampled_from(sorted(STRENGTH)))
            found.append(
                replace(
                    appointment(state),
                    appointment_id=AppointmentId(derived_id(person, start)),
                    period=Period(NOON + timedelta(minutes=15 * start), NOON + timedelta(minutes=15 * end)),
                    booked_at=NOON - timedelta(hours=draw(st.integers(1, 5))),
                )
            )
    return found


def overlap(one: Appointment, other: Appointment) -> bool:
    return one.period.start < other.period.end and other.period.start < one.period.end


@given(days())
def test_one_person_is_in_one_place(live: list[Appointment]) -> None:
    """A9, and nothing is given up for nothing."""
    result = given_up(live)
    gone = [*result.cancelled, *result.beside]
    kept = [entry for entry in live if entry not in gone]
    assert not any(overlap(one, other) for one in kept for other in kept if one is not other)
    for entry in gone:
        stronger = [other for other in kept if overlap(entry, other)]
        assert any(
            STRENGTH[other.state] > STRENGTH[entry.state]
            or (STRENGTH[other.state] == STRENGTH[entry.state] and other.booked_at <= entry.booked_at)
            for other in stronger
        )
    assert all(entry.state not in BEGUN for entry in result.cancelled)
    assert all(entry.state in BEGUN for entry in result.beside)
