"""The languages that the service speaks, and names in them.

Fallback is BCP 47 lookup (RFC 4647, 3.4): zh-Hant-HK falls back to zh-Hant, then to zh, then to a language's
default region, and in the end to English.
"""

from collections.abc import Mapping

SUPPORTED = ("zh-CN", "en", "ko", "ja")
DEFAULT = "en"


def localised(names: Mapping[str, str], locale: str) -> str:
    """The name in a locale, or in the nearest one there is: every thing has at least one name."""
    for tag in candidates(locale):
        if tag in names:
            return names[tag]
        language = tag.partition("-")[0]
        for other, name in names.items():
            if other.partition("-")[0] == language:
                return name
    return names.get(DEFAULT) or next(iter(names.values()))


def candidates(tag: str) -> list[str]:
    """The tag and what it falls back to, most specific first."""
    parts = tag.split("-")
    return ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
