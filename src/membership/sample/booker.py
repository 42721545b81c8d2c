"""A member who books at a store: which days, what, with whom, and what becomes of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import accumulate
from random import Random

from membership.appointments.model import AppointmentState as State
from membership.appointments.model import Chosen, Period, Service, ServiceRules, VisitId
from membership.appointments.rules.states import LIVE
from membership.campaigns.model import CampaignId
from membership.kernel.actor import Role
from membership.members.model import MembershipKey
from membership.sample.appointment_records import add_appointment, add_visit
from membership.sample.copying import Batch
from membership.sample.diary import STEP, Diary
from membership.sample.files import HabitRow
from membership.sample.moments import MomentIds
from membership.sample.offered import Offered
from membership.sample.place import Place
from membership.sample.presents import SERVICES
from membership.sample.rota import Rota
from membership.sample.stories import Booking, Story, Who, given_up, tell, tell_moved

_STOPS = (1, 1, 1, 1, 2, 2, 3)
_TRIES = 6
_DAYS_AHEAD = 28
_WALK = timedelta(minutes=20)
"""As long as the longest way in any of the stores."""
_WALK_IN_PERCENT, _BY_TELEPHONE_PERCENT = 8, 15
"""In the second case the associate books what the member asks for, or member services a visit to several counters."""
_PRESENT = timedelta(minutes=10)
"""What was booked in the last minutes is shown on purpose only."""
_LEAD_HOURS = (1, 21 * 24, 40)
_ANNIVERSARY_PERCENT = 50
"""Of those who book ahead, when an anniversary is near."""


_MEMBER_SERVICES = Who(SERVICES.role, SERVICES.subject)


class StoreBook:
    """A store with what it offers, shared by all who book there."""

    def __init__(
        self, place: Place, offered: Offered, *, event_days: Sequence[date], campaigns: Mapping[date, CampaignId]
    ) -> None:
        """`event_days`: of the coming weeks, on which many want to come. `campaigns`: by the days of the past."""
        self.place = place
        self.rota = Rota(place)
        self.diary = Diary(place.store, offered, self.rota)
        self.event_days = event_days
        self.campaigns = campaigns
        self._services = offered.services
        self._weights = list(accumulate(offered.weights))
        self._staff = {resource.resource_id: resource.code for resource in offered.associates()}
        self._first_of = {resource.counter_id: resource.code for resource in reversed([*offered.associates()])}

    def pick_service(self, rng: Random) -> Service:
        return rng.choices(self._services, cum_weights=self._weights)[0]

    def associate(self, chosen: Chosen) -> Who:
        """Who serves; where nobody in particular does, whoever is first at the counter."""
        for resource in chosen.resources.values():
            if resource in self._staff:
                return Who(Role.ASSOCIATE, self._staff[resource])
        return Who(Role.ASSOCIATE, self._first_of[chosen.service.counter_id])


@dataclass(frozen=True, slots=True)
class Life:
    """One membership as far as bookings go. `elsewhere`: where the member is, in all programmes; it grows (A9)."""

    membership: MembershipKey
    since: datetime
    elsewhere: list[Period]


class Booker:
    """One member at one store. `now`: where the sample ends."""

    def __init__(self, book: StoreBook, life: Life, rng: Random, now: datetime) -> None:
        self._book = book
        self._life = life
        self._rng = rng
        self._now = now
        self._ids = MomentIds(rng)

    def live(self, batch: Batch, habit: HabitRow) -> None:
        """A year of visits, and perhaps one ahead."""
        for day in sorted(self._days(habit)):
            if self._rng.randrange(100) < _WALK_IN_PERCENT:
                self._walk_in(batch, day)
            else:
                self._visit(batch, day, stops=self._rng.choice(_STOPS))

    def _visit(self, batch: Batch, day: date, *, stops: int) -> None:
        """All stops are booked together; those that cannot be had are left out."""
        booked_at: datetime | None = None
        visit_id: VisitId | None = None
        by_telephone = self._rng.randrange(100) < _BY_TELEPHONE_PERCENT
        for _ in range(stops):
            found = self._find(day, booked_at)
            if found is None:
                break
            chosen, at = found
            is_first, booked_at = booked_at is None, at
            if is_first and stops > 1:
                visit_id = VisitId(self._ids.at(at)())
            booking = self._booking(chosen, at, visit_id=visit_id)
            if by_telephone:
                booking = replace(booking, booker=booking.associate if visit_id is None else _MEMBER_SERVICES)
            if is_first and visit_id is not None:
                add_visit(batch, booking, self._book.campaigns.get(day))
            self._tell(batch, booking, day)

    def _walk_in(self, batch: Batch, day: date) -> None:
        """The associate books for the member who stands there. Only what is past: nobody knows of those to come."""
        for _ in range(_TRIES):
            service = self._book.pick_service(self._rng)
            start = self._start(service, day)
            if start is None or start > self._now - _PRESENT or service.rules.answer_minutes is not None:
                continue
            start += STEP * self._rng.randrange(3)
            given = self._book.diary.given(service, day)
            if given is None or start + service.rules.duration > given.end:
                continue
            chosen = self.take(service, day, start)
            if chosen is not None:
                booking = self._booking(chosen, start, ends_as=State.COMPLETED)
                self._tell(batch, replace(booking, booker=booking.associate, is_walk_in=True), day)
                return

    def take(self, service: Service, day: date, start: datetime) -> Chosen | None:
        """None: nobody is free then, or the member is elsewhere."""
        return self._book.diary.take(self._rng, service, day, start, self._life.elsewhere)

    def tell(self, batch: Batch, chosen: Chosen, day: date, booked_at: datetime, *, ends_as: State) -> None:
        """What the sample shows on purpose, into the batch."""
        self._tell(batch, self._booking(chosen, booked_at, ends_as=ends_as), day)

    def _booking(
        self, chosen: Chosen, booked_at: datetime, *, visit_id: VisitId | None = None, ends_as: State | None = None
    ) -> Booking:
        """By the member."""
        member, associate = Who(Role.MEMBER, str(self._life.membership.member_id)), self._book.associate(chosen)
        return Booking(
            chosen=chosen,
            membership=self._life.membership,
            visit_id=visit_id,
            booked_at=booked_at,
            booker=member,
            member=member,
            associate=associate,
            ends_as=ends_as,
        )

    def _tell(self, batch: Batch, booking: Booking, day: date) -> None:
        story = tell(self._rng, booking, self._ids.at(booking.booked_at)(), self._now)
        if story.moves_at is not None:
            self._move(batch, booking, story, day, story.moves_at)
        else:
            self._add(batch, booking, story, day)

    def _add(self, batch: Batch, booking: Booking, story: Story, day: date) -> None:
        add_appointment(batch, booking, story)
        period = booking.chosen.period
        if story.appointment.state in LIVE or period.start <= self._now:
            self._life.elsewhere.append(Period(period.start - _WALK, period.end + _WALK))
        else:
            self._book.diary.give_back(booking.chosen, day)

    def _move(self, batch: Batch, booking: Booking, story: Story, day: date, at: datetime) -> None:
        """To some other time of this day or one of the next; a stop of a visit to another time of its day."""
        service = booking.chosen.service
        for _ in range(_TRIES):
            other_day = day + timedelta(days=0 if booking.visit_id else self._rng.randrange(6))
            start = self._start(service, other_day)
            if start is None or not _may_book(service.rules, start, at):
                continue
            chosen = self.take(service, other_day, start)
            if chosen is not None:
                moved = replace(booking, chosen=chosen, booked_at=at, associate=self._book.associate(chosen))
                self._add(batch, booking, story, day)
                again = tell_moved(self._rng, moved, self._ids.at(at)(), story.appointment, self._now)
                self._add(batch, moved, again, other_day)
                return
        self._add(batch, booking, given_up(story), day)

    def _days(self, habit: HabitRow) -> Iterator[date]:
        rng, season = self._rng, self._book.place.season
        since = self._life.since.astimezone(self._book.place.store.zone).date()
        fewest, most = habit.booked
        for _ in range(round(rng.randrange(fewest, most + 1) * season.share_since(since))):
            day = season.pick_day(rng, since)
            if day is not None:
                yield day
        if rng.randrange(100) < habit.books_ahead_percent:
            yield self._day_ahead()

    def _day_ahead(self) -> date:
        if self._book.event_days and self._rng.randrange(100) < _ANNIVERSARY_PERCENT:
            return self._rng.choice(self._book.event_days)
        today = self._now.astimezone(self._book.place.store.zone).date()
        return today + timedelta(days=int(self._rng.triangular(0, _DAYS_AHEAD, 2)))

    def _find(self, day: date, booked_at: datetime | None) -> tuple[Chosen, datetime] | None:
        """`booked_at`: with the stops before it."""
        for _ in range(_TRIES):
            service = self._book.pick_service(self._rng)
            start = self._start(service, day)
            if start is None:
                continue
            at = self._booking_moment(service.rules, start) if booked_at is None else booked_at
            if at is None or not _may_book(service.rules, start, at):
                continue
            chosen = self.take(service, day, start)
            if chosen is not None:
                return chosen, at
        return None

    def _start(self, service: Service, day: date) -> datetime | None:
        """Most often in the later afternoon."""
        starts = self._book.diary.starts(service, day)
        if starts is None:
            return None
        return starts[min(starts.number - 1, int(self._rng.triangular(0, starts.number, starts.number * 0.6)))]

    def _booking_moment(self, rules: ServiceRules, start: datetime) -> datetime | None:
        """None: there was no time left to book."""
        latest = min(start - timedelta(minutes=rules.notice_minutes), self._now - _PRESENT)
        earliest = max(start - timedelta(days=rules.horizon_days), self._life.since)
        if latest <= earliest:
            return None
        lead = timedelta(minutes=int(60 * self._rng.triangular(*_LEAD_HOURS)))
        return max(earliest, latest - lead)


def _may_book(rules: ServiceRules, start: datetime, at: datetime) -> bool:
    notice, horizon = timedelta(minutes=rules.notice_minutes), timedelta(days=rules.horizon_days)
    return start - horizon <= at <= start - notice
