"""The costliest of what can be sent only to be refused: each made anew for every number, so that no cache knows it.

What an attacker has is a body of 256 kB and a document of 500 tokens. Here is what was found to cost most of each
part of the way: reading JSON, lexing, surveying, validating, telling where errors are, coercing variables. Add what
you find.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, cast
from urllib.parse import urlencode

import orjson
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type, is_required_argument

from membership.graph.operations.documents import Manifest
from membership.graph.operations.limits import MAX_TEXT_TOKENS
from membership.kernel.actor import Role
from membership.settings import Profile
from membership.web.requests import MAX_BODY_BYTES

_ROOM: Final = MAX_BODY_BYTES - 200
Make: TypeAlias = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Candidate:
    """`make`: the body of a POST, or the query string of a GET, for a number that tells it from every other."""

    name: str
    profile: Profile
    make: Make
    method: str = "POST"
    role: Role | None = None


def candidates(schema: GraphQLSchema, manifest: Manifest) -> list[Candidate]:
    """`manifest`: of the documents that production trusts."""
    return [*_texts(), *_right(schema), *_bodies(), *_variables(), *_in_production(manifest)]


def _right(schema: GraphQLSchema) -> list[Candidate]:
    """Documents as long as may be, all right but for one thing that is found last."""
    much = _everything(cast(GraphQLObjectType, schema.query_type), tokens=MAX_TEXT_TOKENS - 40)
    return [
        _text("right: but for an unused variable", lambda number: f"query Q{number}($never: Int) {{ {much} }}"),
        _text(
            "right: but for a variable of the wrong type",
            lambda number: f"query Q{number}($id: Int) {{ {much} node(id: $id) {{ id }} }}",
        ),
        _text("right: but without a token", lambda number: f'query Q{number} {{ {much} node(id: "x") {{ id }} }}'),
        _text("right: but for one value", lambda number: f"query Q{number} {{ {much} node(id: 1.5) {{ id }} }}"),
    ]


def _everything(parent: GraphQLObjectType, *, tokens: int, depth: int = 1) -> str:
    """As many different fields as that, of those that need no argument."""
    selected: list[str] = []
    for name, field in parent.fields.items():
        if tokens < 4 or any(is_required_argument(entry) for entry in field.args.values()):
            continue
        inside = get_named_type(field.type)
        if is_leaf_type(inside):
            selected.append(name)
            tokens -= 1
        elif isinstance(inside, GraphQLObjectType) and depth < 5 and name != "edges":
            below = _everything(inside, tokens=tokens - 3, depth=depth + 1)
            if below:
                selected.append(f"{name} {{ {below} }}")
                tokens -= 1 + len(selected[-1].split())
    return " ".join(selected)


def _texts() -> list[Candidate]:
    return [_text(name, make) for name, make in {**_LEXED, **_VALIDATED}.items()]


def _text(name: str, make: Callable[[int], str], variables: object = None) -> Candidate:
    def body(number: int) -> bytes:
        return orjson.dumps({"query": make(number), "variables": variables})

    return Candidate(name, Profile.OPEN, body)


def _repeat(piece: str, count: int) -> str:
    return " ".join([piece] * count)


def _fields_of(number: int, piece: str, count: int) -> str:
    return f"query Q{number} {{ {_repeat(piece, count)} }}"


def _lines(number: int) -> str:
    """An error at the end of many lines: where that is, takes counting."""
    return f"{{ a{number}" + "\n" * (_ROOM // 2)


_LEXED: Final[Mapping[str, Callable[[int], str]]] = {
    "text: one string": lambda number: f'{{ store(by: {{code: "{number}{"x" * _ROOM}"}}) {{ code }} }}',
    "text: a string of escapes": lambda number: f'{{ a{number}(b: "' + r"\u0041" * (_ROOM // 7) + '") }',
    "text: a block of lines": lambda number: f'{{ a{number}(b: """' + "\n  x" * (_ROOM // 5) + '""") }',
    "text: one comment": lambda number: f"{{ a{number} }} #" + "x" * _ROOM,
    "text: many comments": lambda number: f"{{ a{number}" + "#\n" * (_ROOM // 3) + "}",
    "text: commas": lambda number: f"{{ a{number}" + "," * _ROOM + "}",
    "text: spaces": lambda number: f"{{ a{number}" + " " * _ROOM + "}",
    "text: lines": _lines,
    "text: one name": lambda number: f"{{ a{number}" + "x" * _ROOM + " }",
    "text: one number": lambda number: f"{{ a(b: {number}" + "1" * _ROOM + ") }",
    "text: names without end": lambda number: f"{{ a{number} " + "a " * (_ROOM // 2) + "}",
    "text: braces without end": lambda number: f"{{ a{number} " + "{a" * (_ROOM // 2),
    "text: 10 kB of lines": lambda number: f"{{ a{number}" + "\n" * 9_900,
    "text: 10 kB of comments": lambda number: f"{{ a{number} " + "#\n" * 4_900,
    "text: 10 kB of escapes": lambda number: f'{{ a{number}(b: "' + r"\u0041" * 1_600 + '") }',
    "text: 10 kB of a block": lambda number: f'{{ a{number}(b: """' + "\n  x" * 1_900 + '""") }',
}


def _overlapping(number: int) -> str:
    return _fields_of(number, "stores{nodes{code}}", 70)


def _chained(number: int) -> str:
    """Fragments that spread all that come after them."""
    some = range(14)
    spreads = [" ".join(f"...F{later}" for later in some[place + 1 :]) for place in some]
    fragments = " ".join(f"fragment F{place} on Query {{ {spreads[place]} __typename }}" for place in some)
    return f"query Q{number} {{ ...F0 nothing }} {fragments}"


def _shared(number: int) -> str:
    """Operations that all reach the same many fields."""
    fields = " ".join(f"f{place}" for place in range(200))
    return f"fragment F on Query {{ {fields} q{number} }} " + "{...F}" * 60


def _shared_fault(number: int) -> str:
    """Operations that are all too deep, by one fragment."""
    return f"fragment F on Query {{ {'a{' * 11}b{'}' * 11} q{number} }} " + "{...F}" * 110


def _pairs(number: int) -> str:
    """Fragments that are all spread in one place, each to be compared with each."""
    fragments = " ".join(f"fragment F{place} on Query {{ stores {{ nodes {{ code }} }} }}" for place in range(30))
    return f"query Q{number} {{ {' '.join(f'...F{place}' for place in range(30))} }} {fragments}"


def _rings(number: int) -> str:
    fragments = " ".join(
        f"fragment F{place} on Query {{ ...F{(place + 1) % 40} ...F{(place + 7) % 40} }}" for place in range(33)
    )
    return f"query Q{number} {{ ...F0 }} {fragments}"


def _many_operations(number: int) -> str:
    return " ".join(f"query Q{number}_{place} {{ stores {{ nodes {{ code }} }} }}" for place in range(49))


def _variables_unused(number: int) -> str:
    return f"query Q{number}(" + " ".join(f"$v{place}: Int" for place in range(98)) + ") { __typename }"


def _variables_undefined(number: int) -> str:
    return f"query Q{number} {{ " + " ".join(f"stores(first: $v{place}) {{ __typename }}" for place in range(49)) + " }"


_VALIDATED: Final[Mapping[str, Callable[[int], str]]] = {
    "fields: 490 unknown": lambda number: f"query Q{number} {{ " + " ".join(f"a{n}" for n in range(490)) + " }",
    "fields: one that looks like known ones": lambda number: f"query Q{number} {{ previewCampaignDate }}",
    "fields: 400 that look like known ones": lambda number: _fields_of(number, "storesx visitProposal", 200),
    "fields: 490 repeated": lambda number: _fields_of(number, "__typename", 490),
    "fields: 490 times one that needs more": lambda number: _fields_of(number, "stores", 490),
    "fields: 100 alike and one unknown": lambda number: _fields_of(number, "__typename", 100)[:-1] + "nothing }",
    "fields: 70 that overlap": _overlapping,
    "fields: 19 that overlap, and one unknown": lambda number: (
        _fields_of(number, "stores{nodes{code}}", 19)[:-1] + "nothing }"
    ),
    "fields: 12 that overlap deep, and one unknown": lambda number: (
        _fields_of(number, "stores{nodes{counters{nodes{store{code}}}}}", 12)[:-1] + "nothing }"
    ),
    "fields: 31 that overlap deep": lambda number: _fields_of(
        number, "stores{nodes{counters{nodes{store{programme{code}}}}}}", 31
    ),
    "arguments: 160 unknown": lambda number: f"query Q{number} {{ stores(" + "a: 1 " * 160 + ") { __typename } }",
    "arguments: a list 240 deep": lambda number: f"query Q{number} {{ nodes(ids: {'[' * 240}{']' * 240}) {{ id }} }}",
    "arguments: an object 120 deep": lambda number: f"query Q{number} {{ store(by: {'{a:' * 120}1{'}' * 120}) }}",
    "arguments: 240 of the wrong type": lambda number: f"query Q{number} {{ nodes(ids: [{_repeat('{}', 240)}]) }}",
    "fragments: each spreads all that follow": _chained,
    "fragments: 30 beside each other": _pairs,
    "fragments: in rings": _rings,
    "fragments: 60, all unused": lambda number: (
        f"query Q{number} {{ __typename }} "
        + " ".join(f"fragment F{place} on Query {{ __typename nothing }}" for place in range(60))
    ),
    "operations: 49": _many_operations,
    "operations: 60 that share 200 fields": _shared,
    "operations: 110 that share a fault": _shared_fault,
    "interfaces: 450 unknown fields": lambda number: (
        f"query Q{number} {{ node(id: 1) {{ {' '.join(f'a{place}' for place in range(450))} }} }}"
    ),
    "variables: 98 unused": _variables_unused,
    "variables: 49 undefined": _variables_undefined,
    "directives: 60": lambda number: _fields_of(number, "__typename @skip(if: false)", 60),
    "inline fragments: 240 deep": lambda number: f"query Q{number} {'{...' * 240}",
    "inline fragments: 100 beside each other": lambda number: (
        _fields_of(number, "...{__typename}", 100)[:-1] + "nothing }"
    ),
    "inline fragments: 120 beside each other": lambda number: (
        _fields_of(number, "...{__typename}", 120)[:-1] + "nothing }"
    ),
    "types: 80 impossible conditions": lambda number: _fields_of(number, "...on Card{id}", 80),
}


def _bodies() -> list[Candidate]:
    def raw(name: str, make: Make, method: str = "POST") -> Candidate:
        return Candidate(name, Profile.OPEN, make, method)

    return [
        raw("body: too large by one", lambda number: b"%d" % number + b"x" * MAX_BODY_BYTES),
        raw("body: no JSON", lambda number: b'{"query": %d' % number + b" " * _ROOM),
        raw("body: lists without end", lambda number: b'{"query": "a%d", "x":' % number + b"[" * _ROOM),
        raw(
            "body: 1,000 lists deep",
            lambda number: b'{"query":"%d{","v":' % number + b"[" * 1_000 + b"]" * 1_000 + b"}",
        ),
        raw("body: many members", lambda number: orjson.dumps({f"k{number}{n}": 0 for n in range(20_000)})),
        raw("body: a batch", lambda number: b"[" + b'{"query":"{a}"},' * 15_000 + b"%d]" % number),
        raw(
            "body: a list of numbers",
            lambda number: b'{"query": "{a%d}", "variables": {"a": [' % number + b"0," * 125_000 + b"0]}}",
        ),
        raw("query string: many parameters", lambda number: b"query=a%d&" % number + b"a=1&" * 15_000, "GET"),
        raw("query string: many escapes", lambda number: b"query=a%d" % number + b"%7B" * 20_000, "GET"),
        raw(
            "query string: one text",
            lambda number: urlencode({"query": f"{{ a{number}" + "\n" * 20_000}).encode(),
            "GET",
        ),
    ]


_ASKS_FOR_IDS: Final = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
_ASKS_FOR_STORE: Final = "query ($by: StoreBy!) { store(by: $by) { code } }"


def _nested(depth: int) -> object:
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


def _variables() -> list[Candidate]:
    sent: Mapping[str, tuple[str, Callable[[int], object]]] = {
        "60,000 ids": (_ASKS_FOR_IDS, lambda number: {"ids": ["a"] * 60_000}),
        "80,000 objects for ids": (_ASKS_FOR_IDS, lambda number: {"ids": [{}] * 80_000}),
        "50,000 nulls for ids": (_ASKS_FOR_IDS, lambda number: {"ids": [None] * 50_000}),
        "lists 500 deep": (_ASKS_FOR_IDS, lambda number: {"ids": _nested(500)}),
        "one long id": (_ASKS_FOR_IDS, lambda number: {"ids": ["x" * _ROOM]}),
        "20,000 unknown members": (_ASKS_FOR_STORE, lambda number: {"by": {f"a{n}": 1 for n in range(20_000)}}),
        "20,000 unknown variables": (_ASKS_FOR_STORE, lambda number: {f"a{n}": 1 for n in range(20_000)}),
    }

    def candidate(name: str, text: str, value: Callable[[int], object]) -> Candidate:
        def body(number: int) -> bytes:
            # Not by orjson, which writes nothing nested that deep.
            return json.dumps({"query": text, "variables": value(number)}, separators=(",", ":")).encode()

        return Candidate(f"variables: {name}", Profile.OPEN, body, role=Role.ADMIN)

    return [candidate(name, text, value) for name, (text, value) in sent.items()]


def _in_production(manifest: Manifest) -> list[Candidate]:
    named = {text: identity for identity, text in manifest.items()}
    commit = next(identity for text, identity in named.items() if "mutation CommitSale(" in text)
    create = next(identity for text, identity in named.items() if "mutation CreateCampaign(" in text)

    def made(name: str, make: Make, role: Role | None = None) -> Candidate:
        return Candidate(f"production: {name}", Profile.PRODUCTION, make, role=role)

    return [
        made("text", lambda number: orjson.dumps({"query": f"{{ a{number} " + "a " * 120_000})),
        made("an unknown id", lambda number: orjson.dumps({"documentId": f"sha256:{number}"})),
        made("a long unknown id", lambda number: orjson.dumps({"documentId": f"{number}" + "x" * _ROOM})),
        made(
            "an unknown id with 100,000 variables",
            lambda number: b'{"documentId": "%d", "variables": {"a": [' % number + b"0," * 120_000 + b"0]}}",
        ),
        made(
            "a receipt of 20,000 empty lines",
            lambda number: orjson.dumps(
                {"documentId": commit, "variables": {"input": {"basket": {"lines": [{}] * 20_000}}}}
            ),
            Role.TILL,
        ),
        made(
            "a campaign of 50,000 empty rules",
            lambda number: orjson.dumps(
                {"documentId": create, "variables": {"input": {"content": {"rules": [{}] * 50_000}}}}
            ),
            Role.PLANNER,
        ),
        made(
            "a document that the caller may not run, with much",
            lambda number: orjson.dumps({"documentId": create, "variables": {"input": [0] * 120_000}}),
            Role.TILL,
        ),
    ]
