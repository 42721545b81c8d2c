"""Amounts of money."""

from decimal import Decimal
from functools import lru_cache
from typing import Annotated

import strawberry
from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency

from membership.graph.kit.context import Info
from membership.graph.kit.fields import field
from membership.graph.kit.scalars import MinorUnits
from membership.graph.operations.faults import bad_user_input
from membership.stores.model import Programme


@lru_cache(maxsize=64)
def _babel_locale(tag: str) -> Locale:
    try:
        return Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        raise bad_user_input("locale takes a BCP 47 language tag, such as en or zh-CN.") from None


@strawberry.type(description="An amount of money in one currency.")
class Money:
    amount_minor: MinorUnits = strawberry.field(
        description="The amount in the currency's smallest unit: 12345 is CNY 123.45, or KRW 12,345."
    )
    currency: str = strawberry.field(description="ISO 4217 code of the currency.")
    minor_unit_exponent: strawberry.Private[int]

    @field(description="The amount as people write it, such as ¥1,234.50.")
    def formatted(
        self,
        info: Info,
        locale: Annotated[
            str | None, strawberry.argument(description="BCP 47 language tag; the request's language if absent.")
        ] = None,
    ) -> str:
        return self.in_locale(locale or info.context.locale)

    def in_locale(self, locale: str) -> str:
        amount = Decimal(self.amount_minor).scaleb(-self.minor_unit_exponent)
        return format_currency(amount, self.currency, locale=_babel_locale(locale))


def money(amount_minor: int, programme: Programme) -> Money:
    """An amount in a programme's currency."""
    return Money(
        amount_minor=MinorUnits(amount_minor),
        currency=programme.currency,
        minor_unit_exponent=programme.minor_unit_exponent,
    )
