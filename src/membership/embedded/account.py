"""The user that servers run as. PostgreSQL refuses to run as root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int

    def give(self, path: Path) -> None:
        """Make it the owner of a path."""
        os.chown(path, self.uid, self.gid)


def server_account(folder: Path) -> Account | None:
    """None: the servers run as the caller. For root, the owner of a folder used before, else `nobody`."""
    if os.geteuid() != 0:
        return None
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(_NOBODY, _NOBODY)
    return Account(entry.pw_uid, entry.pw_gid)
