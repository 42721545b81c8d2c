"""What the types of a campaign cannot say, each with its refusal."""

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.campaigns.content import (
    AmountOff,
    BookingOpening,
    BookingWindow,
    CampaignContent,
    ClaimedInApp,
    Collection,
    DailyWindow,
    DaysAfter,
    Funding,
    GiftPool,
    OnDate,
    Scope,
    StackingGroup,
    StackingPolicy,
    TierPreview,
)
from membership.campaigns.errors import (
    DailyQuotaAboveQuota,
    DropTimeInDstGap,
    DuplicateCode,
    FaceAboveMinimumSpend,
    FundingNotWhole,
    OverlappingExclusiveGroups,
    ScopeHoldsNothing,
    UnknownCode,
    WindowCrossesCutover,
)
from membership.campaigns.files import export, read
from membership.campaigns.model import CampaignId, CampaignRevision, RevisionId
from membership.campaigns.rules.checking import Codebook, check, codebook_of, refuse_overlapping_groups
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.sample.campaign_files import CAMPAIGN_FILES, campaign_content, campaign_text
from membership.sample.configuration import sample_configuration
from membership.stores.service import Directory
from sample_store import sample_world
from support.campaign_desk import MALL, anniversary, brand_day, coupon, gift, november

WORLD = sample_world()
DIRECTORY = Directory(sample_configuration())
GALLERIA, BROMPTON = WORLD.chaoyang, WORLD.brompton


def codes_of(programme: str = "CHAOYANG") -> Codebook:
    shop = {entry.programme_code: entry for entry in (WORLD.chaoyang, WORLD.hangang, WORLD.brompton)}[programme]
    return codebook_of(DIRECTORY, shop.programme_id, (tier.code for tier in shop.ladder.ladder.tiers))


def booking(**others: object) -> BookingWindow:
    opening = BookingOpening(tiers=("BLACK",), days_before=21, at=time(10))
    given_fields = {"code": "VISITS", "names": {"en": "Visits"}, "funding": MALL, "openings": (opening,), **others}
    return BookingWindow.model_validate(given_fields)


FOUR_KINDS = anniversary([brand_day(), coupon(), gift(), booking()])


def test_an_anniversary_that_makes_sense_has_dates() -> None:
    resolved = check(FOUR_KINDS, codes_of())
    assert list(resolved) == [GALLERIA.store_id]
    assert resolved[GALLERIA.store_id].days_of("BRAND-DAY") == (date(2026, 11, 14), date(2026, 11, 21))


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (
            anniversary([brand_day(funding=Funding(mall_basis_points=4_000, brand_basis_points=5_999))]),
            FundingNotWhole("BRAND-DAY", 9_999),
        ),
        (
            anniversary([brand_day(funding=Funding(mall_basis_points=9_000, brand_basis_points=9_000))]),
            FundingNotWhole("BRAND-DAY", 18_000),
        ),
        (anniversary(stores=("BROMPTON-HALL",)), UnknownCode(None, "store", "BROMPTON-HALL")),
        (
            anniversary(calendar=november(previews=(TierPreview(tiers=("TITANIUM",), hours_before=1),))),
            UnknownCode(None, "tier", "TITANIUM"),
        ),
        (anniversary([coupon(scope=Scope(tiers=("TITANIUM",)))]), UnknownCode("COUPON-300", "tier", "TITANIUM")),
        (
            anniversary([coupon(scope=Scope(excluded_tiers=("TITANIUM",)))]),
            UnknownCode("COUPON-300", "tier", "TITANIUM"),
        ),
        (anniversary([coupon(scope=Scope(brands=("NOBODY",)))]), UnknownCode("COUPON-300", "brand", "NOBODY")),
        (anniversary([coupon(scope=Scope(floors=("99F",)))]), UnknownCode("COUPON-300", "floor", "99F")),
        (anniversary([coupon(scope=Scope(categories=("AIR",)))]), UnknownCode("COUPON-300", "category", "AIR")),
        (anniversary([coupon(scope=Scope(counters=("2F-X",)))]), UnknownCode("COUPON-300", "counter", "2F-X")),
        (
            anniversary([coupon(scope=Scope(stores=("BROMPTON-HALL",)))]),
            UnknownCode("COUPON-300", "store", "BROMPTON-HALL"),
        ),
        (
            anniversary([gift(pools=(GiftPool(code="A", desk="NOWHERE", units_per_day=1),))]),
            UnknownCode("DAILY-GIFT", "counter", "NOWHERE"),
        ),
        (
            anniversary([gift(pools=(GiftPool(code="A", desk="2F-ALVENNA", tiers=("X",), units_per_day=1),))]),
            UnknownCode("DAILY-GIFT", "tier", "X"),
        ),
        (
            anniversary([booking(openings=(BookingOpening(tiers=("X",), days_before=1, at=time(10)),))]),
            UnknownCode("VISITS", "tier", "X"),
        ),
        (anniversary([coupon(stacking_group="EXTRAS")]), UnknownCode("COUPON-300", "stacking group", "EXTRAS")),
        (anniversary([brand_day(), brand_day()]), DuplicateCode("rule", "BRAND-DAY")),
        (anniversary(stores=("CHAOYANG-GALLERIA",) * 2), DuplicateCode("store", "CHAOYANG-GALLERIA")),
        (
            anniversary([gift(pools=(GiftPool(code="A", desk="2F-ALVENNA", units_per_day=1),) * 2)]),
            DuplicateCode("pool of DAILY-GIFT", "A"),
        ),
        (
            anniversary().model_copy(
                update={"stacking_groups": (StackingGroup(code="G", policy=StackingPolicy.FIRST),) * 2}
            ),
            DuplicateCode("stacking group", "G"),
        ),
        (
            anniversary([brand_day(scope=Scope(floors=("1F", "2F"), excluded_floors=("2F", "1F")))]),
            ScopeHoldsNothing("BRAND-DAY", "floor"),
        ),
        (
            anniversary([coupon(face=AmountOff(amount_minor=3_000_01))]),
            FaceAboveMinimumSpend("COUPON-300", 3_000_01, 3_000_00),
        ),
        (anniversary([coupon(quota=10, quota_per_day=11)]), DailyQuotaAboveQuota("COUPON-300", 11, 10)),
        (
            anniversary([brand_day(daily_window=DailyWindow(starts_at=time(22), ends_at=time(5)))]),
            WindowCrossesCutover("BRAND-DAY", "CHAOYANG-GALLERIA", "22:00", "05:00", "04:00"),
        ),
        (
            anniversary(calendar=november(daily_window=DailyWindow(starts_at=time(3), ends_at=time(5)))),
            WindowCrossesCutover(None, "CHAOYANG-GALLERIA", "03:00", "05:00", "04:00"),
        ),
    ],
)
def test_what_makes_no_sense_is_refused(content: CampaignContent, refusal: DomainError) -> None:
    with pytest.raises(type(refusal)) as refused:
        check(content, codes_of())
    assert refused.value.facts() == refusal.facts()
    assert refused.value.message


def test_a_voucher_without_a_minimum_is_no_slip() -> None:
    assert check(anniversary([coupon(minimum_spend_minor=0)]), codes_of())


SKIPPED = time(1, 30)
IN_SPRING = november(year=2026, first_day=OnDate(date=date(2026, 3, 27)), last_day=DaysAfter(days=3))
"""Business day 28 March holds the night in which London's clocks skip 01:00 to 02:00."""


@pytest.mark.parametrize(
    "rule",
    [
        gift(days=(), pools=(GiftPool(code="A", desk="1-ALVENNA", units_per_day=1),), drop_time=SKIPPED),
        gift(
            days=(),
            pools=(GiftPool(code="A", desk="1-ALVENNA", units_per_day=1),),
            collection=Collection(days_after=1, until=SKIPPED),
        ),
        coupon(issue=ClaimedInApp(drop_time=SKIPPED)),
        brand_day(scope=Scope(), days=(), daily_window=DailyWindow(starts_at=SKIPPED, ends_at=time(3))),
        brand_day(scope=Scope(), days=(), daily_window=DailyWindow(starts_at=time(20), ends_at=SKIPPED)),
        booking(openings=(BookingOpening(days_before=0, at=SKIPPED), BookingOpening(days_before=1, at=time(9)))),
    ],
    ids=["drop", "collection", "claim", "hours-from", "hours-to", "booking"],
)
def test_every_time_of_a_rule_exists_on_its_days(rule: object) -> None:
    calendar = IN_SPRING
    if isinstance(rule, BookingWindow):
        calendar = november(year=2026, first_day=OnDate(date=date(2026, 3, 28)), last_day=DaysAfter(days=0))
    content = CampaignContent.model_validate(
        {"names": {"en": "Spring"}, "stores": (BROMPTON.code,), "calendar": calendar, "rules": (rule,)}
    )
    codes = codes_of("BROMPTON")
    assert "1-ALVENNA" in codes.counters[BROMPTON.code]
    with pytest.raises(DropTimeInDstGap) as refused:
        check(content, codes)
    assert (refused.value.rule, refused.value.date) == (content.rules[0].code, "2026-03-29")


# ---- exclusive groups


def in_force(content: CampaignContent, code: str = "OTHER") -> CampaignRevision:
    return CampaignRevision(
        revision_id=RevisionId(new_id()),
        campaign_id=CampaignId(new_id()),
        programme_id=GALLERIA.programme_id,
        code=code,
        number=1,
        content=content,
        calendars=check(content, codes_of()),
        scheduled_at=datetime(2026, 10, 1, tzinfo=UTC),
    )


def starting(day: date, days: int, group: str | None) -> CampaignContent:
    calendar = november(year=day.year, first_day=OnDate(date=day), last_day=DaysAfter(days=days - 1))
    return anniversary([coupon("THEIRS", exclusive_group=group)], calendar=calendar)


@given(offset=st.integers(-20, 20), days=st.integers(1, 12), same_group=st.booleans())
def test_a_group_belongs_to_one_campaign_at_a_time(offset: int, days: int, same_group: bool) -> None:
    mine = anniversary([coupon()], calendar=november())
    calendars = check(mine, codes_of())
    first = date.fromordinal(date(2026, 11, 12).toordinal() + offset)
    other = in_force(starting(first, days, "ANNIVERSARY" if same_group else "OWN"))
    my_days = set(calendars[GALLERIA.store_id].days)
    if same_group and my_days & set(other.calendars[GALLERIA.store_id].days):
        with pytest.raises(OverlappingExclusiveGroups) as refused:
            refuse_overlapping_groups(mine, calendars, [other], codes_of())
        assert refused.value.facts() == {
            "exclusive_group": "ANNIVERSARY",
            "rule": "COUPON-300",
            "store": "CHAOYANG-GALLERIA",
            "other_campaign": "OTHER",
            "other_rule": "THEIRS",
        }
    else:
        refuse_overlapping_groups(mine, calendars, [other], codes_of())


def test_within_a_campaign_offers_share_groups_on_purpose() -> None:
    mine = anniversary([coupon("A"), coupon("B"), gift(exclusive_group="ANNIVERSARY")])
    refuse_overlapping_groups(
        mine, check(mine, codes_of()), [in_force(starting(date(2026, 11, 12), 1, None))], codes_of()
    )


# ---- the sample's campaigns


@pytest.mark.parametrize("name", CAMPAIGN_FILES)
def test_the_campaigns_of_the_sample_make_sense(name: str) -> None:
    content = campaign_content(name)
    store = DIRECTORY.find_store_by_code(content.stores[0])
    assert store is not None
    programme = DIRECTORY.programme(store.programme_id).code
    calendars = check(content, codes_of(programme))
    assert len(calendars) == len(content.stores)
    assert read(campaign_text(name)) == read(export(content)) == content
