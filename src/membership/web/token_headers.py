"""The header of a token, read before anything of it is believed.

It says which key to look for and nothing else: which algorithm is good the settings say, and a token that brings a key
of its own, or says where one is (jwk, jku, x5u, x5c), is refused instead of being believed or ignored.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

LONGEST: Final = 700
"""Of the header's part, in characters."""
_LONGEST_KEY_ID: Final = 200
_OWN_KEYS: Final = frozenset({"jwk", "jku", "x5u", "x5c"})
_UNKNOWN_RULES: Final = frozenset({"crit", "b64", "zip", "enc", "epk"})
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
"""RFC 8725, 3.11: what was signed for another use, such as a logout token, lets nobody in."""


class UnfitHeader(Exception):
    """Says what is wrong, without a word of the token's own."""


def key_id_of(token: str, algorithm: str) -> str:
    """The `kid`. Raises UnfitHeader for what is no token signed with that algorithm."""
    parts = token.split(".")
    if len(parts) == 5:
        raise UnfitHeader("The token is encrypted. Send a signed one.")
    if len(parts) != 3 or not token.isascii() or len(parts[0]) > LONGEST:
        raise UnfitHeader("The token is not a JSON Web Token with a key id.")
    header = _members(parts[0])
    if not _OWN_KEYS.isdisjoint(header):
        raise UnfitHeader("The token's header brings a key of its own, which is not taken.")
    if not _UNKNOWN_RULES.isdisjoint(header):
        raise UnfitHeader("The token's header asks for what is not supported here.")
    if header.get("alg") != algorithm:
        raise UnfitHeader(f"The token is signed with another algorithm than {algorithm}.")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES or "cty" in header:
        raise UnfitHeader("The token is not of the type JWT.")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KEY_ID:
        raise UnfitHeader("The token is not a JSON Web Token with a key id.")
    return kid


class StrictDecoder(json.JSONDecoder):
    """Refuses, with ValueError, what readers of JSON differ about: a member that is there twice, NaN and Infinity."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _members(part: str) -> Mapping[str, object]:
    try:
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), cls=StrictDecoder)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise UnfitHeader("The token is not a JSON Web Token with a key id.")
    return header


def _unique(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
