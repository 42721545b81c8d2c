"""The gift code: read back whatever way it is typed, and refused when one character is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.gifts.errors import MalformedGiftCode
from membership.gifts.rules.codes import ALPHABET, LENGTH, code_of, read_code

secrets = st.binary(min_size=32, max_size=32)


@given(secrets)
def test_a_code_is_read_as_it_was_made(secret: bytes) -> None:
    code = code_of(secret)
    assert len(code) == LENGTH
    assert set(code) <= set(ALPHABET)
    assert read_code(code) == code
    assert read_code(f" {code[:5]}-{code[5:]} ".lower()) == code
    assert read_code(code.replace("0", "O").replace("1", "l")) == code


@given(secrets, st.integers(0, LENGTH - 1), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_seen(secret: bytes, place: int, other: str) -> None:
    code = code_of(secret)
    mistyped = code[:place] + other + code[place + 1 :]
    if mistyped == code:
        assert read_code(mistyped) == code
    else:
        with pytest.raises(MalformedGiftCode):
            read_code(mistyped)


@pytest.mark.parametrize("text", ["", "0", "ABC", "U" * LENGTH, "12345678901", "😀" * LENGTH])
def test_what_is_no_code(text: str) -> None:
    with pytest.raises(MalformedGiftCode):
        read_code(text)
