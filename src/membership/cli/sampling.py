"""The samples, as commands use them."""

from enum import StrEnum

from membership.cli.environment import connect
from membership.cli.failures import CommandFailed
from membership.cli.steps import Report
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.settings import Settings


class Size(StrEnum):
    DEMO = "demo"


def size_of(sample: str) -> Size:
    """Raises CommandFailed."""
    try:
        return Size(sample)
    except ValueError:
        raise CommandFailed(f"There is no sample {sample!r}; choose one of: {', '.join(Size)}.") from None


async def is_empty(conn: Conn) -> bool:
    return not await queries_of("stores").list_programmes.many(conn)


async def load(settings: Settings, size: Size, report: Report) -> None:
    """All of it or, when interrupted, nothing."""
    from membership.sample.configuration import load_configuration_sample

    conn = await connect(str(settings.database_url))
    try:
        await load_configuration_sample(conn)
    finally:
        await conn.close()
