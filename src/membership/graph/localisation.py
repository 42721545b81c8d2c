"""Which language a request gets, and names in it.

Fallback is BCP 47 lookup (RFC 4647, 3.4): zh-Hant-HK falls back to zh-Hant, then to zh, then to a language's
default region, and in the end to English.
"""

from collections.abc import Mapping
from functools import lru_cache

SUPPORTED = ("zh-CN", "en", "ko", "ja")
DEFAULT = "en"

_BY_LANGUAGE = {tag.partition("-")[0]: tag for tag in SUPPORTED}
_MAX_RANGES = 16


@lru_cache(maxsize=512)
def negotiate(accept_language: str) -> str:
    """The supported locale that fits an Accept-Language header best; English when none does."""
    for wanted in _by_preference(accept_language):
        if wanted == "*":
            return DEFAULT
        if supported := _lookup(wanted):
            return supported
    return DEFAULT


def localised(names: Mapping[str, str], locale: str) -> str:
    """The name in a locale, or in the nearest one there is: every thing has at least one name."""
    for tag in _candidates(locale):
        if tag in names:
            return names[tag]
        language = tag.partition("-")[0]
        for other, name in names.items():
            if other.partition("-")[0] == language:
                return name
    return names.get(DEFAULT) or next(iter(names.values()))


def _by_preference(header: str) -> list[str]:
    ranked: list[tuple[float, int, str]] = []
    for position, part in enumerate(header.split(",")[:_MAX_RANGES]):
        tag, _, parameters = part.strip().partition(";")
        if tag and (quality := _quality(parameters)) > 0:
            ranked.append((-quality, position, tag.strip()))
    return [tag for _, _, tag in sorted(ranked)]


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def _candidates(tag: str) -> list[str]:
    """The tag and what it falls back to, most specific first."""
    parts = tag.split("-")
    return ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]


def _lookup(tag: str) -> str | None:
    for candidate in _candidates(tag):
        for supported in SUPPORTED:
            if supported.lower() == candidate.lower():
                return supported
    return _BY_LANGUAGE.get(tag.partition("-")[0].lower())
