"""Personal values of a test run, and the places where none of them may stand.

Every phone number, address, name and secret that the tests give to the service passes its keyring, and every card
number stands in one table: those are the canaries. What must not hold one is kept while the tests run: all logs, as
the service writes them; what clients are told of refusals and faults; the audit trail, the outbox with its dead
letters, and recorded answers; keys of Redis; the texts of statements; the labels of metrics; spans of traces. At the
end each is searched for every canary, and logs and metrics also for anything that looks like one.
"""

import io
import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from uuid import UUID

import orjson
import redis.asyncio
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from membership import logging as service_logs
from membership.members.keyring import Keyring, Sealed
from membership.members.model import IdentityKind
from membership.members.store import NAME
from membership.postgres.catalogue import queries_of, sql_folder
from membership.postgres.connection import Conn
from membership.tracing.otlp import OpenTelemetry

METRICS = "metrics"
SHORTEST = 5
"""Of a canary: shorter ones are found in words that have nothing to do with them."""

_LOOKS_PERSONAL = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.-]+"  # e-mail
    r"|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # token
    r"|\+\d[\d ()-]{5,}\d"  # phone number
    r"|(?<![\w.-])[1-9]\d{10,19}(?![\w-])"  # phone, card, member code
)
_IDENTITIES = frozenset(kind.value for kind in IdentityKind)
_FOREIGN = ("httpx", "httpcore", "asyncio", "websockets.client")
"""Loggers of the tests' own clients and loop, which a service does not have."""

_STORED = """
(SELECT 'audit trail' AS place,
    concat_ws(' ', subject_kind, subject_id, before::text, after::text, actor, origin) AS text
FROM platform.audit_entries LIMIT 1000)
UNION ALL (SELECT 'outbox', concat_ws(' ', name, payload::text, last_error) FROM platform.outbox LIMIT 1000)
UNION ALL (SELECT 'recorded answers', concat_ws(' ', scope, key, outcome::text)
FROM platform.idempotency_keys LIMIT 1000)
"""
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(slots=True)
class Watch:
    """Of one process."""

    values: set[str] = field(default_factory=set)
    texts: set[tuple[str, str]] = field(default_factory=set)
    logs: io.StringIO = field(default_factory=io.StringIO)

    def note(self, value: str) -> None:
        if len(value) >= SHORTEST:
            self.values.add(value)

    def keep(self, place: str, texts: Iterable[str]) -> None:
        """Ids tell nothing of a person, and make many texts of one."""
        self.texts.update((place, _ID.sub("#", text)) for text in texts)


WATCH = Watch()


class _KeptSpans(SpanProcessor):
    """Keeps all that a collector would be told in words."""

    def on_end(self, span: ReadableSpan) -> None:
        WATCH.keep(f"a span {span.name.partition(' ')[0]}", [_TRACE_ID.sub("#", " ".join(_texts_of(span)))])


def _texts_of(span: ReadableSpan) -> Iterator[str]:
    """Everything of a span in which a text of somebody could be."""
    yield span.name
    yield span.status.description or ""
    for attributes in (span.attributes, *(link.attributes for link in span.links)):
        yield from (f"{key}={value!s}" for key, value in (attributes or {}).items())
    for event in span.events:
        yield f"{event.name} {dict(event.attributes or {})}"


TRACING = OpenTelemetry(_KeptSpans(), service="membership-test", ratio=1.0)
"""For applications and desks under test: all they do is recorded."""


def keep_statements(statements: Iterable[str]) -> None:
    """But for those of the catalogue, which are the same for everybody: a name that is an English word stands in the
    purpose of one or the other."""
    WATCH.keep("the text of a statement", (text for text in statements if text not in _catalogue()))


@cache
def _catalogue() -> frozenset[str]:
    slices = (file.stem for file in (sql_folder() / "queries").glob("*.sql"))
    return frozenset(query.text for name in slices for query in queries_of(name))


def watch() -> None:
    """From now on, in this process: what passes the keyring is a canary, and all logs are kept as the service's are."""
    seal, keyed, token = Keyring.seal, Keyring.lookup_hashes, Keyring.token_of

    def noting_seal(self: Keyring, row_kind: str, value: bytes) -> Sealed:
        if row_kind == NAME or row_kind.startswith("members."):
            WATCH.note(value.decode(errors="ignore"))
        return seal(self, row_kind, value)

    def noting_hashes(self: Keyring, kind: str, value: str) -> list[bytes]:
        if kind in _IDENTITIES:
            WATCH.note(value)
        return keyed(self, kind, value)

    def noting_token(self: Keyring, purpose: str, key: UUID, *, key_version: int) -> str:
        made = token(self, purpose, key, key_version=key_version)
        WATCH.note(made)
        return made

    Keyring.seal = noting_seal  # type: ignore[method-assign]
    Keyring.lookup_hashes = noting_hashes  # type: ignore[method-assign]
    Keyring.token_of = noting_token  # type: ignore[method-assign]
    service_logs.configure("INFO", WATCH.logs)
    for name in _FOREIGN:
        logging.getLogger(name).propagate = False


def keep_metrics(text: str) -> None:
    """Of one scrape: names and labels, for a number may look like anything."""
    WATCH.keep(METRICS, (line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")))


async def keep_stored(conn: Conn) -> None:
    """Of a test's own database, as the test leaves it."""
    for number in await conn.fetch("SELECT number FROM cards.cards LIMIT 1000"):
        WATCH.note(number["number"])
    for row in await conn.fetch(_STORED):
        WATCH.keep(row["place"], [row["text"]])


async def keep_redis(client: "redis.asyncio.Redis") -> None:
    WATCH.keep("keys of Redis", [key.decode(errors="replace") async for key in client.scan_iter(count=1000)])


def search(watch: Watch) -> Iterator[str]:
    """What stands where it must not, in words. The values themselves are not told: this ends in a log too."""
    found: set[str] = set()
    canaries = _by_beginning(watch.values)
    for line in watch.logs.getvalue().splitlines():
        entry = orjson.loads(line)
        where = f"the log of {entry.get('logger')}: {str(entry.get('event'))[:60]!r}"
        if _LOOKS_PERSONAL.search(line.replace(service_logs.MASK, "")):
            found.add(f"something that looks personal in {where}")
        found.update(f"{kind} in {where}" for kind in _canaries_in(line, canaries))
    for place, text in watch.texts:
        if place == METRICS and _LOOKS_PERSONAL.search(text):
            found.add(f"something that looks personal in {place}")
        found.update(f"{kind} in {place}: {_shape(text, canaries)}" for kind in _canaries_in(text, canaries))
    yield from sorted(found)


def _by_beginning(values: Collection[str]) -> Mapping[str, list[str]]:
    """By their first letters: a run has many values and many texts, and looks at each place of a text once."""
    found: dict[str, list[str]] = {}
    for value in values:
        found.setdefault(value[:SHORTEST], []).append(value)
    return found


def _values_in(text: str, canaries: Mapping[str, list[str]]) -> set[str]:
    return {
        value
        for place in range(len(text) - SHORTEST + 1)
        for value in canaries.get(text[place : place + SHORTEST], ())
        if text.startswith(value, place)
    }


def _canaries_in(text: str, canaries: Mapping[str, list[str]]) -> set[str]:
    return {_kind(value) for value in _values_in(text, canaries)}


def _kind(value: str) -> str:
    if "@" in value:
        return "an e-mail address"
    if value.startswith("+"):
        return "a phone number"
    return "a card number" if value.isdigit() else "a name or secret"


def _shape(text: str, canaries: Mapping[str, list[str]]) -> str:
    """Enough to find where it came from, with every value masked."""
    for value in sorted(_values_in(text, canaries), key=len, reverse=True):
        text = text.replace(value, "…")
    return text[:160]
