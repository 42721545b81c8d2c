"""The campaigns' files: every table says where its figures come from, and they are those of the specification."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

import pytest

from membership.campaigns.content import (
    AmountOff,
    BoughtWithPoints,
    ByCode,
    CampaignContent,
    ClaimedInApp,
    CouponOffer,
    EarnRule,
    GiftOffer,
    Multiple,
    NthWeekday,
    SpendThreshold,
    ToAllEligible,
    WeekdayAfter,
)
from membership.campaigns.files import export, read
from membership.campaigns.rules.calendar import campaign_days, resolve
from membership.campaigns.rules.checking import check, codebook_of
from membership.sample import identifiers as ids
from membership.sample.campaign_files import CAMPAIGN_FILES, campaign_content, campaign_text
from membership.sample.configuration import sample_configuration
from membership.sample.files import SampleProgramme, sample_programmes
from membership.stores.service import Directory

THIS_YEAR, LAST_YEAR = campaign_content("anniversary-2026"), campaign_content("anniversary-2025")
CHAOYANG = sample_programmes()[0]
MARK = re.compile(r"# source: (invented|published: \S.+)")


def coupons(content: CampaignContent) -> dict[str, CouponOffer]:
    return {offer.code: offer for offer in content.rules_of(CouponOffer)}


def gifts(content: CampaignContent) -> dict[str, GiftOffer]:
    return {offer.code: offer for offer in content.rules_of(GiftOffer)}


def programme_of(content: CampaignContent) -> SampleProgramme:
    (store,) = content.stores
    (found,) = (sample for sample in sample_programmes() if sample.store.code == store)
    return found


@pytest.mark.parametrize("name", CAMPAIGN_FILES)
def test_every_table_is_marked_published_or_invented(name: str) -> None:
    lines = campaign_text(name).splitlines()
    tables = [number for number, line in enumerate(lines) if line.startswith(("[", "names"))]
    heads = [number for number in tables if lines[number].startswith("[") or number < tables[1]]
    assert len(heads) > 3
    assert [lines[number] for number in heads if not MARK.fullmatch(lines[number - 1])] == []
    assert "# source: published: " in campaign_text(name)


def codes_named(content: CampaignContent) -> Iterator[tuple[str, set[str]]]:
    for rule in content.rules:
        scope = rule.scope
        yield "tiers", {*scope.tiers, *scope.excluded_tiers}
        yield "floors", {*scope.floors, *scope.excluded_floors}
        yield "brands", {*scope.brands, *scope.excluded_brands}
        yield "categories", {*scope.categories, *scope.excluded_categories}
        yield "counters", {*scope.counters, *scope.excluded_counters}
    for preview in content.calendar.previews:
        yield "tiers", set(preview.tiers)
    for offer in content.rules_of(GiftOffer):
        yield "counters", {pool.desk for pool in offer.pools}
        yield "tiers", {tier for pool in offer.pools for tier in pool.tiers}


@pytest.mark.parametrize("name", CAMPAIGN_FILES)
def test_what_a_campaign_names_exists_in_its_store(name: str) -> None:
    content = campaign_content(name)
    sample = programme_of(content)
    known = {
        "tiers": {tier.code for tier in sample.ladder.tiers},
        "floors": {row.code for row in sample.floors},
        "brands": {row.code for row in sample.brands},
        "categories": {row.code for row in sample.categories},
        "counters": {row.code for row in sample.counters},
    }
    for kind, codes in codes_named(content):
        assert codes <= known[kind], kind
    assert len({rule.code for rule in content.rules}) == len(content.rules)
    groups = {group.code for group in content.stacking_groups}
    assert {offer.stacking_group for offer in content.rules_of(CouponOffer)} - {None} <= groups
    for rule in content.rules:
        assert rule.funding.mall_basis_points + rule.funding.brand_basis_points == 10_000
        assert set(rule.names) == {"zh-CN", "en", "ko", "ja"}


@pytest.mark.parametrize("name", CAMPAIGN_FILES)
def test_an_approver_would_find_no_fault_with_it(name: str) -> None:
    """Whatever campaigns refuse, in the store of the file."""
    content = campaign_content(name)
    sample = programme_of(content)
    codes = codebook_of(
        Directory(sample_configuration()),
        ids.programme_id(sample.programme.code),
        [tier.code for tier in sample.ladder.tiers],
    )
    (calendar,) = check(content, codes).values()
    assert {rule.code for rule in content.rules} >= set(calendar.rule_days)


def test_its_days_are_those_of_the_specification() -> None:
    for name, first, last in (
        ("anniversary-2026", date(2026, 11, 12), date(2026, 11, 22)),
        ("anniversary-2025", date(2025, 11, 13), date(2025, 11, 23)),
        ("anniversary-hangang-2026", date(2026, 11, 6), date(2026, 11, 15)),
        ("halfterm-2026", date(2026, 10, 22), date(2026, 11, 1)),
    ):
        days = campaign_days(campaign_content(name).calendar)
        assert (days[0], days[-1]) == (first, last)


def test_half_term_has_an_hour_more_than_its_days() -> None:
    """Clocks go back on 25 October."""
    content = campaign_content("halfterm-2026")
    (store,) = (entry for entry in sample_configuration().stores if entry.code == content.stores[0])
    calendar = resolve(content, store)
    assert calendar.opens_at == datetime(2026, 10, 22, 9, tzinfo=UTC)
    assert calendar.closes_at == datetime(2026, 11, 1, 18, tzinfo=UTC)


def test_a_file_is_what_an_export_of_it_reads() -> None:
    for name in CAMPAIGN_FILES:
        assert read(export(campaign_content(name))) == campaign_content(name)


@pytest.mark.parametrize("content", [THIS_YEAR, LAST_YEAR], ids=["2026", "2025"])
def test_the_anniversary_runs_by_rule(content: CampaignContent) -> None:
    assert content.calendar.first_day == NthWeekday(month=11, weekday=4, nth=2)
    assert content.calendar.last_day == WeekdayAfter(weekday=7, nth=2)
    assert content.calendar.previews


@pytest.mark.parametrize("content", [THIS_YEAR, LAST_YEAR], ids=["2026", "2025"])
def test_vouchers_are_500_800_and_1000_and_leave_out_the_maisons(content: CampaignContent) -> None:
    by_code = coupons(content)
    tiers = {"VOUCHER-500": ("SILVER",), "VOUCHER-800": ("GOLD",), "VOUCHER-1000": ("PLATINUM", "DIAMOND", "BLACK")}
    maisons = {brand.code for brand in CHAOYANG.brands if not brand.earns_points}
    assert {row.floor for row in CHAOYANG.counters if row.brand in maisons} == {"1F"}
    for code, eligible in tiers.items():
        offer = by_code[code]
        assert offer.face == AmountOff(amount_minor=int(code.removeprefix("VOUCHER-")) * 100)
        assert offer.issue == ToAllEligible()
        assert offer.scope.tiers == eligible
        assert set(offer.scope.excluded_brands) == maisons
        assert (offer.scope.floors, offer.scope.excluded_floors, offer.scope.counters) == ((), (), ())
        assert offer.minimum_spend_minor > 5 * int(code.removeprefix("VOUCHER-")) * 100
    assert {offer.exclusive_group for code, offer in by_code.items() if code in tiers} == {"ANNIVERSARY-VOUCHER"}


def test_brand_days_are_tenfold_on_some_days() -> None:
    days = [rule for rule in THIS_YEAR.rules_of(EarnRule) if rule.code.startswith("BRAND-DAY")]
    assert len(days) == 3
    for rule in days:
        assert rule.effect == Multiple(basis_points=100_000)
        assert rule.days
        assert rule.scope.brands


def test_the_daily_gift_is_as_specified() -> None:
    gift = gifts(THIS_YEAR)["DAILY-GIFT"]
    assert gift.drop_time == time(10)
    assert sum(pool.units_per_day for pool in gift.pools) == 300
    assert (gift.limit_per_member_day, gift.limit_per_member, gift.threshold) == (1, 2, None)
    assert gift.collection.days_after == 0
    (desk,) = (row for row in CHAOYANG.counters if row.code == gift.pools[0].desk)
    assert desk.floor == "B1"


def test_the_threshold_gift_takes_20_000_of_a_day_over_all_counters() -> None:
    gift = gifts(THIS_YEAR)["SPEND-20000"]
    assert gift.threshold == SpendThreshold(minimum_spend_minor=20_000_00)
    assert gift.scope.model_dump(exclude_defaults=True) == {}


def test_every_way_to_issue_a_coupon_is_shown() -> None:
    issues = {type(offer.issue) for offer in coupons(THIS_YEAR).values()}
    assert issues == {ToAllEligible, ClaimedInApp, BoughtWithPoints, ByCode}
    assert [offer.code for offer in coupons(THIS_YEAR).values() if offer.blackout] == ["GUEST-10-PERCENT"]


def test_last_years_file_differs_a_little() -> None:
    assert LAST_YEAR.calendar.year == THIS_YEAR.calendar.year - 1
    assert gifts(LAST_YEAR)["SPEND-18000"].threshold == SpendThreshold(minimum_spend_minor=18_000_00)
    this, last = ({rule.code for rule in content.rules} for content in (THIS_YEAR, LAST_YEAR))
    assert len(this & last) > 6
    assert this != last
