"""No process starts without a key that stored rows are under: it would say of members that they do not exist."""

from membership.accounts.keys_needed import require_keys
from membership.app import keyring_of
from membership.cli.failures import CommandFailed
from membership.kernel.clock import SystemClock
from membership.members.keyring import KeyringError
from membership.postgres.clock import read_offset
from membership.postgres.database import open_pool
from membership.postgres.migrations import Phase, pending
from membership.postgres.snapshot import as_login, snapshot
from membership.settings import Settings

IN_SETTINGS = "Start with the settings of the processes that serve; `membership keys --help` says when a key may go."


async def require_keys_of(settings: Settings, *, way_out: str = IN_SETTINGS) -> None:
    """Raises CommandFailed naming the versions. Says nothing of a database that is still to be migrated."""
    keyring = keyring_of(settings)
    pool = await open_pool(
        str(settings.database_url), max_size=1, statement_cache_size=settings.database_statement_cache_size
    )
    try:
        async with as_login(pool) as conn:
            if await pending(conn, Phase.PRE):
                return
            now = SystemClock(await read_offset(conn)).now()
        async with snapshot(pool) as conn:
            await require_keys(conn, keyring, now)
    except KeyringError as error:
        raise CommandFailed(f"{error}. {way_out}") from None
    finally:
        await pool.close()
