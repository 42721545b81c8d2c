"""What went wrong, in one line on standard error and exit code 2, without a traceback."""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

EXIT_CODE = 2
INTERRUPTED = 130


class CommandFailed(Exception):
    """One line that names what failed and the way out."""


def in_one_line(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """For commands: what a user can put right is told in one line; anything else is a bug and keeps its traceback."""

    @functools.wraps(command)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        from membership.embedded.errors import EmbeddedServerError
        from membership.postgres.migrations import MigrationDrift

        try:
            _require_unix()
            return command(*args, **kwargs)
        except (CommandFailed, EmbeddedServerError, MigrationDrift) as failure:
            print(f"membership: {failure}", file=sys.stderr)
            raise typer.Exit(EXIT_CODE) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None

    return run


def _require_unix() -> None:
    if sys.platform == "win32":
        raise CommandFailed("Windows is not supported; run it in WSL 2 or in a container.")
