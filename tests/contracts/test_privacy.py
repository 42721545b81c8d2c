"""Every column is declared ERASE, MASK or RETAIN in sql/privacy.toml, exactly once."""

import tomllib
from collections import Counter

from membership.postgres.catalogue import sql_folder
from membership.postgres.connection import Conn

DECLARATIONS = {"erase", "mask", "retain"}


def declared() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((sql_folder() / "privacy.toml").read_text(encoding="utf-8"))


async def columns(conn: Conn) -> set[str]:
    rows = await conn.fetch(
        # Views hold nothing of their own.
        "SELECT format('%s.%s.%s', table_schema, table_name, column_name) AS name FROM information_schema.columns "
        "JOIN information_schema.tables USING (table_schema, table_name) "
        "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'"
    )
    return {row["name"] for row in rows}


def test_a_declaration_is_one_of_three() -> None:
    assert {kind for table in declared().values() for kind in table} <= DECLARATIONS


async def test_every_column_is_declared_exactly_once(schema_conn: Conn) -> None:
    names = Counter(
        f"{table}.{column}" for table, kinds in declared().items() for listed in kinds.values() for column in listed
    )
    present = await columns(schema_conn)
    assert present - names.keys() == set(), "declare these columns in sql/privacy.toml"
    assert names.keys() - present == set(), "sql/privacy.toml declares columns that do not exist"
    assert [name for name, count in names.items() if count > 1] == []


async def test_what_is_encrypted_or_hashed_of_a_person_is_never_retained(schema_conn: Conn) -> None:
    """Encryption hides a value from thieves, not from us: it still goes when the person goes."""
    kept = {f"{table}.{column}" for table, kinds in declared().items() for column in kinds.get("retain", [])}
    secret = {name for name in await columns(schema_conn) if name.endswith(("_encrypted", "phone_hash", "lookup_hash"))}
    assert secret and kept & secret == set()
