"""A member's days as running sums, so that any window is two look-ups away."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import assert_never

from membership.receipts.model import DaySpend
from membership.tiers.model import CalendarYear, Criterion, Metric, Quarter, RollingDays, SameDay, Window
from membership.tiers.rules.periods import window_ends, window_starts


class Tally:
    """Sums over days, earliest first, each date once. `days` may hold days without spend: they are no visits."""

    def __init__(self, days: Sequence[DaySpend]) -> None:
        self.dates = [day.business_date for day in days]
        self._spend = [day.tier_minor for day in days]
        self._points = [day.base_points for day in days]
        self._visits = [1 if spend else 0 for spend in self._spend]
        self._visits_until = [0, *accumulate(self._visits)]
        self._spend_until = [0, *accumulate(self._spend)]
        self._points_until: list[int] | None = None
        self._periods: dict[str, list[tuple[int, int]]] = {}
        self._windows: dict[tuple[Metric, int], list[int]] = {}

    def may_meet(self, criterion: Criterion) -> bool:
        """Most criteria of most members are out of reach at a glance."""
        return (
            self._until(criterion.metric)[-1] >= criterion.threshold
            and self._visits_until[-1] >= criterion.minimum_visit_days
        )

    def days_met(self, criterion: Criterion, *, first_of_period_only: bool) -> list[date]:
        """The days on which the criterion is met: those that add to it while its window holds enough."""
        window = criterion.window
        match window:
            case SameDay():
                places = self._met_within_a_day(criterion)
            case RollingDays():
                places = self._met_rolling(criterion, window.days)
            case Quarter() | CalendarYear():
                places = self._met_in_periods(
                    criterion, self._periods_of(window), first_of_period_only=first_of_period_only
                )
            case _:
                assert_never(window)
        return [self.dates[place] for place in places]

    def sums(self, window: Window, day: date) -> tuple[int, int, int]:
        """(net spend, base points, visits) of the window that `day` is judged in, up to that day."""
        low = bisect_left(self.dates, window_starts(window, day))
        high = bisect_left(self.dates, day + timedelta(days=1))
        points_until = self._until(Metric.BASE_POINTS)
        return (
            self._spend_until[high] - self._spend_until[low],
            points_until[high] - points_until[low],
            self._visits_until[high] - self._visits_until[low],
        )

    def visited_on(self, day: date) -> bool:
        place = bisect_left(self.dates, day)
        return place < len(self.dates) and self.dates[place] == day and self._visits[place] > 0

    def spend_between(self, starts_on: date, ends_on: date) -> int:
        """Net spend from `starts_on` until before `ends_on`."""
        low, high = bisect_left(self.dates, starts_on), bisect_left(self.dates, ends_on)
        return self._spend_until[high] - self._spend_until[low]

    def _until(self, metric: Metric) -> list[int]:
        match metric:
            case Metric.NET_SPEND:
                return self._spend_until
            case Metric.PURCHASE_DAYS:
                return self._visits_until
            case Metric.BASE_POINTS:
                if self._points_until is None:
                    self._points_until = [0, *accumulate(self._points)]
                return self._points_until
            case _:
                assert_never(metric)

    def _adds(self, criterion: Criterion, place: int) -> bool:
        """Criteria on points read spend only as visits, and only if they ask for visits (law T3)."""
        match criterion.metric:
            case Metric.NET_SPEND | Metric.PURCHASE_DAYS:
                return self._visits[place] > 0
            case Metric.BASE_POINTS:
                return self._points[place] > 0 or (criterion.minimum_visit_days > 0 and self._visits[place] > 0)
            case _:
                assert_never(criterion.metric)

    def _met_within_a_day(self, criterion: Criterion) -> list[int]:
        if criterion.minimum_visit_days > 1:
            return []
        until, threshold = self._until(criterion.metric), criterion.threshold
        places = [place for place in range(len(self.dates)) if until[place + 1] - until[place] >= threshold]
        return [place for place in places if self._visits[place] >= criterion.minimum_visit_days]

    def _met_rolling(self, criterion: Criterion, length_days: int) -> list[int]:
        threshold, enough_visits = criterion.threshold, criterion.minimum_visit_days
        amounts = self._rolling(criterion.metric, length_days)
        met = [place for place, amount in enumerate(amounts) if amount >= threshold and self._adds(criterion, place)]
        if not enough_visits:
            return met
        visits = self._rolling(Metric.PURCHASE_DAYS, length_days)
        return [place for place in met if visits[place] >= enough_visits]

    def _rolling(self, metric: Metric, length_days: int) -> list[int]:
        """At each day, what the days of its rolling window amount to."""
        if (known := self._windows.get((metric, length_days))) is not None:
            return known
        until, dates, reach = self._until(metric), self.dates, timedelta(days=length_days - 1)
        amounts: list[int] = []
        oldest = 0
        for place, day in enumerate(dates):
            first = day - reach
            while dates[oldest] < first:
                oldest += 1
            amounts.append(until[place + 1] - until[oldest])
        self._windows[metric, length_days] = amounts
        return amounts

    def _met_in_periods(
        self, criterion: Criterion, periods: Sequence[tuple[int, int]], *, first_of_period_only: bool
    ) -> list[int]:
        until, visits_until = self._until(criterion.metric), self._visits_until
        met: list[int] = []
        for low, high in periods:
            if until[high] - until[low] < criterion.threshold:
                continue
            first = bisect_left(until, until[low] + criterion.threshold, low, high + 1) - 1
            if criterion.minimum_visit_days:
                if visits_until[high] - visits_until[low] < criterion.minimum_visit_days:
                    continue
                enough = visits_until[low] + criterion.minimum_visit_days
                first = max(first, bisect_left(visits_until, enough, low, high + 1) - 1)
            met.append(first)
            if not first_of_period_only:
                met.extend(place for place in range(first + 1, high) if self._adds(criterion, place))
        return met

    def _periods_of(self, window: Quarter | CalendarYear) -> list[tuple[int, int]]:
        """(place of the first day, place after the last day) of each quarter or year with days in it."""
        if (known := self._periods.get(window.kind)) is not None:
            return known
        periods: list[tuple[int, int]] = []
        low = 0
        while low < len(self.dates):
            high = bisect_left(self.dates, window_ends(window, self.dates[low]), low)
            periods.append((low, high))
            low = high
        self._periods[window.kind] = periods
        return periods
