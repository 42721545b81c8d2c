"""Looking at processes that are not ours to wait for."""

import time
from collections.abc import Callable
from pathlib import Path


def is_alive(process_id: int) -> bool:
    """A process that ended but was not reaped by its parent yet is not alive."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def until(condition: Callable[[], bool], *, patience_seconds: float = 20) -> None:
    deadline = time.monotonic() + patience_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain")
        time.sleep(0.01)


def until_ended(process_id: int) -> None:
    until(lambda: not is_alive(process_id))
