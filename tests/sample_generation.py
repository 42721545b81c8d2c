"""What tests of the generator share: a day to end on, stores with a season, batches of a few people."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from random import Random

from asyncpg import Range

from membership.members.keyring import Keyring
from membership.postgres.json import to_json
from membership.sample.copying import Batch, Record, Table
from membership.sample.files import sample_programmes
from membership.sample.generator import HISTORY_DAYS, Generator, Recipe
from membership.sample.place import Place, place_of
from membership.sample.tables import IN_ORDER

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
FIRST_DAY, LAST_DAY = TODAY - timedelta(days=HISTORY_DAYS), TODAY - timedelta(days=1)


def repeatable_keyring() -> Keyring:
    """Its nonces are drawn from a seed, so that equal samples have equal ciphertexts."""
    return Keyring(hash_keys={1: b"h" * 32}, encryption_keys={1: b"e" * 32}, random_bytes=Random(0).randbytes)


def place(programme: str) -> Place:
    (sample,) = (entry for entry in sample_programmes() if entry.programme.code == programme)
    return place_of(sample, FIRST_DAY, LAST_DAY)


def generator(people: int, *, seed: int = 1, keyring: Keyring | None = None) -> Generator:
    return Generator(Recipe(people, seed, TODAY, NOW), keyring or repeatable_keyring())


def all_records(batches: Iterable[tuple[int, Batch]]) -> dict[Table, list[Record]]:
    records: dict[Table, list[Record]] = {table: [] for table in IN_ORDER}
    for _, batch in batches:
        for table in IN_ORDER:
            records[table] += batch.records(table)
    return records


def fingerprint(batches: Iterable[tuple[int, Batch]]) -> str:
    """Of every value of every row, in order."""
    digest = hashlib.sha256()
    for table, rows in all_records(batches).items():
        digest.update(table.name.encode())
        for row in rows:
            digest.update(to_json([_plain(value) for value in row]).encode())
    return digest.hexdigest()


def _plain(value: object) -> object:
    match value:
        case bytes():
            return value.hex()
        case Range():
            return [value.lower, value.upper]
        case _:
            return value
