"""Every reason and assumption has a sentence in every language, filled with facts as people write them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from membership.campaigns.model import Reason
from membership.planning.model import Assumption
from membership.planning.why import Fact, Why, why_of
from membership.planning.wording import Voice, amount, facts_in, languages, speak

CODES = {*(why.value for why in Why), *(assumption.value for assumption in Assumption)}


def voice(locale: str, currency: str = "CNY", exponent: int = 2) -> Voice:
    language = locale.partition("-")[0]
    return Voice(
        locale, ZoneInfo("Asia/Shanghai"), currency, exponent, lambda names: names.get(locale) or names[language]
    )


@pytest.mark.parametrize("language", languages())
def test_a_language_has_a_sentence_for_each_code_and_no_other(language: str) -> None:
    assert languages()[language].keys() == CODES


@pytest.mark.parametrize("code", sorted(CODES))
def test_all_languages_tell_the_same_facts(code: str) -> None:
    """A number that one language leaves out would be a different answer."""
    told = {language: facts_in(sentences[code]) for language, sentences in languages().items()}
    assert len({frozenset(facts) for facts in told.values()}) == 1, told


def test_every_reason_of_the_engine_can_be_told() -> None:
    assert {why_of(reason).value for reason in Reason} == {reason.value for reason in Reason}


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en", "CN¥500.00 were missing to the minimum spend of “Voucher”."),
        ("zh-CN", "距离“优惠券”的最低消费还差¥500.00。"),
        ("ko", "‘쿠폰’ 최소 구매액까지 CN¥500.00 부족했습니다."),
        ("ja", "「クーポン」の最低お買上げ額まで元500.00不足していました。"),
    ],
)
def test_money_and_names_are_the_reader_s(locale: str, expected: str) -> None:
    facts: dict[str, Fact] = {
        "missing_minor": 50_000,
        "rule_names": {"en": "Voucher", "zh-CN": "优惠券", "ko": "쿠폰", "ja": "クーポン"},
    }
    assert speak("BELOW_MINIMUM_SPEND", facts, voice(locale)) == expected


def test_moments_are_told_in_the_store_s_zone() -> None:
    at = datetime(2026, 11, 12, 2, 0, 5, tzinfo=UTC)
    names = {"en": "Anniversary", "zh-CN": "周年庆"}
    said = speak("NOT_STARTED", {"campaign_names": names, "opens_at": at}, voice("zh-CN"))
    assert said == "“周年庆”当时尚未开始，将于2026年11月12日 10:00:05开始。"
    assert "10:00:05" in speak("NOT_STARTED", {"campaign_names": names, "opens_at": at}, voice("en"))


def test_lists_dates_and_multiples() -> None:
    names = {"en": "Brand day"}
    said = speak(
        "NOT_THIS_DAY",
        {"rule_names": names, "on": date(2026, 11, 13), "days": (date(2026, 11, 12), date(2026, 11, 15))},
        voice("en"),
    )
    assert said == (
        "“Brand day” does not hold on Friday, November 13, 2026; it holds on Thursday, November 12, 2026 or "
        "Sunday, November 15, 2026."
    )
    ten = speak("EARNED_MULTIPLE", {"points": 9_000, "rule_names": names, "times_basis_points": 100_000}, voice("en"))
    assert ten == "9,000 more points by “Brand day”, which gives 10 times the plain rate."


def test_won_has_no_minor_unit() -> None:
    assert amount(30_000, voice("en", "KRW", 0)) == "₩30,000"


def test_a_fact_that_is_not_known_leaves_a_gap_and_no_error() -> None:
    assert speak("RULE_APPLIES", {}, voice("en")) == "“” applies."


def test_a_gift_that_is_gone_is_not_said_to_wait() -> None:
    """The story of a gift goes on after its claim: what the claim said has to be true of one that was forfeited too."""
    facts: dict[str, Fact] = {
        "rule_names": {"en": "Daily gift"},
        "claimed_at": datetime(2025, 11, 14, 4, tzinfo=UTC),
        "collect_until": datetime(2025, 11, 14, 14, tzinfo=UTC),
    }
    told = speak("GIFT_CLAIMED", facts, voice("en"))
    assert told.startswith("The member claimed “Daily gift” on Nov 14, 2025")
    assert ", to be collected by Nov 14, 2025" in told
