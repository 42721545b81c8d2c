"""The variables of a request, looked over before anything is done with them."""

from collections.abc import Mapping
from typing import Final

import orjson
from graphql import GraphQLError

from membership.graph.operations.faults import FaultCode, bad_user_input, fault

MAX_VALUES: Final = 2_500
"""In all variables together. A receipt of 200 lines has 1,500. What the engine finds wrong costs it time for each."""
_MAX_DEPTH: Final = 254
"""As deep as orjson writes."""


def fault_of_variables(variables: Mapping[str, object] | None) -> GraphQLError | None:
    """Too many values, values nested too deep, or a text with U+0000, which JSON allows and PostgreSQL does not."""
    if not variables:
        return None
    try:
        # Writing JSON and counting in it is far quicker than a walk, and finds no fewer values than there are: before
        # each stands a comma or an opening bracket. What texts hold looks the same: hence the walk.
        written = orjson.dumps(variables)
        if b"\\u0000" not in written and _marks(written) <= MAX_VALUES:
            return None
    except TypeError:
        # Numbers beyond 64 bits, say, which the engine is to refuse, or nesting beyond all measure.
        pass
    return _walk(variables)


def _marks(written: bytes) -> int:
    return written.count(b",") + written.count(b"[") + written.count(b"{")


def _walk(variables: Mapping[str, object]) -> GraphQLError | None:
    values, depth = 0, 0
    level: list[object] = [variables]
    while level:
        if depth > _MAX_DEPTH:
            return fault(FaultCode.TOO_DEEP, f"Variables may be nested {_MAX_DEPTH} deep; these are deeper.")
        below: list[object] = []
        for value in level:
            inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
            values += len(inner)
            if values > MAX_VALUES:
                return fault(FaultCode.TOO_MANY_VALUES, f"Variables may hold {MAX_VALUES:,} values; these hold more.")
            below.extend(inner)
            if isinstance(value, str) and "\0" in value:
                return bad_user_input("A text holds the character U+0000, which cannot be kept. Send it without.")
        level = below
        depth += 1
    return None
