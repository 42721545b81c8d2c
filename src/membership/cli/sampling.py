"""The samples, as commands use them."""

from datetime import datetime

from membership.cli.failures import CommandFailed
from membership.cli.operators import NOBODY_NAMED, note, operator_named
from membership.cli.steps import Report
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.sample.sizes import Size
from membership.settings import Settings

NO_SAMPLE = "none"


def size_of(sample: str) -> Size | None:
    """None for `none`. Raises CommandFailed."""
    if sample == NO_SAMPLE:
        return None
    try:
        return Size(sample)
    except ValueError:
        choice = ", ".join([*Size, NO_SAMPLE])
        raise CommandFailed(f"There is no sample {sample!r}; choose one of: {choice}.") from None


async def is_empty(conn: Conn) -> bool:
    return not await queries_of("stores").list_programmes.many(conn)


async def load(settings: Settings, size: Size, report: Report, *, now: datetime) -> None:
    """All of it or, when interrupted, nothing. The year of receipts ends the day before `now`."""
    from membership.app import keyring_of
    from membership.postgres.database import Database, open_pool
    from membership.postgres.transaction import AuditEntry
    from membership.sample.loading import load_sample

    dsn = str(settings.database_url)
    await load_sample(dsn, keyring=keyring_of(settings), size=size, today=now.date(), now=now, progress=report)
    pool = await open_pool(dsn, max_size=1)
    try:
        await note(Database(pool), operator_named(NOBODY_NAMED), now, AuditEntry("sample.load", "sample", size.value))
    finally:
        await pool.close()
