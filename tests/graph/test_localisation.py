"""Which language a request gets, and which name of a thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.graph.kit.localisation import SUPPORTED, localised, negotiate


@pytest.mark.parametrize(
    ("accept_language", "locale"),
    [
        ("", "en"),
        ("zh-CN", "zh-CN"),
        ("ZH-cn", "zh-CN"),
        ("zh", "zh-CN"),
        ("zh-Hans-SG", "zh-CN"),
        ("zh-TW, en;q=0.9", "zh-CN"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"),
        ("ja", "ja"),
        ("en-GB", "en"),
        ("fr-FR, de;q=0.9", "en"),
        ("fr, ko;q=0.1", "ko"),
        ("en;q=0.5, ko;q=0.9", "ko"),
        ("ko;q=0, ja", "ja"),
        ("*", "en"),
        ("fr, *;q=0.5", "en"),
        ("ko;q=nonsense, ja;q=0.2", "ja"),
        (",,;;q=1,", "en"),
    ],
)
def test_the_requests_language(accept_language: str, locale: str) -> None:
    assert negotiate(accept_language) == locale


@given(st.text(max_size=100))
def test_any_header_gives_a_supported_language(accept_language: str) -> None:
    assert negotiate(accept_language) in SUPPORTED


@pytest.mark.parametrize(
    ("names", "locale", "name"),
    [
        ({"zh-CN": "店", "en": "Store"}, "zh-CN", "店"),
        ({"zh-CN": "店", "en": "Store"}, "ko", "Store"),
        ({"zh": "店", "en": "Store"}, "zh-CN", "店"),
        ({"zh-Hant": "店", "en": "Store"}, "zh-CN", "店"),
        ({"ko": "가게"}, "ja", "가게"),
        ({"en-GB": "Shop", "ko": "가게"}, "en", "Shop"),
    ],
)
def test_the_nearest_name_there_is(names: dict[str, str], locale: str, name: str) -> None:
    assert localised(names, locale) == name
