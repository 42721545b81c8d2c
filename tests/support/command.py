"""Types of the fixtures that run the `membership` command."""

import subprocess
from typing import Protocol, TypeAlias

Environment: TypeAlias = dict[str, str]


class Command(Protocol):
    """Runs to the end: arguments as words, variables by keyword."""

    def __call__(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]": ...
