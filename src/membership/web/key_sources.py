"""Where the issuer's key set is read: an address, a file, or nowhere.

What comes from an address is taken only as it was asked for: within five seconds in all, from that address itself and
none that it redirects to (which need not be https), and no more of it than any key set is long.
"""

import asyncio
import http.client
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import IO, Final

FetchKeySet = Callable[[], Awaitable[bytes]]
"""Raises KeysAway."""

TIMEOUT_SECONDS: Final = 5.0
MOST_BYTES: Final = 1_000_000
_PIECE: Final = 65_536


class KeysAway(Exception):
    """The key set cannot be read. Says why, for the log."""


def from_address(url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> FetchKeySet:
    async def fetch() -> bytes:
        try:
            # The second watch is for the thread itself, which may be held up by a server that trickles.
            async with asyncio.timeout(timeout_seconds):
                return await asyncio.to_thread(_get, url, timeout_seconds)
        except TimeoutError:
            raise KeysAway("no answer in time") from None

    return fetch


def from_file(path: Path) -> FetchKeySet:
    async def fetch() -> bytes:
        try:
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise KeysAway(type(error).__name__) from None

    return fetch


async def from_nowhere() -> bytes:
    return b'{"keys": []}'


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0917 - the signature is urllib's
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        raise KeysAway(f"redirected ({code})")


def _get(url: str, timeout_seconds: float) -> bytes:
    ends_at = monotonic() + timeout_seconds
    opener = urllib.request.build_opener(_NoRedirects)
    pieces: list[bytes] = []
    try:
        with opener.open(url, timeout=timeout_seconds) as answer:
            if answer.status != http.HTTPStatus.OK:
                raise KeysAway(f"status {answer.status}")
            while piece := answer.read1(_PIECE):
                pieces.append(piece)
                if sum(map(len, pieces)) > MOST_BYTES:
                    raise KeysAway("too long")
                if monotonic() > ends_at:
                    raise KeysAway("no answer in time")
    except (OSError, http.client.HTTPException) as error:
        raise KeysAway(type(error).__name__) from None
    return b"".join(pieces)
