"""Who works at the command line, for the audit trail."""

import socket

from membership.cli.failures import CommandFailed
from membership.kernel.actor import OPERATOR_PREFIX, Actor, Role


def operator_named(name: str) -> Actor:
    """Raises CommandFailed for a name of nothing."""
    if not name.strip():
        raise CommandFailed("--operator needs a name: say who does it, such as li.hua.")
    return Actor(Role.ADMIN, f"{OPERATOR_PREFIX}{name.strip()}", origin=f"command line of {socket.gethostname()}")
