"""`membership keys status|rotate`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line

if TYPE_CHECKING:
    from membership.cli.rotation import Rotated
    from membership.kernel.clock import Clock
    from membership.members.keyring import Keyring
    from membership.members.rekeying import UnderKey
    from membership.postgres.database import Database

_RUNBOOK = """Rotate the keys of identities while everything runs.

Settings hold the keys by version, MEMBERSHIP_IDENTITY_HASH_KEYS and MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS, and every
process reads with all of them. Between two steps restart every API and worker process, one after another:

A key is 256 random bits, written as 64 hexadecimal digits: `openssl rand -hex 32`. `make run` keeps its keys in
DATA_DIR/keys/identity-hash.json and identity-encryption.json (.data/keys/…), {"1": "…"}; there a new one is added.

1. Add the new key under a higher version, and keep the old one in use: MEMBERSHIP_IDENTITY_HASH_KEY_IN_USE=1 and
MEMBERSHIP_IDENTITY_ENCRYPTION_KEY_IN_USE=1. Now all of them know both keys.

2. Take those two settings out again. New values are written under the new key.

3. `membership keys rotate --operator NAME`, with the same settings: rewrites what is under the old key.

4. When `membership keys status` says that the old version may be removed, and a week has passed since step 2
(until then a request may be repeated that was recorded under it), remove the old key.
"""

app = typer.Typer()
keys = typer.Typer(no_args_is_help=True)
app.add_typer(keys, name="keys", help=_RUNBOOK, short_help="Rotate the keys of identities while everything runs.")

LEFT = 1


@dataclass(frozen=True, slots=True)
class _Place:
    database: "Database"
    keyring: "Keyring"
    clock: "Clock"


@keys.command()
@in_one_line
def status() -> None:
    """Show how much is under which key, and which key may go.

    Needs the keys of the service in the environment. Exit code 1: stored rows need a key that is not in the settings.

    Example: membership keys status
    """
    place, found = asyncio.run(_status())
    in_use = {"HASH": place.hash_version, "ENCRYPTION": place.encryption_version}
    known = {"HASH": place.hash_versions, "ENCRYPTION": place.encryption_versions}
    for entry in found:
        mark = _mark(entry.key_version, in_use[entry.purpose], known[entry.purpose])
        print(f"{entry.what:<14} {entry.purpose:<10} version {entry.key_version} ({mark}): {entry.rows}")
    missing = False
    for purpose, versions in known.items():
        needed = {entry.key_version for entry in found if entry.purpose == purpose}
        for version in sorted(versions | needed):
            missing = missing or version not in versions
            mark = _mark(version, in_use[purpose], versions)
            print(f"Version {version} of the {purpose} keys {_next(mark, version in needed)}")
    if missing:
        raise typer.Exit(LEFT)


def _mark(version: int, in_use: int, known: frozenset[int]) -> str:
    if version not in known:
        return "missing"
    if version == in_use:
        return "in use"
    return "new" if version > in_use else "old"


def _next(mark: str, is_needed: bool) -> str:
    """What an operator does about a version."""
    match mark, is_needed:
        case "missing", _:
            return "is needed and is not in the settings: add it again to those of every process."
        case "in use", _:
            return "is in use for new values."
        case "new", _:
            return "is new and not in use yet: once every process knows it, go on with step 2 (`keys --help`)."
        case _, True:
            return (
                "is old and still needed: run `membership keys rotate`; what is not rewritten waits until it is over."
            )
        case _:
            return "is old and needed for nothing that is stored: a week after step 2 it may be removed."


@keys.command()
@in_one_line
def rotate(operator: Annotated[str, typer.Option(help="Who rotates them, for the audit trail.")]) -> None:
    """Rewrite everything that is under an old key, in small batches, beside the running service.

    May be stopped and run again, and run twice at once. Exit code 0: nothing is left under an old key; 1: something is,
    for others held it; run it again.

    Example: membership keys rotate --operator li.hua
    """
    rotated = asyncio.run(_rotate(operator))
    print(f"{rotated.rewritten} rows rewritten, {rotated.left} left under an old key.")
    if rotated.left:
        raise typer.Exit(LEFT)


async def _status() -> "tuple[Keyring, Sequence[UnderKey]]":
    from membership.accounts.keys_needed import under_keys

    async with _place() as place, place.database.pool.acquire() as conn:
        return place.keyring, await under_keys(conn, place.clock.now())


async def _rotate(operator: str) -> "Rotated":
    from membership.cli import rotation
    from membership.cli.operators import operator_named
    from membership.cli.steps import Steps
    from membership.members.keyring import KeyMissing, KeyringError

    actor = operator_named(operator)
    async with _place() as place:
        with Steps() as steps, steps.step("Rewriting under the keys in use") as report:
            try:
                return await rotation.rotate(
                    place.database, actor, place.clock.now, keyring=place.keyring, report=report
                )
            except KeyMissing as error:
                raise CommandFailed(
                    f"{error}: add it again until `membership keys status` says that it may go."
                ) from None
            except KeyringError as error:
                raise CommandFailed(
                    f"{error}: another key was configured under that version when it was written, or it was altered "
                    "since. Configure that key, or restore that row; then rotate again."
                ) from None


@asynccontextmanager
async def _place() -> AsyncIterator[_Place]:
    from membership.app import keyring_of
    from membership.cli.environment import database_of_service, read_settings
    from membership.members.keyring import KeyringError
    from membership.postgres.clock import clock_of
    from membership.postgres.database import Database, open_pool
    from membership.settings import Settings

    dsn = await database_of_service()
    try:
        keyring = keyring_of(read_settings(Settings))
    except KeyringError as error:
        raise CommandFailed(f"Wrong settings: {error}.") from None
    pool = await open_pool(dsn, max_size=2)
    try:
        yield _Place(Database(pool), keyring, await clock_of(pool))
    finally:
        await pool.close()
