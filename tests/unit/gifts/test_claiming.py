"""Who may claim when, judged without a query."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from membership.campaigns.content import (
    Calendar,
    CampaignDay,
    DaysAfter,
    GiftOffer,
    GiftPool,
    OnDate,
    Scope,
    SpendThreshold,
    TierPreview,
)
from membership.campaigns.model import CampaignState
from membership.gifts.errors import (
    GiftBlackout,
    GiftEnded,
    GiftNotDropped,
    GiftNotEligible,
    GiftNotStarted,
    GiftPaused,
)
from membership.gifts.rules.claiming import Offered, check_open, check_tier, offered, threshold_of
from unit.gifts.shops import gift, in_force, shop

SHOP = shop()
DAY = date(2026, 11, 12)
DROP = datetime(2026, 11, 12, 2, tzinfo=UTC)
CALENDAR = Calendar(year=2026, first_day=OnDate(date=DAY), last_day=DaysAfter(days=10))
MOMENT = timedelta(microseconds=1)


def entry(
    rule: GiftOffer | None = None,
    *,
    calendar: Calendar = CALENDAR,
    state: CampaignState = CampaignState.SCHEDULED,
    day: date = DAY,
) -> Offered:
    rule = rule or gift(drop_time=time(10))
    return offered(in_force(SHOP, calendar, rule), state, rule, rule.pools[0], store=SHOP, day=day)


def test_from_the_drop_to_the_end_of_the_day() -> None:
    with pytest.raises(GiftNotDropped) as early:
        check_open(entry(), DROP - MOMENT)
    assert early.value.drops_at == "2026-11-12T10:00+08:00"
    check_open(entry(), DROP)
    end = datetime(2026, 11, 12, 20, tzinfo=UTC)
    check_open(entry(), end - MOMENT)
    with pytest.raises(GiftEnded) as late:
        check_open(entry(), end)
    assert late.value.ended_at == "2026-11-13T04:00+08:00"


@pytest.mark.parametrize("state", CampaignState)
def test_only_a_campaign_in_force_gives_anything(state: CampaignState) -> None:
    if state is CampaignState.SCHEDULED:
        check_open(entry(state=state), DROP)
    elif state is CampaignState.PAUSED:
        with pytest.raises(GiftPaused):
            check_open(entry(state=state), DROP)
    else:
        with pytest.raises(GiftEnded):
            check_open(entry(state=state), DROP)


def test_blackout_and_days_of_the_rule() -> None:
    black = Calendar.model_validate({**CALENDAR.model_dump(), "blackout": (CampaignDay(day=2).model_dump(),)})
    with pytest.raises(GiftBlackout):
        check_open(entry(calendar=black, day=DAY + timedelta(days=1)), DROP + timedelta(days=1))
    first_only = gift(drop_time=time(10), days=(CampaignDay(day=1),))
    check_open(entry(first_only), DROP)
    with pytest.raises(GiftEnded):
        check_open(entry(first_only, day=DAY + timedelta(days=1)), DROP + timedelta(days=1))


def test_before_the_opening() -> None:
    later = Calendar.model_validate({**CALENDAR.model_dump(), "opens_at": time(11)})
    with pytest.raises(GiftNotStarted):
        check_open(entry(calendar=later), DROP)
    check_open(entry(calendar=later), DROP + timedelta(hours=1))


def test_a_preview_opens_earlier_for_its_tiers_but_not_before_the_drop() -> None:
    preview = Calendar.model_validate(
        {
            **CALENDAR.model_dump(),
            "opens_at": time(12),
            "previews": (TierPreview(tiers=("BLACK",), hours_before=3).model_dump(),),
        }
    )
    early = entry(calendar=preview)
    assert early.asks_tier
    with pytest.raises(GiftNotDropped):
        check_open(early, DROP - MOMENT)
    check_open(early, DROP)
    check_tier(early, "BLACK", DROP)
    with pytest.raises(GiftNotStarted) as refused:
        check_tier(early, "SILVER", DROP)
    assert refused.value.opens_at == "2026-11-12T12:00+08:00"
    check_tier(early, "SILVER", DROP + timedelta(hours=2))


@pytest.mark.parametrize(
    ("scope", "tiers", "for_whom"),
    [
        (Scope(), (), {"SILVER", "GOLD", "BLACK"}),
        (Scope(tiers=("GOLD", "BLACK")), (), {"GOLD", "BLACK"}),
        (Scope(excluded_tiers=("SILVER",)), (), {"GOLD", "BLACK"}),
        (Scope(), ("BLACK",), {"BLACK"}),
        (Scope(tiers=("GOLD", "BLACK")), ("SILVER", "GOLD"), {"GOLD"}),
        (Scope(tiers=("GOLD",), excluded_tiers=("GOLD",)), (), set()),
    ],
)
def test_tiers_of_the_rule_and_of_the_pool(scope: Scope, tiers: tuple[str, ...], for_whom: set[str]) -> None:
    pool = GiftPool(code="MAIN", desk="2F-ALVENNA", units_per_day=10, tiers=tiers)
    offer = entry(gift(scope=scope, pools=(pool,)))
    assert offer.asks_tier == (len(for_whom) < 3)
    for tier in ("SILVER", "GOLD", "BLACK"):
        if tier in for_whom:
            check_tier(offer, tier, DROP)
        else:
            with pytest.raises(GiftNotEligible) as refused:
                check_tier(offer, tier, DROP)
            assert (refused.value.condition, refused.value.tier) == ("TIER", tier)


def test_an_offer_without_a_group_is_one_of_its_own() -> None:
    assert threshold_of("ANNIVERSARY", gift()) is None
    threshold = SpendThreshold(minimum_spend_minor=1_000)
    own = threshold_of("ANNIVERSARY", gift(threshold=threshold))
    shared = threshold_of("ANNIVERSARY", gift(threshold=threshold, exclusive_group="GIFTS"))
    assert own is not None and own.group == "ANNIVERSARY/DAILY-GIFT"
    assert shared is not None and shared.group == "GIFTS"
