"""The rotating code: what it looks like, when it is valid, and that no payment code looks like it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.cards.errors import MalformedCode
from membership.cards.rules import (
    SERIALS,
    matching_step,
    member_code,
    scanned_code,
    seconds_until_fresh,
    step_at,
    step_ends,
)

SERIAL_TEXT = st.integers(min_value=0, max_value=SERIALS - 1).map(lambda number: f"{number:010d}")
SECRETS = st.binary(min_size=20, max_size=20)
MOMENTS = st.timedeltas(timedelta(), timedelta(days=20_000)).map(lambda later: datetime(2020, 1, 1, tzinfo=UTC) + later)

PAYMENT_CODES = {
    "WeChat": re.compile(r"1[0-5][0-9]{16}"),
    "Alipay": re.compile(r"(2[5-9]|30)[0-9]{14,22}"),
    "UnionPay": re.compile(r"62[0-9]{17}"),
}


def test_the_password_is_that_of_rfc_6238() -> None:
    """Appendix B, SHA-1, 8 digits: at 59 s with a step of 30 s, which is step 1."""
    assert member_code("0000000000", b"12345678901234567890", 1) == "880000000000" + "94287082"


@given(SERIAL_TEXT, SECRETS, st.integers(min_value=0, max_value=10**8))
def test_a_code_is_read_back_into_its_parts(serial: str, secret: bytes, step: int) -> None:
    code = member_code(serial, secret, step)
    scanned = scanned_code(code)
    assert scanned.serial == serial
    assert code == f"88{serial}{scanned.password}"


@given(SERIAL_TEXT, SECRETS, st.integers(min_value=0, max_value=10**8))
def test_no_code_is_a_payment_code(serial: str, secret: bytes, step: int) -> None:
    code = member_code(serial, secret, step)
    assert not [name for name, pattern in PAYMENT_CODES.items() if pattern.fullmatch(code)]


@pytest.mark.parametrize("pattern", PAYMENT_CODES.values(), ids=PAYMENT_CODES)
@given(data=st.data())
def test_no_payment_code_is_a_member_code(pattern: re.Pattern[str], data: st.DataObject) -> None:
    with pytest.raises(MalformedCode):
        scanned_code(data.draw(st.from_regex(pattern, fullmatch=True)))


@given(st.text(alphabet="0123456789 8", max_size=30))
def test_what_is_not_88_and_18_more_digits_is_malformed(text: str) -> None:
    if len(text) == 20 and text.startswith("88") and " " not in text:
        assert scanned_code(text).serial == text[2:12]
    else:
        with pytest.raises(MalformedCode):
            scanned_code(text)


@given(SECRETS, MOMENTS, st.integers(min_value=-3, max_value=3))
def test_a_code_is_valid_in_its_minute_and_the_ones_beside_it(secret: bytes, now: datetime, distance: int) -> None:
    step = step_at(now) + distance
    password = scanned_code(member_code("0000000000", secret, step)).password
    near = {scanned_code(member_code("0000000000", secret, step_at(now) + i)).password for i in (-1, 0, 1)}
    found = matching_step(secret, password, now)
    if abs(distance) <= 1 or password in near:  # two minutes may share a password once in 10^8
        assert found is not None
        assert abs(found - step_at(now)) <= 1
    else:
        assert found is None


@given(MOMENTS)
def test_a_step_ends_within_60_seconds(now: datetime) -> None:
    ends = step_ends(step_at(now))
    assert timedelta() < ends - now <= timedelta(seconds=60)
    assert step_at(ends) == step_at(now) + 1
    assert 0 < seconds_until_fresh(step_at(now), now) <= 60
    assert seconds_until_fresh(step_at(now) - 1, now) == 0
