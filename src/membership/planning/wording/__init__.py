"""The sentences: for each reason and assumption one in every language, filled with facts as people write them.

A new language is one more module with the same keys (a test says so), listed in `_LANGUAGES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from string import Formatter
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal

from membership.kernel.shares import BASIS_POINTS
from membership.planning.why import Fact
from membership.planning.wording import chinese, english, japanese, korean
from membership.stores.model import Names

_LANGUAGES: Mapping[str, Mapping[str, str]] = {
    "en": english.SENTENCES,
    "zh": chinese.SENTENCES,
    "ko": korean.SENTENCES,
    "ja": japanese.SENTENCES,
}
_DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Voice:
    """How one reader is spoken to. `name_of` chooses of a thing's names the one for the reader."""

    locale: str
    zone: ZoneInfo
    currency: str
    minor_unit_exponent: int
    name_of: Callable[[Names], str]


def languages() -> Mapping[str, Mapping[str, str]]:
    """The catalogues, by language."""
    return _LANGUAGES


def speak(code: str, facts: Mapping[str, Fact], voice: Voice) -> str:
    """The sentence of a reason or assumption. A fact that is not known is left out of brackets that hold it."""
    language = voice.locale.partition("-")[0]
    language = language if language in _LANGUAGES else _DEFAULT
    locale = _babel_locale(voice.locale if language in voice.locale else _DEFAULT)
    template = _LANGUAGES[language][code]
    told = {name: _told(name, fact, voice, locale) for name, fact in facts.items()}
    return "".join(
        literal + ("" if name is None else told.get(name, "")) for literal, name, _, _ in Formatter().parse(template)
    )


def facts_in(template: str) -> set[str]:
    """The names of the facts that a sentence needs."""
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def _told(name: str, fact: Fact, voice: Voice, locale: Locale) -> str:
    told = ""
    match fact:
        case None:
            pass
        case int():
            told = _number(name, fact, voice, locale)
        case str():
            told = fact
        case datetime():
            told = format_datetime(fact, "medium", tzinfo=voice.zone, locale=locale)
        case date():
            told = format_date(fact, "full", locale=locale)
        case time():
            told = format_time(fact, "short", locale=locale)
        case tuple():
            style: Literal["standard", "or"] = "standard" if name == "bought" else "or"
            told = format_list([_told(name, part, voice, locale) for part in fact], style, locale=locale)
        case _:
            told = voice.name_of(fact)
    return told


def _number(name: str, number: int, voice: Voice, locale: Locale) -> str:
    if name.endswith("_minor"):
        return _money(number, voice, locale)
    if name == "times_basis_points":
        return format_decimal(Decimal(number) / BASIS_POINTS, locale=locale)
    return format_decimal(number, locale=locale)


def amount(amount_minor: int, voice: Voice) -> str:
    """As people write it, in the reader's language."""
    return _money(amount_minor, voice, _babel_locale(voice.locale))


def _money(amount_minor: int, voice: Voice, locale: Locale) -> str:
    return format_currency(Decimal(amount_minor).scaleb(-voice.minor_unit_exponent), voice.currency, locale=locale)


@lru_cache(maxsize=16)
def _babel_locale(tag: str) -> Locale:
    return Locale.parse(tag, sep="-")
