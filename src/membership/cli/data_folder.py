"""What `membership dev` keeps between two starts: the servers' data and the development keys."""

import json
import secrets
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from membership.cli.failures import CommandFailed

_MARK = "membership-dev"

MARKER = "MEMBERSHIP_DEV_DATA"
"""Set in a shell that read the environment file: the data folder whose service its other variables are of."""


class DataFolder:
    """Made on first use, for the owner only where it holds secrets."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def valkey(self) -> Path:
        return self.path / "valkey"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def log_file(self) -> Path:
        return self.path / "service.log"

    @property
    def environment_file(self) -> Path:
        """For the shell, while the service runs: where it is, its keys and tokens. `. .data/environment`"""
        return self.path / "environment"

    @property
    def shop_file(self) -> Path:
        """For `membership till`: tills with their tokens, cards, shelves; while the service runs."""
        return self.path / "shop.json"

    def prepare(self) -> None:
        """Raises CommandFailed when it cannot be written, or is somebody else's folder full of other things."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not self._is_ours() and any(self.path.iterdir()):
                raise CommandFailed(f"The folder {self.path} holds other things; choose an empty or a new one.")
            (self.path / _MARK).touch()
            self.keys.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise CommandFailed(
                f"The folder {self.path} cannot be written: {(error.strerror or str(error)).lower()}; "
                "choose another with --data-dir (make: DATA_DIR=)."
            ) from None

    def keys_file(self, purpose: str) -> Path:
        """Of `hash` or `encryption`: keys of identities by version."""
        return self.keys / f"identity-{purpose}.json"

    def identity_key(self, purpose: str) -> dict[int, str]:
        """Keys by version: 256 random bits, made once. Without them, encrypted values are lost."""
        text = self._secret(self.keys_file(purpose).name, lambda: json.dumps({"1": secrets.token_hex(32)}))
        return {int(version): key for version, key in json.loads(text).items()}

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """What a shell needs to work with the running service; for the owner only, since it holds keys."""
        marked = {MARKER: str(self.path), **variables}
        lines = [f"export {name}={shlex.quote(value)}" for name, value in marked.items()]
        _write_for_owner(self.environment_file, "\n".join([*lines, ""]))

    def write_shop(self, text: str) -> None:
        """For the owner only: it holds tokens, and cards of members."""
        _write_for_owner(self.shop_file, text)

    def open_log(self) -> IO[str]:
        """To go on writing it; for the owner only, also where an earlier version left it open to others."""
        self.log_file.touch(mode=0o600)
        self.log_file.chmod(0o600)
        return self.log_file.open("a", encoding="utf-8", buffering=1)

    def forget_service(self) -> None:
        """What was written for other terminals."""
        self.environment_file.unlink(missing_ok=True)
        self.shop_file.unlink(missing_ok=True)

    def _is_ours(self) -> bool:
        return (self.path / _MARK).exists()

    def _secret(self, name: str, make: Callable[[], str]) -> str:
        file = self.keys / name
        if not file.exists():
            # Complete before it has its name: a kill in between leaves no half a key.
            fresh = file.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            fresh.touch(mode=0o600)
            fresh.write_text(make(), encoding="ascii")
            fresh.rename(file)
        return file.read_text(encoding="ascii")


def _write_for_owner(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")
