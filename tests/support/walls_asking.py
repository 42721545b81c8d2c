"""Documents for one root field, and what came of asking: found, nothing of it, or refused by role."""

from collections.abc import Collection, Iterator
from enum import Enum, auto
from typing import Final

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
    is_required_argument,
    is_union_type,
)
from strawberry.types import ExecutionResult

from membership.graph.permissions import PERMISSIONS
from membership.graph.schema import MembershipSchema
from membership.kernel.actor import Role

NOT_THEIRS: Final = {
    "CODE_NOT_ACCEPTED",
    "GIFT_AT_ANOTHER_DESK",
    "GIFT_WAITS_FOR_VISIT",
    "GIFT_WRONG_STORE",
    "NOT_ON_THIS_BOARD",
}
"""Beside UNKNOWN_…: what somebody is told who asks about what is elsewhere."""


class Outcome(Enum):
    FOUND = auto()
    NOTHING = auto()
    FORBIDDEN = auto()
    FAULT = auto()


def document(schema: MembershipSchema, coordinate: str, role: Role, arguments: Collection[str]) -> str:
    """Asks for what tells whose it is: the ids in the answer, as deep as it takes to reach a list's rows."""
    type_name, _, field_name = coordinate.partition(".")
    root = schema._schema.type_map[type_name]
    assert isinstance(root, GraphQLObjectType)
    field = root.fields[field_name]
    given = ", ".join(f"${name}: {field.args[name].type}" for name in arguments)
    passed = ", ".join(f"{name}: ${name}" for name in arguments)
    return (
        f"{type_name.lower()} Asking{f'({given})' if given else ''} "
        f"{{ {field_name}{f'({passed})' if passed else ''} {_selection(schema, field, role, depth=4)} }}"
    )


def _selection(schema: MembershipSchema, field: GraphQLField, role: Role, *, depth: int) -> str:
    named = get_named_type(field.type)
    if is_leaf_type(named):
        return ""
    if is_abstract_type(named):
        if not is_union_type(named):
            return "{ __typename id }"
        shown = [
            f"... on {possible.name} {_fields(schema, possible, role, depth=depth)}"
            for possible in named.types
            if "Refusal" not in {interface.name for interface in possible.interfaces}
        ]
        return "{ __typename " + " ".join(shown) + " ... on Refusal { refusal: code } }"
    assert isinstance(named, GraphQLObjectType)
    return _fields(schema, named, role, depth=depth)


def _fields(schema: MembershipSchema, named: GraphQLObjectType, role: Role, *, depth: int) -> str:
    return "{ __typename " + " ".join(_chosen(schema, named, role, depth=depth)) + " }"


def _chosen(schema: MembershipSchema, named: GraphQLObjectType, role: Role, *, depth: int) -> Iterator[str]:
    """Ids and codes, the first leaf of what has none, and whatever leads to rows."""
    leaves = [name for name, field in named.fields.items() if is_leaf_type(get_named_type(field.type))]
    telling = [name for name in leaves if _tells(name)] or leaves[:1]
    for name, field in named.fields.items():
        allowed = PERMISSIONS.get(f"{named.name}.{name}")
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        if allowed is not None and role not in allowed:
            continue
        inner = get_named_type(field.type)
        if is_leaf_type(inner):
            if name in telling:
                yield name
        elif depth and _leads_to_rows(field, inner):
            yield f"{name} {_selection(schema, field, role, depth=depth - 1)}"


def _tells(name: str) -> bool:
    return name in {"id", "code"} or name.endswith(("Id", "Ids"))


def _leads_to_rows(field: GraphQLField, inner: object) -> bool:
    if not (is_object_type(inner) or is_union_type(inner)):
        return False
    name = getattr(inner, "name", "")
    return (
        is_list_type(get_nullable_type(field.type))
        or name.endswith(("Connection", "Edge"))
        or name
        in {"Campaign", "Gift", "Coupon", "Appointment", "Visit", "WaitlistEntry", "Card", "TierGrant", "Member"}
        or name in {"Membership", "PointsAdjustment", "Service", "Simulation", "BookingResource"}
    )


def outcome(result: ExecutionResult) -> tuple[Outcome, str]:
    """With what was said, to be shown when it is not what was expected."""
    if result.errors:
        codes = [str((error.extensions or {}).get("code")) for error in result.errors]
        if codes == ["FORBIDDEN"]:
            return Outcome.FORBIDDEN, codes[0]
        said = f"{codes} {result.errors[0].message}"
        return (Outcome.NOTHING if codes == ["BAD_USER_INPUT"] else Outcome.FAULT), said
    assert result.data is not None
    (answer,) = result.data.values()
    if isinstance(answer, dict) and "refusal" in answer:
        code = str(answer["refusal"])
        return (Outcome.NOTHING if code.startswith("UNKNOWN_") or code in NOT_THEIRS else Outcome.FOUND), code
    return (Outcome.NOTHING if is_empty(answer) else Outcome.FOUND), str(answer)[:200]


def is_empty(answer: object) -> bool:
    """Null, or lists of nothing however they are wrapped."""
    if answer is None or answer == []:
        return True
    if isinstance(answer, list):
        return all(is_empty(entry) for entry in answer)
    if isinstance(answer, dict):
        inner = [value for name, value in answer.items() if name not in {"__typename", "pageInfo"}]
        return bool(inner) and all(is_empty(value) for value in inner)
    return False
