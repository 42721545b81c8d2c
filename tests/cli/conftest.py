"""The command as a user runs it: a process of its own, with an environment of its own."""

import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from support.command import Command, Environment


@pytest.fixture
def environment() -> Environment:
    """Nothing of the machine's settings: they would decide which servers are used."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MEMBERSHIP_") and name not in {"DATABASE_URL", "REDIS_URL"}
    }


@pytest.fixture
def membership(environment: Environment, tmp_path: Path) -> Command:
    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [Path(sys.executable).with_name("membership"), *arguments],
            env=environment | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    """Below the range that systems hand out by themselves: no other test's server gets it in between."""
    while True:
        port = random.randrange(20_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
