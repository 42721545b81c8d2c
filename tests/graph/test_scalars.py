"""Scalars and money: exact both ways, and a wrong value is the client's fault."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
import strawberry
from graphql import GraphQLError, GraphQLScalarType
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from membership.graph.kit.money import Money, _babel_locale
from membership.graph.kit.scalars import SAFE_INTEGER, SCALARS, CardNumber, MinorUnits, Points


@strawberry.type
class EveryScalar:
    points: Points
    minor: MinorUnits
    card: CardNumber
    moment: datetime
    day: date
    hour: time


SCHEMA = strawberry.Schema(EveryScalar, config=StrawberryConfig(scalar_map=dict(SCALARS)))


def scalar(name: str) -> GraphQLScalarType:
    type_ = SCHEMA._schema.type_map[name]
    assert isinstance(type_, GraphQLScalarType)
    return type_


@given(st.integers(-SAFE_INTEGER, SAFE_INTEGER))
def test_points_keep_every_safe_integer(value: int) -> None:
    assert scalar("Points").coerce_output_value(value) == value
    assert scalar("Points").coerce_input_value(value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Points", SAFE_INTEGER + 1),
        ("Points", -SAFE_INTEGER - 1),
        ("Points", 1.5),
        ("Points", True),
        ("Points", "12"),
        ("MinorUnits", 2**63),
        ("MinorUnits", float("inf")),
        ("DateTime", "2026-11-12T10:00:00"),
        ("DateTime", "2026-11-12"),
        ("DateTime", "2026-13-12T10:00:00Z"),
        ("DateTime", 1),
        ("DateTime", "0001-01-01T00:00:00+08:00"),
        ("DateTime", "9999-12-31T23:59:59-08:00"),
        ("DateTime", "0001-01-01T00:00:00Z"),
        ("DateTime", "9999-12-31T23:59:59Z"),
        ("LocalDate", "20261112"),
        ("LocalDate", "2026-02-30"),
        ("LocalDate", "2026-11-12T10:00:00Z"),
        ("LocalDate", "0001-12-31"),
        ("LocalDate", "9999-01-01"),
        ("LocalTime", "25:00"),
        ("LocalTime", "1000"),
        ("CardNumber", "62100000000"),
        ("CardNumber", "621000000001x"),
        ("CardNumber", "٦٢١٠٠٠٠٠٠٠٠١"),
        ("CardNumber", 621000000001),
    ],
)
def test_a_wrong_value_is_bad_user_input(name: str, value: object) -> None:
    with pytest.raises(GraphQLError) as error:
        scalar(name).coerce_input_value(value)
    assert (error.value.extensions or {})["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("DateTime", "2026-11-12T10:00:00+08:00", datetime(2026, 11, 12, 10, tzinfo=timezone(timedelta(hours=8)))),
        ("DateTime", "2026-11-12T02:00:00+00:00", datetime(2026, 11, 12, 2, tzinfo=UTC)),
        ("LocalDate", "2026-11-12", date(2026, 11, 12)),
        ("LocalTime", "10:00:00", time(10)),
        ("CardNumber", "621000000001", "621000000001"),
    ],
)
def test_values_are_read_and_written_the_same(name: str, text: str, value: object) -> None:
    assert scalar(name).coerce_input_value(text) == value
    assert scalar(name).coerce_output_value(value) == text


@pytest.mark.parametrize("text", ["2026-11-12T10:00:00+08:00", "2026-11-12T02:00:00Z", "2026-11-11T18:00:00-08:00"])
def test_a_moment_is_the_same_whichever_offset_it_is_sent_with(text: str) -> None:
    assert repr(scalar("DateTime").coerce_input_value(text)) == repr(datetime(2026, 11, 12, 2, tzinfo=UTC))


def test_a_moment_without_an_offset_never_leaves_the_service() -> None:
    with pytest.raises(GraphQLError):
        scalar("DateTime").coerce_output_value(datetime(2026, 11, 12))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("amount_minor", "currency", "exponent", "locale", "text"),
    [
        (123450, "CNY", 2, "en", "CN¥1,234.50"),
        (123450, "CNY", 2, "zh-CN", "¥1,234.50"),
        (12345, "KRW", 0, "ko", "₩12,345"),
        (-50, "GBP", 2, "en", "-£0.50"),
        (SAFE_INTEGER, "CNY", 2, "en", "CN¥90,071,992,547,409.91"),
    ],
)
def test_money_is_formatted_in_its_own_exponent(
    amount_minor: int, currency: str, exponent: int, locale: str, text: str
) -> None:
    money = Money(amount_minor=MinorUnits(amount_minor), currency=currency, minor_unit_exponent=exponent)
    assert money.in_locale(locale) == text


def test_an_unknown_locale_is_bad_user_input() -> None:
    with pytest.raises(GraphQLError, match="BCP 47"):
        _babel_locale("klingon-xx")
