"""pgbench, sending the SQL that the service sends: what PostgreSQL could do if nobody had to think.

The script is made from the statements of one real request (capture.py), never written by hand.

Equal: the server, its data and the settings of connections; every statement, in order, prepared (`-M prepared`), one
round trip each; BEGIN with its settings in one round trip (a pipeline), COMMIT; the rows written and their size,
checked by table; members taken by chance from the same crowd, their rows locked and read before they are written; new
keys, ids and receipt numbers in each transaction, in ascending order as the service's own.

Not equal, all of it small: parameters go as text (the service sends most of them binary) and what differs from
transaction to transaction is put into them by `replace()` in the server; a parameter that is NULL stands in the
statement; JSON documents are those of the model request but for ids; time stands still; no worker is woken.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from statistics import fmean
from urllib.parse import urlsplit
from uuid import UUID

from membership.bench.capture import Statement
from membership.bench.servers import BenchFailed
from membership.embedded.binaries import postgres_program
from membership.embedded.errors import EmbeddedServerError
from membership.kernel.ids import first_id_at
from membership.postgres.database import SERVER_SETTINGS

MODEL_BALANCE, MODEL_EARNED = 700_000_000, 800_000_000
"""The account of the model request, so that its amounts are known again in the arguments."""

MODEL_NUMBER = 1_987_654_321
"""Keys and receipt numbers of model requests count from here, likewise."""

_THREADS = os.cpu_count() or 1
_PARAMETER = re.compile(r"\$(\d+)")
_COMMENT = re.compile(r"^\s*--.*\n?", re.MULTILINE)
_LITERAL = re.compile(r"'[^']*<[a-z_0-9]+>[^']*'")
_MARK = re.compile(r"<([a-z_0-9]+)>")
_ACCOUNT = re.compile(r"\b([78])0000(\d{4})\b")
_PROGRESS = re.compile(r"^progress: [\d.]+ s, ([\d.]+) tps", re.MULTILINE)
_TOTAL = re.compile(r"^tps = ([\d.]+) ", re.MULTILINE)
_FIRST_FRESH = 100_000_000_000
_FRESH_OF_A_RUN = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Model:
    """Who made the request that is imitated, its key and receipt number, and when; and whom pgbench takes instead:
    the numbers of the first and the last."""

    member: int
    number: str
    asked_at: datetime
    members: tuple[int, int]


@dataclass(slots=True)
class Script:
    """A script, and the variables it is started with."""

    lines: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def script_of(statements: Sequence[Statement], model: Model) -> Script:
    """Each value that another request would not share becomes a mark, and each mark a variable of pgbench."""
    marks = _Marks(statements, model)
    script = Script(
        [
            rf"\set member random({model.members[0]}, {model.members[1]})",
            r"\set count :count + 1",
            r"\set fresh :run + :count * 1000 + :client_id",
        ],
        {"count": "0"},
    )
    for place, statement in enumerate(statements):
        if statement.opens:
            parts = [marks.in_sql(part.strip()) for part in statement.text.split(";")]
            script.lines += [r"\startpipeline", *(f"{part};" for part in parts), r"\endpipeline"]
        elif statement.closes:
            script.lines.append(f"{statement.text};")
        else:
            script.lines += _statement(script, statement, marks, place)
    return script


def _statement(script: Script, statement: Statement, marks: "_Marks", place: int) -> Iterator[str]:
    def expression(parameter: re.Match[str]) -> str:
        value = statement.arguments[int(parameter[1]) - 1]
        if value is None:
            return "NULL"
        name, text = f"s{place}_{parameter[1]}", marks.on(as_text(value))
        script.variables[name] = text
        return _filled(f":{name}", text)

    sql = _PARAMETER.sub(expression, _COMMENT.sub("", statement.text)).strip()
    if not (marks.deltas and "lifetime_earned" in sql and sql.startswith("SELECT")):
        yield f"{sql};"
        return
    # What is written to the account depends on what was read from it.
    yield rf"{sql} \gset read_"
    for name, (column, delta) in marks.deltas.items():
        yield rf"\set {name} :read_{column} + {delta}"
    marks.deltas = {}


def _filled(expression: str, text: str) -> str:
    """The expression that puts the transaction's own values where `text` is marked."""
    for mark in dict.fromkeys(_MARK.findall(text)):
        expression = f"replace({expression}, '<{mark}>', :{mark})"
    return expression


class _Marks:
    """`deltas`: variables to be computed from the account as read, by name: (column, what is added)."""

    def __init__(self, statements: Sequence[Statement], model: Model) -> None:
        self._known = {model.number: "<fresh>", str(model.member): "<member>"}
        self.deltas: dict[str, tuple[str, int]] = {}
        born_after = first_id_at(model.asked_at)
        values = (value for statement in statements for value in _flat(statement.arguments))
        ids = (value for value in values if isinstance(value, UUID) and value.version == 7)
        fresh = dict.fromkeys(value for value in ids if value > born_after)
        for place, identity in enumerate(fresh):
            # 32 hexadecimal digits that begin with a number counted up, as version 7 begins with the time.
            self._known[str(identity)] = f"<fresh>7000a{place:015d}"
        for statement in statements:
            for value in _flat(statement.arguments):
                if isinstance(value, int) and (found := _ACCOUNT.fullmatch(str(value))):
                    column = "balance" if found[1] == "7" else "lifetime_earned"
                    self._known[found[0]] = f"<{column}_{int(found[2])}>"
                    self.deltas[f"{column}_{int(found[2])}"] = (column, int(found[2]))

    def on(self, text: str) -> str:
        for value, mark in self._known.items():
            text = text.replace(value, mark)
        return text

    def in_sql(self, sql: str) -> str:
        """For values that stand in the statement itself."""
        return _LITERAL.sub(lambda literal: _filled(literal[0], literal[0]), self.on(sql))


def _flat(values: Sequence[object]) -> Iterator[object]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _flat(value)
        else:
            yield value


def as_text(value: object) -> str:
    """A parameter in PostgreSQL's text format."""
    match value:
        case bytes():
            return f"\\x{value.hex()}"
        case datetime() | date():
            return value.isoformat()
        case list() | tuple():
            return "{" + ",".join("NULL" if entry is None else _quoted(as_text(entry)) for entry in value) + "}"
        case _:
            return str(value)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def find_pgbench() -> Path | None:
    """The one of the embedded server, else one on the path."""
    try:
        return postgres_program("pgbench")
    except EmbeddedServerError:
        found = shutil.which("pgbench")
        return Path(found) if found else None


class Pgbench:
    """Runs scripts on one database. No two runs make the same ids."""

    def __init__(self, program: Path, dsn: str) -> None:
        self._program = program
        address = urlsplit(dsn)
        self._environment = {
            **os.environ,
            "PGHOST": address.hostname or "",
            "PGPORT": str(address.port),
            "PGUSER": address.username or "",
            "PGPASSWORD": address.password or "",
            "PGDATABASE": address.path.removeprefix("/"),
            "PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in SERVER_SETTINGS.items()),
        }
        self._runs = 0

    def rate(self, script: Script, *, clients: int, seconds: int, warm_up_seconds: int) -> float:
        """Transactions a second, once it is warm."""
        duration = str(seconds + warm_up_seconds)
        report = self._run(script, ["-c", str(clients), "-j", str(_THREADS), "-T", duration, "-P", "1"])
        # The last second may end without a line of its own.
        by_second = _PROGRESS.findall(report)[warm_up_seconds:] or _TOTAL.findall(report)
        rates = [float(rate) for rate in by_second]
        if not rates:
            raise BenchFailed(f"pgbench says: {report[-2000:]}")
        return fmean(rates)

    def transact(self, script: Script) -> None:
        """Once."""
        self._run(script, ["-c", "1", "-t", "1"])

    def _run(self, script: Script, options: Sequence[str]) -> str:
        self._runs += 1
        start = {"run": str(_FIRST_FRESH + self._runs * _FRESH_OF_A_RUN)}
        with tempfile.NamedTemporaryFile("w", suffix=".sql", encoding="utf-8") as file:
            file.write(script.text)
            file.flush()
            command = [str(self._program), "-n", "-M", "prepared", "-f", file.name, *options]
            finished = subprocess.run(  # noqa: S603 - our own command line
                [*command, *_definitions(script.variables | start)],
                env=self._environment,
                capture_output=True,
                text=True,
                check=False,
            )
        report = finished.stdout + finished.stderr
        if finished.returncode != 0 or "failed transactions: 0 " not in report:
            raise BenchFailed(f"pgbench says: {report[-2000:]}")
        return report


def _definitions(variables: Mapping[str, str]) -> Iterator[str]:
    for name, value in variables.items():
        yield from ("-D", f"{name}={value}")
