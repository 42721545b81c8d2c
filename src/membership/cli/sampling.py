"""The samples, as commands use them."""

from membership.cli.environment import connect
from membership.cli.failures import CommandFailed
from membership.cli.steps import Report
from membership.kernel.clock import SystemClock
from membership.kernel.randomness import random_bytes
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.sample.sizes import Size
from membership.settings import Settings


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
    from membership.members.keyring import Keyring
    from membership.sample.loading import load_sample

    # One clear line if the database cannot be reached; the sample opens a connection of its own.
    await (await connect(str(settings.database_url))).close()
    keyring = Keyring.from_settings(
        settings.identity_hash_keys, settings.identity_encryption_keys, random_bytes=random_bytes
    )
    now = SystemClock().now()
    await load_sample(
        str(settings.database_url), keyring=keyring, size=size, today=now.date(), now=now, progress=report
    )
