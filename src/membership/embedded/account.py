"""The user that servers run as. PostgreSQL refuses to run as root."""

import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from membership.embedded.errors import Unsupported

# Nothing of the caller's: a PGPORT or a locale that is not installed would change what a server does.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

# Either lets a process pass through folders that are closed to its user; the first only reads. capabilities(7).
_SEARCH_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}


@dataclass(frozen=True, slots=True)
class Account:
    """`uid` None: the caller's own user.

    `capability` is for a folder below a home that is closed to others, such as root's own: it lets the server
    search the folders above its own, and nothing else is opened to anybody.
    """

    uid: int | None = None
    gid: int | None = None
    capability: str | None = None

    def command(self, death_signal: signal.Signals) -> list[str]:
        """What to put before a command line. Raises Unsupported."""
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise Unsupported(
                "Embedded servers need the program `setpriv` (package util-linux); "
                "install it, or set DATABASE_URL and REDIS_URL to servers of your own."
            )
        command = [setpriv, "--no-new-privs", "--pdeathsig", death_signal.name.removeprefix("SIG")]
        if self.uid is not None:
            command += ["--reuid", str(self.uid), "--regid", str(self.gid), "--clear-groups"]
        if self.capability is not None:
            command += ["--inh-caps", f"+{self.capability}", "--ambient-caps", f"+{self.capability}"]
        return command

    def run(self, command: list[str]) -> subprocess.CompletedProcess[bytes]:
        """Run a short program as this user, its output captured."""
        return subprocess.run(  # noqa: S603 - our own command line
            [*self.command(signal.SIGTERM), *command], env=ENVIRONMENT, cwd="/", capture_output=True, check=False
        )

    def give(self, path: Path, *, mode: int) -> None:
        """Make this user the owner of a path."""
        path.chmod(mode)
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether this user gets to a program or folder without any capability."""
        return self.uid is None or Account(self.uid, self.gid).run(["test", "-x", str(path)]).returncode == 0


def server_account(folder: Path) -> Account:
    """For root, the owner of a folder used before, else `nobody`; the caller for everybody else."""
    if os.geteuid() != 0:
        return Account()
    if (owner := folder.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def search_capability() -> str | None:
    """The weakest capability this process could pass on to get through closed folders."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
            return next((name for name, bit in _SEARCH_CAPABILITIES.items() if held >> bit & 1), None)
    return None
