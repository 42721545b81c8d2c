"""What is said beside a backup, in a file of its own: what it is of, what it needs, and what must be in it."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from membership.recovery.errors import RecoveryFailed

_AT_ONCE: Final = 1 << 20


class Role(BaseModel):
    """One that something in the database is granted to. Roles belong to the cluster and are in no backup."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    inherits: bool
    member_of: tuple[str, ...]


class Manifest(BaseModel):
    """No value of anybody's: versions, counts, and the names of keys and roles."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    taken_at: datetime
    server_major: int
    program_major: int
    migrations: tuple[str, ...]
    roles: tuple[Role, ...]
    hash_keys: tuple[int, ...]
    encryption_keys: tuple[int, ...]
    rows: dict[str, int]
    bytes: int
    sha256: str


def beside(file: Path) -> Path:
    """Where the manifest of a backup is."""
    return file.with_name(f"{file.name}.json")


def read(file: Path) -> Manifest:
    """Raises RecoveryFailed when there is none, or the backup is not what it says."""
    try:
        manifest = Manifest.model_validate_json(beside(file).read_bytes())
        size = file.stat().st_size
    except FileNotFoundError as missing:
        raise RecoveryFailed(f"There is no {missing.filename}; a backup is two files, which belong together.") from None
    except ValidationError:
        raise RecoveryFailed(f"{beside(file)} is not what `membership backup` writes.") from None
    if (size, digest(file)) != (manifest.bytes, manifest.sha256):
        raise RecoveryFailed(f"{file} is damaged: it is not what was written then. Take another backup.")
    return manifest


def digest(file: Path) -> str:
    taken = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(_AT_ONCE):
            taken.update(piece)
    return taken.hexdigest()
