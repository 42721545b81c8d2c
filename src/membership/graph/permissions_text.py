"""The table of permissions for reading: who may ask for what, and whose it is that they get."""

from collections.abc import Iterator

from membership.graph.permissions import PERMISSIONS, RULES
from membership.graph.reach import Rule
from membership.kernel.actor import Role

HEAD = """# Who may ask for what, and whose

Made of `src/membership/graph/permissions.py` (`make generate`). A cell says whose rows the role meets behind the field;
where it is empty the role is refused with `FORBIDDEN`. What is somebody else's is unknown: a typed refusal, null, or a
list without it, and nothing changes.

- *their own*: the member's, in every programme that they are in
- *their counter's*: of the counter in the token; a till's is what the store's list of tills says, and a central
  cashier's till, which has none, meets its store's
- *their brand's*: of every counter of the brand
- *their store's*, *their programme's*, *every programme's*: of all of it; `auditTrail` answers a token that names a
  programme with what is of that programme and what is of none
- *as of its kind*: what a global id names is seen by whoever sees that kind of thing elsewhere

Fields of objects that are not listed come with their object (`carried.py`). Public fields need no token.
"""
GROUPS = ("Query", "Mutation", "Subscription")


def permissions_text() -> str:
    return "\n".join((HEAD, *_groups())) + "\n"


def _groups() -> Iterator[str]:
    for group in GROUPS:
        yield from _table(group, {name: rule for name, rule in RULES.items() if name.startswith(f"{group}.")})
    yield from _table(
        "Of objects", {name: rule for name, rule in RULES.items() if name.partition(".")[0] not in GROUPS}
    )


def _table(title: str, rules: dict[str, Rule]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| field | " + " | ".join(role.value for role in Role) + " |"
    yield "|---|" + "---|" * len(Role)
    for name, rule in sorted(rules.items()):
        shown = name.partition(".")[2] if title in GROUPS else name
        note = " (public)" if PERMISSIONS[name] is None else ""
        cells = (rule.scope(role) for role in Role)
        yield f"| `{shown}`{note} | " + " | ".join("" if scope is None else scope.value for scope in cells) + " |"
    yield ""
