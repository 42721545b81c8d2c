"""From when on campaign days can be booked, by tier: windows, their scopes, pauses, whoever stands at the counter."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.appointments.errors import TooEarlyToBook
from membership.appointments.model import ResourceKind, Service, ServiceId, ServiceRules
from membership.campaigns.content import (
    BookingOpening,
    BookingWindow,
    CampaignContent,
    CampaignDay,
    DailyWindow,
    Scope,
)
from membership.campaigns.errors import BookingNotForTier, BookingPaused, TooEarlyForTier
from membership.campaigns.model import CampaignId, CampaignRevision, CampaignState, RevisionId
from membership.campaigns.rules.booking import Caller, admitting, windows_of
from membership.campaigns.rules.calendar import resolve
from membership.kernel.errors import DomainError
from membership.kernel.ids import derived_id
from membership.sample.configuration import sample_configuration
from membership.stores.model import CounterId
from membership.stores.rules import business_date, local_instant
from membership.stores.service import Directory
from sample_store import sample_world
from support.campaign_desk import MALL, anniversary, november

DIRECTORY = Directory(sample_configuration())
SHOP = DIRECTORY.store(sample_world().chaoyang.store_id)
COUNTERS = sample_world().chaoyang.counters
LONG_AGO = datetime(2026, 6, 1, tzinfo=UTC)
TIERS = ("MEMBER", "GOLD", "PLATINUM", "BLACK")
BY_TIER = (
    BookingOpening(tiers=("BLACK",), days_before=21, at=time(10)),
    BookingOpening(tiers=("PLATINUM", "BLACK"), days_before=14, at=time(10)),
    BookingOpening(tiers=("GOLD",), days_before=1, at=time(2)),
)


def window(code: str = "VISITS", **others: object) -> BookingWindow:
    fields = {"code": code, "names": {"en": "Visits"}, "funding": MALL, "openings": BY_TIER, **others}
    return BookingWindow.model_validate(fields)


def service(counter: str = "2F-ALVENNA", *, horizon_days: int = 60) -> Service:
    return Service(
        service_id=ServiceId(derived_id("service", counter)),
        programme_id=SHOP.programme_id,
        store_id=SHOP.store_id,
        counter_id=CounterId(COUNTERS[counter]),
        code="FITTING",
        names={},
        rules=ServiceRules(duration_minutes=60, every_minutes=30, horizon_days=horizon_days),
        candidates={ResourceKind.ROOM: ()},
    )


def campaign(content: CampaignContent, code: str = "ANNIVERSARY") -> CampaignRevision:
    return CampaignRevision(
        revision_id=RevisionId(derived_id(code)),
        campaign_id=CampaignId(derived_id("campaign", code)),
        programme_id=SHOP.programme_id,
        code=code,
        number=1,
        content=content,
        calendars={SHOP.store_id: resolve(content, SHOP)},
        scheduled_at=LONG_AGO,
    )


def local(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return local_instant(SHOP.zone, date(2026, month, day), time(hour, minute))


def asked(
    rules: tuple[BookingWindow, ...],
    starts_at: datetime,
    now: datetime,
    *,
    tier: str | None = "PLATINUM",
    caller: Caller = Caller.MEMBER,
    state: CampaignState = CampaignState.SCHEDULED,
    what: Service | None = None,
    content: CampaignContent | None = None,
) -> DomainError | None:
    revision = campaign(content or anniversary(rules))
    windows = {SHOP.store_id: list(windows_of(revision, state, SHOP))}
    return admitting(windows, DIRECTORY, tier, caller=caller)(what or service(), SHOP, starts_at, now)


OPENING_DAY = local(11, 12, 14)
"""The first of eleven days; three weeks before it is 22 October, two 29 October."""


@pytest.mark.parametrize(
    ("tier", "opens", "others"),
    [
        ("BLACK", local(10, 22, 10), False),
        ("PLATINUM", local(10, 29, 10), True),
        # 02:00 of the business day before the first one: past midnight, the clock says the 12th.
        ("GOLD", local(11, 12, 2), True),
    ],
)
def test_each_tier_from_its_earliest_opening_on(tier: str, opens: datetime, others: bool) -> None:
    refused = asked((window(),), OPENING_DAY, opens - timedelta(seconds=1), tier=tier)
    assert isinstance(refused, TooEarlyForTier)
    assert (refused.tier, refused.opens_at) == (tier, opens.astimezone(SHOP.zone).isoformat(timespec="minutes"))
    assert refused.open_to_others is others
    assert asked((window(),), OPENING_DAY, opens, tier=tier) is None


def test_a_tier_without_an_opening_never() -> None:
    assert asked((window(),), OPENING_DAY, OPENING_DAY - timedelta(hours=3), tier="MEMBER") == refusal_like(
        BookingNotForTier("FITTING", "MEMBER")
    )


def test_a_window_opens_before_the_horizon_or_after_it() -> None:
    early, late = local(10, 22, 10), local(10, 28, 10)
    assert asked((window(),), OPENING_DAY, early, tier="BLACK", what=service(horizon_days=1)) is None
    assert isinstance(asked((window(),), OPENING_DAY, late, what=service(horizon_days=366)), TooEarlyForTier)


def refusal_like(expected: DomainError) -> object:
    class Like:
        def __eq__(self, other: object) -> bool:
            return (
                type(other) is type(expected) and isinstance(other, DomainError) and other.facts() == expected.facts()
            )

        __hash__ = object.__hash__

    return Like()


@pytest.mark.parametrize(
    ("starts_at", "held"),
    [
        (local(11, 11, 20), False),  # the day before
        (local(11, 12, 3), False),  # at the cut-over of 04:00 the first day begins
        (local(11, 12, 4), True),
        (local(11, 22, 21), True),
        (local(11, 23, 3), True),  # past midnight of the last day
        (local(11, 23, 4), False),
    ],
)
def test_the_days_are_business_days(starts_at: datetime, held: bool) -> None:
    refused = asked((window(),), starts_at, local(10, 1, 12))
    assert isinstance(refused, TooEarlyForTier) is held
    assert held or refused is None


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        (Scope(brands=("ALVENNA",)), True),
        (Scope(brands=("LISABEAU",)), False),
        (Scope(excluded_brands=("ALVENNA",)), False),
        (Scope(floors=("2F",)), True),
        (Scope(floors=("1F",)), False),
        (Scope(excluded_floors=("2F",)), False),
        (Scope(counters=("2F-ALVENNA",)), True),
        (Scope(excluded_counters=("2F-ALVENNA",)), False),
        (Scope(stores=("CHAOYANG-GALLERIA",)), True),
        (Scope(stores=("BROMPTON-HALL",)), False),
        (Scope(categories=("BEAUTY",)), True),  # a service is no goods
    ],
)
def test_the_scope_says_at_which_counters(scope: Scope, held: bool) -> None:
    rule, now = window(scope=scope), OPENING_DAY - timedelta(days=30)
    assert isinstance(asked((rule,), OPENING_DAY, now, what=service(horizon_days=40)), TooEarlyForTier) is held
    beyond = asked((rule,), OPENING_DAY, now, what=service(horizon_days=1))
    assert isinstance(beyond, TooEarlyForTier if held else TooEarlyToBook)


def test_the_tiers_of_a_scope_are_those_with_an_opening() -> None:
    rule = window(scope=Scope(excluded_tiers=("PLATINUM",)))
    assert isinstance(asked((rule,), OPENING_DAY, local(11, 11, 10)), BookingNotForTier)
    assert asked((rule,), OPENING_DAY, local(11, 11, 10), tier="BLACK") is None


def test_of_two_windows_the_earlier_opening_counts() -> None:
    everybody = window("LATER", openings=(BookingOpening(days_before=7, at=time(12)),))
    both = (window(), everybody)
    assert asked(both, OPENING_DAY, local(11, 5, 12), tier="MEMBER") is None
    assert isinstance(asked(both, OPENING_DAY, local(11, 5, 11, 59), tier="MEMBER"), TooEarlyForTier)
    assert asked(both, OPENING_DAY, local(10, 29, 10)) is None


def test_a_window_holds_on_its_days_and_in_its_hours() -> None:
    evenings = DailyWindow(starts_at=time(18), ends_at=time(22))
    first_evening = window(days=(CampaignDay(day=1),), daily_window=evenings)
    now = local(10, 20, 12)
    assert isinstance(asked((first_evening,), local(11, 12, 18), now), TooEarlyForTier)
    assert asked((first_evening,), local(11, 12, 17, 30), now) is None
    assert asked((first_evening,), local(11, 13, 18), now) is None


def test_nothing_holds_on_a_blackout_day() -> None:
    content = anniversary((window(),), calendar=november(blackout=(CampaignDay(day=1),)))
    now = local(10, 20, 12)
    assert asked((), OPENING_DAY, now, content=content) is None
    assert isinstance(asked((), OPENING_DAY + timedelta(days=1), now, content=content), TooEarlyForTier)


@pytest.mark.parametrize("caller", list(Caller))
def test_while_a_campaign_is_paused_nobody_books_its_days(caller: Caller) -> None:
    now = local(11, 11, 10)
    paused = asked((window(),), OPENING_DAY, now, tier="BLACK", caller=caller, state=CampaignState.PAUSED)
    assert paused == refusal_like(BookingPaused("FITTING", "ANNIVERSARY"))
    assert asked((window(),), local(11, 23, 14), now, caller=caller, state=CampaignState.PAUSED) is None


def test_one_paused_campaign_of_two_is_enough() -> None:
    two = [
        *windows_of(campaign(anniversary((window(),))), CampaignState.SCHEDULED, SHOP),
        *windows_of(campaign(anniversary((window(),)), "NIGHTS"), CampaignState.PAUSED, SHOP),
    ]
    admit = admitting({SHOP.store_id: two}, DIRECTORY, "BLACK", caller=Caller.MEMBER)
    assert isinstance(admit(service(), SHOP, OPENING_DAY, local(11, 11, 10)), BookingPaused)


def test_counters_keep_to_the_tier_and_serve_whoever_stands_there() -> None:
    rules, at_noon = (window(),), local(11, 12, 12)
    assert isinstance(asked(rules, OPENING_DAY, at_noon, tier="MEMBER", caller=Caller.COUNTER), BookingNotForTier)
    walk_in = {"tier": "MEMBER", "caller": Caller.COUNTER}
    assert asked(rules, local(11, 12, 13, 30), at_noon, **walk_in) is None  # type: ignore[arg-type]
    assert asked(rules, local(11, 12, 13, 30), at_noon, state=CampaignState.PAUSED, **walk_in) is None  # type: ignore[arg-type]
    assert isinstance(asked(rules, local(11, 12, 13, 30), at_noon, tier="MEMBER"), BookingNotForTier)


def test_member_services_make_exceptions() -> None:
    early = local(9, 1, 10)
    assert asked((window(),), OPENING_DAY, early, tier="MEMBER", caller=Caller.MEMBER_SERVICES) is None
    assert isinstance(asked((window(),), OPENING_DAY, early, tier="MEMBER", caller=Caller.COUNTER), BookingNotForTier)


def test_a_look_without_a_member_shows_what_is_open_to_somebody() -> None:
    assert asked((window(),), OPENING_DAY, local(10, 22, 10), tier=None) is None
    assert isinstance(asked((window(),), OPENING_DAY, local(10, 22, 9), tier=None), TooEarlyForTier)


_openings = st.lists(
    st.builds(
        BookingOpening,
        tiers=st.lists(st.sampled_from(TIERS), max_size=2, unique=True).map(tuple),
        days_before=st.integers(0, 40),
        at=st.sampled_from([time(0), time(3, 30), time(4), time(10), time(23, 59)]),
    ),
    min_size=1,
    max_size=3,
)
_scopes = st.sampled_from(
    [
        Scope(),
        Scope(brands=("LISABEAU",)),
        Scope(floors=("2F",)),
        Scope(tiers=("GOLD",)),
        Scope(excluded_tiers=("GOLD",)),
    ]
)


@given(
    st.lists(st.tuples(_openings, _scopes), max_size=3),
    st.sampled_from(TIERS),
    st.integers(-3 * 24, 14 * 24),
    st.integers(0, 45 * 24),
)
def test_whoever_may_book_has_an_opening_that_has_come(
    drawn: list[tuple[list[BookingOpening], Scope]], tier: str, hours_in: int, hours_before: int
) -> None:
    """Against a plain reading of the rules: days and instants by the clock on the wall, no windows made before."""
    starts_at = local(11, 12, 4) + timedelta(hours=hours_in)
    now = starts_at - timedelta(hours=hours_before)
    rules = tuple(window(f"W{n}", openings=tuple(entry), scope=scope) for n, (entry, scope) in enumerate(drawn))
    refused = asked(rules, starts_at, now, tier=tier, what=service(horizon_days=20))

    in_campaign = date(2026, 11, 12) <= business_date(SHOP, starts_at) <= date(2026, 11, 22)
    holding = [rule for rule in rules if in_campaign and rule.scope.brands == ()]
    if not holding:
        assert (refused is None) is (hours_before <= 20 * 24)
        return
    opened = [
        entry
        for rule in holding
        if (not rule.scope.tiers or tier in rule.scope.tiers) and tier not in rule.scope.excluded_tiers
        for entry in rule.openings
        if (not entry.tiers or tier in entry.tiers) and _instant(entry) <= now
    ]
    assert (refused is None) is bool(opened)


def _instant(opening: BookingOpening) -> datetime:
    past_midnight = timedelta(days=1) if opening.at < SHOP.cutover else timedelta()
    return local_instant(
        SHOP.zone, date(2026, 11, 12) - timedelta(days=opening.days_before) + past_midnight, opening.at
    )


def test_other_stores_go_by_their_own_horizon() -> None:
    windows = {SHOP.store_id: list(windows_of(campaign(anniversary((window(),))), CampaignState.SCHEDULED, SHOP))}
    elsewhere = replace(SHOP, store_id=sample_world().brompton.store_id)
    admit = admitting(windows, DIRECTORY, "MEMBER", caller=Caller.MEMBER)
    assert admit(service(), elsewhere, OPENING_DAY, local(10, 1, 12)) is None
