"""Keyed hashes and encryption, with keys that change over time."""

import os
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from membership.kernel.randomness import random_bytes
from membership.members.keyring import Keyring, KeyringError, Sealed

OLD, NEW = os.urandom(32), os.urandom(32)
KIND, HASHED = "tests.values", "TESTED"
"""Kinds that the service has not: whatever text is made up below would be a canary of the run (support/canaries.py),
and a word such as `sales` stands in statements and logs."""


def keyring_of(**versions: bytes) -> Keyring:
    keys = {int(name.removeprefix("v")): key for name, key in versions.items()}
    return Keyring(hash_keys=keys, encryption_keys=keys, random_bytes=random_bytes)


BEFORE, DURING, AFTER = keyring_of(v1=OLD), keyring_of(v1=OLD, v2=NEW), keyring_of(v2=NEW)


@given(st.text())
def test_what_was_sealed_opens_again(text: str) -> None:
    sealed = DURING.seal_text(KIND, text)
    assert DURING.open_text(KIND, sealed) == text
    assert text.encode() not in sealed.ciphertext or len(text) < 4


@given(st.text())
def test_a_new_value_is_sealed_with_the_highest_version_and_old_ones_still_open(text: str) -> None:
    assert DURING.seal_text(KIND, text).key_version == 2
    assert DURING.open_text(KIND, BEFORE.seal_text(KIND, text)) == text


@given(st.text())
def test_look_up_finds_values_hashed_with_any_live_version(text: str) -> None:
    hashes = DURING.lookup_hashes(HASHED, text)
    assert hashes == [AFTER.keyed_hash(HASHED, text).digest, BEFORE.keyed_hash(HASHED, text).digest]
    assert DURING.keyed_hash(HASHED, text).key_version == 2


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert DURING.seal_text(KIND, "a").ciphertext != DURING.seal_text(KIND, "a").ciphertext


def test_the_same_value_of_two_kinds_has_two_hashes() -> None:
    assert DURING.keyed_hash("PHONE", "x").digest != DURING.keyed_hash("EMAIL", "x").digest


def test_a_value_moved_to_another_kind_of_row_does_not_open() -> None:
    sealed = DURING.seal_text(KIND, "+8613800138000")
    with pytest.raises(KeyringError, match=r"members\.display_name"):
        DURING.open_text("members.display_name", sealed)


@given(st.integers(min_value=0, max_value=12 + 5 + 16 - 1))
def test_an_altered_value_does_not_open(place: int) -> None:
    sealed = DURING.seal_text(KIND, "hello")
    altered = bytearray(sealed.ciphertext)
    altered[place] ^= 1
    with pytest.raises(KeyringError):
        DURING.open_text(KIND, Sealed(bytes(altered), sealed.key_version))


def test_a_truncated_value_does_not_open() -> None:
    with pytest.raises(KeyringError):
        DURING.open_text(KIND, Sealed(b"short", 2))


def test_a_retired_key_is_named() -> None:
    with pytest.raises(KeyringError, match="no version 1"):
        AFTER.open_text(KIND, BEFORE.seal_text(KIND, "x"))
    with pytest.raises(KeyringError, match="no version 1"):
        AFTER.token_of("invitations", UUID(int=1), key_version=1)


def test_a_token_can_be_made_again_and_differs_by_id_and_purpose() -> None:
    first = DURING.token_of("invitations", UUID(int=1), key_version=1)
    assert first == BEFORE.token_of("invitations", UUID(int=1), key_version=1)
    assert (
        len(
            {
                first,
                DURING.token_of("invitations", UUID(int=2), key_version=1),
                DURING.token_of("other", UUID(int=1), key_version=1),
            }
        )
        == 3
    )


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({}, "at least one key"),
        ({1: "ab"}, "1 bytes long"),
        ({1: "not hexadecimal"}, "hexadecimal"),
        ({0: "00" * 32}, "versions are from 1"),
        ({40_000: "00" * 32}, "versions are from 1"),
    ],
)
def test_wrong_keys_are_refused_by_name_and_without_their_value(keys: dict[int, str], complaint: str) -> None:
    good = {1: SecretStr("00" * 32)}
    with pytest.raises(KeyringError, match=f"identity_hash_keys.*{complaint}") as refused:
        Keyring.from_settings({v: SecretStr(key) for v, key in keys.items()}, good, random_bytes=random_bytes)
    assert all(key not in str(refused.value) for key in keys.values() if len(key) > 2)
