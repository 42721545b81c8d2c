"""What earn rules of campaigns give: when, for whom, on which lines, how they stack, and where caps cut."""

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from membership.campaigns.content import (
    CampaignDay,
    DailyWindow,
    EarnRule,
    EarnStacking,
    Scope,
    TierPreview,
)
from membership.campaigns.engine import decide_sale
from membership.campaigns.model import (
    CampaignRevision,
    EarnedBefore,
    Reason,
    SaleDecision,
    SaleFacts,
    TenderFacts,
)
from membership.points.model import LineAward
from unit.campaigns.anniversary import (
    CLOSES,
    DAYS,
    OPENS,
    TERMS,
    a_bonus,
    a_campaign,
    a_line,
    a_multiple,
    a_sale,
    anonymous,
    by_id,
)

HIGHEST = EarnStacking.HIGHEST


def decide(facts: SaleFacts, *revisions: CampaignRevision) -> SaleDecision:
    return decide_sale(facts, TERMS, by_id(*revisions))


def points_of(decision: SaleDecision, rule: str) -> int:
    return sum(award.points for award in decision.awards if award.rule == f"ANNIVERSARY/{rule}")


def reasons_of(decision: SaleDecision, rule: str) -> list[Reason]:
    return [given.reason for given in decision.reasons if given.rule == f"ANNIVERSARY/{rule}"]


def test_a_brand_day_gives_ten_times_on_its_brand_and_names_its_revision() -> None:
    rule = a_multiple("BRAND-DAY", 10, scope=Scope(brands=("LUMEN",)), days=(CampaignDay(day=1),))
    campaign = a_campaign([rule], number=3)
    facts = a_sale([a_line(1, 100_000), a_line(2, 50_000, brand="OTHER")], campaign)
    decision = decide(facts, campaign)
    assert decision.awards == (
        LineAward(1, "BASE", 1_000),
        LineAward(1, "ANNIVERSARY/BRAND-DAY", 9_000, "campaign:ANNIVERSARY:3"),
        LineAward(2, "BASE", 500),
    )
    assert reasons_of(decision, "BRAND-DAY") == [Reason.RULE_APPLIES]
    next_day = decide(replace(facts, business_date=DAYS[1]), campaign)
    assert (points_of(next_day, "BRAND-DAY"), reasons_of(next_day, "BRAND-DAY")) == (0, [Reason.NOT_THIS_DAY])


@pytest.mark.parametrize(
    ("at", "tier", "reason"),
    [
        pytest.param(OPENS - timedelta(microseconds=1), "GOLD", Reason.NOT_STARTED, id="a moment too early"),
        pytest.param(OPENS, "GOLD", Reason.RULE_APPLIES, id="as it opens"),
        pytest.param(OPENS - timedelta(hours=1), "BLACK", Reason.RULE_APPLIES, id="a preview for its tier"),
        pytest.param(OPENS - timedelta(hours=25), "BLACK", Reason.NOT_STARTED, id="before the preview"),
        pytest.param(CLOSES - timedelta(microseconds=1), "GOLD", Reason.RULE_APPLIES, id="the last moment"),
        pytest.param(CLOSES, "GOLD", Reason.ENDED, id="as it closes"),
        pytest.param(CLOSES, "BLACK", Reason.ENDED, id="a preview is no extension"),
    ],
)
def test_a_rule_holds_while_its_campaign_is_open_for_the_tier(at: datetime, tier: str, reason: Reason) -> None:
    campaign = a_campaign([a_multiple("ALL")], previews=(TierPreview(tiers=("BLACK",), hours_before=24),))
    day = (at + timedelta(hours=4)).date()
    decision = decide(a_sale([a_line(1, 10_000)], campaign, at=at, day=day, tier=tier), campaign)
    assert reasons_of(decision, "ALL") == [reason]
    assert points_of(decision, "ALL") == (100 if reason is Reason.RULE_APPLIES else 0)


def test_nothing_is_given_on_a_blackout_day() -> None:
    campaign = a_campaign([a_multiple("ALL")], blackout=(CampaignDay(day=3),))
    for day, reason in ((DAYS[1], Reason.RULE_APPLIES), (DAYS[2], Reason.BLACKOUT), (DAYS[3], Reason.RULE_APPLIES)):
        assert reasons_of(decide(a_sale([a_line(1, 10_000)], campaign, day=day), campaign), "ALL") == [reason]


@pytest.mark.parametrize("of_campaign", [True, False])
@pytest.mark.parametrize(
    ("starts", "ends", "at", "holds"),
    [
        pytest.param(time(10), time(22), time(9, 59, 59), False, id="before"),
        pytest.param(time(10), time(22), time(10), True, id="the start belongs to it"),
        pytest.param(time(10), time(22), time(22), False, id="the end does not"),
        pytest.param(time(22), time(2), time(23), True, id="past midnight, before it"),
        pytest.param(time(22), time(2), time(1, 59), True, id="past midnight, after it"),
        pytest.param(time(22), time(2), time(2), False, id="past midnight, over"),
        pytest.param(time(22), time(2), time(12), False, id="past midnight, at noon"),
        pytest.param(time(10), time(10), time(3), True, id="the whole day"),
    ],
)
def test_daily_windows(of_campaign: bool, starts: time, ends: time, at: time, holds: bool) -> None:
    window = DailyWindow(starts_at=starts, ends_at=ends)
    campaign = a_campaign(
        [a_multiple("ALL", window=None if of_campaign else window)], window=window if of_campaign else None
    )
    decision = decide(a_sale([a_line(1, 10_000)], campaign, local_time=at), campaign)
    assert reasons_of(decision, "ALL") == [Reason.RULE_APPLIES if holds else Reason.OUTSIDE_DAILY_WINDOW]


@pytest.mark.parametrize(
    ("scope", "in_scope"),
    [
        pytest.param(Scope(), True, id="no limits"),
        pytest.param(Scope(brands=("LUMEN",)), True, id="its brand"),
        pytest.param(Scope(brands=("OTHER",)), False, id="another brand"),
        pytest.param(Scope(brands=("LUMEN",), excluded_brands=("LUMEN",)), False, id="an excluded brand wins"),
        pytest.param(Scope(brands=("LUMEN",), floors=("F1",)), False, id="its brand, but another floor"),
        pytest.param(Scope(floors=("B1",), categories=("FASHION",)), True, id="all kinds match"),
        pytest.param(Scope(excluded_floors=("B1",)), False, id="an excluded floor"),
        pytest.param(Scope(categories=("JEWELLERY",)), False, id="another category"),
        pytest.param(Scope(excluded_categories=("FASHION",)), False, id="an excluded category"),
        pytest.param(Scope(counters=("C1", "C2")), True, id="its counter"),
        pytest.param(Scope(counters=("C1",), excluded_counters=("C1",)), False, id="an excluded counter wins"),
    ],
)
def test_scopes_of_lines(scope: Scope, in_scope: bool) -> None:
    campaign = a_campaign([a_multiple("ALL", scope=scope)])
    decision = decide(a_sale([a_line(1, 10_000)], campaign), campaign)
    assert points_of(decision, "ALL") == (100 if in_scope else 0)
    assert reasons_of(decision, "ALL") == ([Reason.RULE_APPLIES] if in_scope else []), "what concerns no line is silent"


@pytest.mark.parametrize(
    ("scope", "reason"),
    [
        pytest.param(Scope(tiers=("GOLD",)), Reason.RULE_APPLIES, id="its tier"),
        pytest.param(Scope(tiers=("BLACK",)), Reason.TIER_NOT_ELIGIBLE, id="another tier"),
        pytest.param(Scope(excluded_tiers=("GOLD",)), Reason.TIER_NOT_ELIGIBLE, id="an excluded tier"),
        pytest.param(Scope(stores=("GALLERIA",)), Reason.RULE_APPLIES, id="its store"),
        pytest.param(Scope(stores=("ELSEWHERE",)), Reason.WRONG_STORE, id="another store"),
    ],
)
def test_scopes_of_members_and_stores(scope: Scope, reason: Reason) -> None:
    campaign = a_campaign([a_multiple("ALL", scope=scope)])
    assert reasons_of(decide(a_sale([a_line(1, 10_000)], campaign), campaign), "ALL") == [reason]


def test_a_store_that_does_not_take_part_gets_nothing() -> None:
    campaign = replace(a_campaign([a_multiple("ALL")]), calendars={})
    assert reasons_of(decide(a_sale([a_line(1, 10_000)], campaign), campaign), "ALL") == [Reason.WRONG_STORE]


@pytest.mark.parametrize(
    ("per_amount", "spent", "points", "missing"),
    [
        pytest.param(False, 99_999, 0, 1, id="one short"),
        pytest.param(False, 100_000, 50, None, id="reached"),
        pytest.param(False, 350_000, 50, None, id="once"),
        pytest.param(True, 350_000, 150, None, id="for each amount"),
        pytest.param(True, 400_000, 200, None, id="for each, exactly"),
    ],
)
def test_a_bonus_from_a_minimum_on(per_amount: bool, spent: int, points: int, missing: int | None) -> None:
    campaign = a_campaign([a_bonus("BONUS", 50, 100_000, per_amount=per_amount)])
    decision = decide(a_sale([a_line(1, spent - 10), a_line(2, 10, rate=2_000)], campaign), campaign)
    assert points_of(decision, "BONUS") == points
    (given,) = [entry for entry in decision.reasons if entry.rule == "ANNIVERSARY/BONUS"]
    assert (given.reason is Reason.BELOW_MINIMUM_SPEND, given.minor) == (missing is not None, missing)


def test_what_is_paid_by_tenders_that_count_in_part_counts_in_part() -> None:
    campaign = a_campaign([a_bonus("BONUS", 50, 10_000), a_multiple("DOUBLE")])
    tenders = [TenderFacts("OTHER_CARD", 10_000, 5_000, 5_000), TenderFacts("CASH", 9_998, 10_000, 10_000)]
    decision = decide(a_sale([a_line(1, 19_998)], campaign, tenders=tenders), campaign)
    assert (points_of(decision, "BONUS"), points_of(decision, "DOUBLE")) == (50, 149)


def test_add_gives_on_top_and_of_the_highest_a_line_gets_the_one_that_gives_it_most() -> None:
    rules: list[EarnRule] = [
        a_multiple("TOP", 5, scope=Scope(brands=("LUMEN",)), stacking=HIGHEST),
        a_multiple("MID", 3, stacking=HIGHEST),
        a_multiple("EXTRA", 2),
    ]
    campaign = a_campaign(rules)
    decision = decide(a_sale([a_line(1, 10_000), a_line(2, 20_000, brand="OTHER")], campaign), campaign)
    by_line = {(award.line_no, award.rule.split("/")[-1]): award.points for award in decision.awards}
    assert by_line == {
        (1, "BASE"): 100,
        (1, "EXTRA"): 100,
        (1, "TOP"): 400,
        (2, "BASE"): 200,
        (2, "EXTRA"): 200,
        (2, "MID"): 400,
    }
    assert reasons_of(decision, "MID") == [Reason.RULE_APPLIES, Reason.ANOTHER_RULE_GIVES_MORE]


def test_highest_compares_a_bonus_with_a_multiple_and_what_caps_leave_over() -> None:
    bonus = a_bonus("BONUS", 150, 10_000, stacking=HIGHEST)
    multiple = a_multiple("DOUBLE", stacking=HIGHEST, cap=1_000)
    campaign = a_campaign([bonus, multiple])
    for spent, winner in ((10_000, "BONUS"), (15_001, "DOUBLE")):
        decision = decide(a_sale([a_line(1, spent)], campaign), campaign)
        assert points_of(decision, winner) == 150
        assert decision.points == spent // 100 + 150
    used = EarnedBefore("ANNIVERSARY/DOUBLE", 0, 990)
    decision = decide(a_sale([a_line(1, 100_000)], campaign, before=[used]), campaign)
    assert (points_of(decision, "DOUBLE"), points_of(decision, "BONUS")) == (0, 150), "ten points are less"


def test_a_tie_goes_to_the_first_by_name() -> None:
    campaign = a_campaign([a_multiple("B", stacking=HIGHEST), a_multiple("A", stacking=HIGHEST)])
    decision = decide(a_sale([a_line(1, 10_000)], campaign), campaign)
    assert (points_of(decision, "A"), points_of(decision, "B")) == (100, 0)


@pytest.mark.parametrize(
    ("cap_day", "cap", "day_points", "points", "given", "cut"),
    [
        pytest.param(250, None, 0, 0, 250, 50, id="of the day"),
        pytest.param(250, None, 240, 900, 10, 290, id="of the day, in part used"),
        pytest.param(None, 1_000, 0, 900, 100, 200, id="of the campaign"),
        pytest.param(250, 1_000, 0, 900, 100, 200, id="the tighter one"),
        pytest.param(250, None, 250, 250, 0, 300, id="used up"),
        pytest.param(250, None, 400, 400, 0, 300, id="more than used up, after a change of the rule"),
        pytest.param(300, 1_000, 0, 0, 300, 0, id="exactly"),
    ],
)
def test_caps_cut_and_say_so(
    cap_day: int | None, cap: int | None, day_points: int, points: int, given: int, cut: int
) -> None:
    campaign = a_campaign([a_multiple("DOUBLE", cap_day=cap_day, cap=cap)])
    before = [EarnedBefore("ANNIVERSARY/DOUBLE", day_points, points)]
    lines = [a_line(1, 10_000), a_line(2, 10_000, brand="OTHER"), a_line(3, 200_000, rate=2_000)]
    decision = decide(a_sale(lines, campaign, before=before), campaign)
    assert points_of(decision, "DOUBLE") == given
    assert sum(entry.points or 0 for entry in decision.reasons if entry.reason is Reason.MEMBER_CAP_REACHED) == cut
    shares = [award.points for award in decision.awards if award.rule == "ANNIVERSARY/DOUBLE"]
    assert max(shares, default=0) - min(shares, default=0) <= 1, "three equal lines are cut alike"


def test_a_brand_that_gives_no_points_gives_none_of_a_campaign_either() -> None:
    campaign = a_campaign([a_multiple("DOUBLE"), a_bonus("BONUS", 50, 1)])
    decision = decide(a_sale([a_line(1, 10_000, earns=False)], campaign), campaign)
    assert (decision.points, decision.tier_minor) == (0, 10_000)


def test_an_anonymous_sale_and_a_sale_without_issuing_campaigns_get_nothing_of_them() -> None:
    campaign = a_campaign([a_multiple("DOUBLE")])
    facts = a_sale([a_line(1, 10_000)], campaign)
    assert decide(anonymous(facts), campaign).awards == ()
    assert decide(replace(facts, issuing=()), campaign).points == 100


def test_a_revision_that_is_named_and_not_given_is_an_error() -> None:
    campaign = a_campaign([a_multiple("DOUBLE")])
    with pytest.raises(KeyError):
        decide(a_sale([a_line(1, 10_000)], campaign))


def test_another_revision_under_the_same_id_is_read_anew() -> None:
    """A draft that is simulated, changed and simulated again."""
    before, after = a_campaign([a_multiple("ALL")]), a_campaign([a_multiple("ALL", 3)])
    facts = a_sale([a_line(1, 10_000)], before)
    assert [points_of(decide(facts, revision), "ALL") for revision in (before, after, before)] == [100, 200, 100]


def test_l6_a_multiple_is_floored_once_per_earn_rate_group_from_its_whole_spend() -> None:
    """Not from points that were floored before, and not per line."""
    campaign = a_campaign([a_multiple("TEN", 10)])
    lines = [a_line(1, 75), a_line(2, 75, brand="OTHER"), a_line(3, 2_500, rate=2_000)]
    decision = decide(a_sale(lines, campaign), campaign)
    assert {(award.line_no, award.rule): award.points for award in decision.awards} == {
        (1, "BASE"): 1,
        (1, "ANNIVERSARY/TEN"): 7,
        (2, "ANNIVERSARY/TEN"): 6,
        (3, "BASE"): 1,
        (3, "ANNIVERSARY/TEN"): 11,
    }
