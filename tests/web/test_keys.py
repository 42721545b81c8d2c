"""The issuer's keys: found, rotated, kept while the issuer is away, and never flooded with questions."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from graphql import GraphQLError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from pydantic import ValidationError

from membership.kernel.actor import Role
from membership.settings import Settings
from membership.web.development_issuer import ensure_keys, issue_token
from membership.web.key_sources import MOST_BYTES, KeysAway, from_address
from membership.web.keys import FRESH_FOR, LEAST_PAUSE, LONGEST_AGE, MOST_KEYS, PublicKeys, public_keys
from membership.web.tokens import Tokens
from support.clock import StoppedClock


def entry(kid: str, **changes: object) -> dict[str, object]:
    key = ECKey.generate_key("P-256", parameters={"kid": kid})
    return {**key.as_dict(private=False), **changes}


def key_set(*entries: Mapping[str, object]) -> bytes:
    return json.dumps({"keys": entries}).encode()


class Issuer:
    """What it answers, and how often it was asked. `held`: it answers when that is set."""

    def __init__(self, *entries: Mapping[str, object]) -> None:
        self.answer: bytes | KeysAway = key_set(*entries)
        self.asked = 0
        self.held: asyncio.Event | None = None
        self.is_asked = asyncio.Event()

    def lists(self, *entries: Mapping[str, object]) -> None:
        self.answer = key_set(*entries)

    async def fetch(self) -> bytes:
        self.asked += 1
        self.is_asked.set()
        if self.held is not None:
            await self.held.wait()
        if isinstance(self.answer, KeysAway):
            raise self.answer
        return self.answer


class Loop:
    """`settled`: when the reading that goes on beside the callers is done."""

    def __init__(self, keys: PublicKeys) -> None:
        self.keys = keys

    async def settled(self) -> None:
        if self.keys._reading is not None:
            await self.keys._reading


OLD, NEW = entry("old"), entry("new")


async def test_a_new_key_is_read_once_for_all_who_want_it(clock: StoppedClock) -> None:
    issuer = Issuer(OLD)
    keys = PublicKeys(issuer.fetch, "ES256")
    assert await keys.find("old", clock.now()) is not None
    issuer.lists(OLD, NEW)
    clock.advance(LEAST_PAUSE)
    issuer.held = asyncio.Event()
    issuer.is_asked.clear()
    callers = [asyncio.create_task(keys.find("new", clock.now())) for _ in range(50)]
    await issuer.is_asked.wait()
    # Whoever brings a token of a known key does not wait for it.
    assert await keys.find("old", clock.now()) is not None
    callers[0].cancel()
    issuer.held.set()
    found = await asyncio.gather(*callers, return_exceptions=True)

    assert isinstance(found[0], asyncio.CancelledError)
    assert None not in found[1:]
    assert len({id(key) for key in found[1:]}) == 1
    assert issuer.asked == 2


async def test_a_removed_key_is_good_for_so_long_at_the_most(clock: StoppedClock) -> None:
    issuer = Issuer(OLD, NEW)
    keys = PublicKeys(issuer.fetch, "ES256")
    assert await keys.find("old", clock.now()) is not None
    issuer.lists(NEW)
    clock.advance(LONGEST_AGE - timedelta(microseconds=1))
    issuer.held = asyncio.Event()
    assert await keys.find("old", clock.now()) is not None
    clock.advance(timedelta(microseconds=1))
    asking = asyncio.create_task(keys.find("old", clock.now()))
    issuer.held.set()
    assert await asking is None
    assert await keys.find("new", clock.now()) is not None


async def test_keys_in_use_are_read_again_beside_the_requests(clock: StoppedClock) -> None:
    issuer = Issuer(OLD, NEW)
    keys = PublicKeys(issuer.fetch, "ES256")
    await keys.find("old", clock.now())
    issuer.lists(NEW)
    clock.advance(FRESH_FOR)
    assert await keys.find("old", clock.now()) is not None
    await Loop(keys).settled()
    assert await keys.find("old", clock.now()) is None
    assert issuer.asked == 2


async def test_made_up_key_ids_ask_once_in_a_while_and_push_nothing_out(clock: StoppedClock) -> None:
    issuer = Issuer(OLD)
    keys = PublicKeys(issuer.fetch, "ES256")
    good = await keys.find("old", clock.now())
    for _ in range(3):
        for number in range(500):
            assert await keys.find(f"key {number}", clock.now()) is None
        assert await keys.find("old", clock.now()) is good
        clock.advance(LEAST_PAUSE)
    assert issuer.asked == 3


async def test_known_keys_serve_on_while_the_issuer_is_away(clock: StoppedClock) -> None:
    issuer = Issuer(OLD)
    keys = PublicKeys(issuer.fetch, "ES256")
    good = await keys.find("old", clock.now())
    for answer in (KeysAway("away"), b"<html>", b'{"keys": 7}', b"[]", key_set(*[OLD] * (MOST_KEYS + 1))):
        issuer.answer = answer
        clock.advance(LONGEST_AGE)
        assert await keys.find("old", clock.now()) is good
        await Loop(keys).settled()
    assert issuer.asked == 6

    # It hangs: nobody waits for it but those whose keys are not known.
    issuer.held = asyncio.Event()
    clock.advance(LEAST_PAUSE)
    async with asyncio.timeout(10):
        assert await keys.find("old", clock.now()) is good
    issuer.lists(NEW)
    issuer.held.set()
    await Loop(keys).settled()
    assert await keys.find("old", clock.now()) is None


async def test_a_clock_that_was_set_back_does_not_make_keys_last(clock: StoppedClock) -> None:
    issuer = Issuer(OLD)
    keys = PublicKeys(issuer.fetch, "ES256")
    await keys.find("old", clock.now())
    issuer.lists(NEW)
    clock.advance(-LONGEST_AGE)
    assert await keys.find("old", clock.now()) is None


OTHER_KINDS = {
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"},
    "RSA": RSAKey.generate_key(2048).as_dict(private=False),
    "another curve": ECKey.generate_key("P-384").as_dict(private=False),
    "another algorithm": entry("k", alg="ES384"),
    "for encryption": entry("k", use="enc"),
    "for other operations": entry("k", key_ops=["encrypt"]),
    "operations that are none": entry("k", key_ops="verify"),
    "without its point": {"kty": "EC", "crv": "P-256"},
    "off the curve": entry("k", y="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    "numbers for texts": entry("k", x=7),
    "of a kind nobody knows": {"kty": "QUANTUM"},
}


@pytest.mark.parametrize("other", OTHER_KINDS.values(), ids=OTHER_KINDS)
async def test_what_does_not_fit_the_algorithm_is_left_out_and_spoils_nothing(
    clock: StoppedClock, other: dict[str, object]
) -> None:
    issuer = Issuer({**other, "kid": "k"}, {"kid": 7}, {}, OLD)
    keys = PublicKeys(issuer.fetch, "ES256")
    assert await keys.find("k", clock.now()) is None
    assert await keys.find("old", clock.now()) is not None


async def test_of_two_keys_with_one_id_the_fitting_one_is_taken(clock: StoppedClock) -> None:
    rsa = {**RSAKey.generate_key(2048).as_dict(private=False), "kid": "old"}
    key = await PublicKeys(Issuer(rsa, OLD).fetch, "ES256").find("old", clock.now())
    assert key is not None
    assert key.key_type == "EC"


@pytest.mark.parametrize(
    ("algorithm", "good", "bad"),
    [
        ("RS256", RSAKey.generate_key(2048).as_dict(private=False), {"kty": "RSA", "e": "AQAB", "n": "x" * 171}),
        (
            "EdDSA",
            OKPKey.generate_key("Ed25519").as_dict(private=False),
            OKPKey.generate_key("X25519").as_dict(private=False),
        ),
    ],
)
async def test_other_algorithms_have_their_own_kinds(
    clock: StoppedClock, algorithm: str, good: dict[str, object], bad: dict[str, object]
) -> None:
    issuer = Issuer({**good, "kid": "good"}, {**bad, "kid": "bad"}, OLD)
    keys = PublicKeys(issuer.fetch, algorithm)
    assert await keys.find("good", clock.now()) is not None
    assert await keys.find("bad", clock.now()) is None
    assert await keys.find("old", clock.now()) is None


class TestTokensOfARotatedKey:
    @pytest.fixture
    def tokens(self, settings: Settings, tmp_path: Path) -> Tokens:
        ensure_keys(tmp_path)
        configured = settings.model_copy(update={"token_jwks_file": tmp_path / "jwks.json"})
        return Tokens(configured, public_keys(configured))

    async def test_end_when_their_key_is_gone_remembered_or_not(
        self, tokens: Tokens, tmp_path: Path, clock: StoppedClock
    ) -> None:
        old = issue_token(tmp_path, Role.ADMIN, now=clock.now())
        claims = await tokens.verify(f"Bearer {old}", clock.now())
        (tmp_path / "issuer.json").unlink()
        new = issue_token(tmp_path, Role.ADMIN, now=clock.now())
        clock.advance(LEAST_PAUSE)

        assert (await tokens.verify(f"Bearer {new}", clock.now())).role is Role.ADMIN
        assert not await tokens.is_still_good(claims, clock.now())
        with pytest.raises(GraphQLError, match="does not list"):
            await tokens.verify(f"Bearer {old}", clock.now())

    async def test_are_verified_again_when_a_key_id_is_given_to_another_key(
        self, tokens: Tokens, tmp_path: Path, clock: StoppedClock
    ) -> None:
        token = issue_token(tmp_path, Role.ADMIN, now=clock.now())
        claims = await tokens.verify(f"Bearer {token}", clock.now())
        (tmp_path / "jwks.json").write_bytes(key_set(entry(claims.key_id)))
        clock.advance(LONGEST_AGE)

        with pytest.raises(GraphQLError, match="signature"):
            await tokens.verify(f"Bearer {token}", clock.now())

    async def test_are_not_verified_again_while_it_stays(
        self, tokens: Tokens, tmp_path: Path, clock: StoppedClock
    ) -> None:
        token = issue_token(tmp_path, Role.ADMIN, now=clock.now())
        first = await tokens.verify(f"Bearer {token}", clock.now())
        for _ in range(3):
            clock.advance(LONGEST_AGE)
            assert await tokens.verify(f"Bearer {token}", clock.now()) is first


Answer = Callable[[asyncio.StreamWriter], None]


@asynccontextmanager
async def issuer_answering(*pieces: bytes, hold: bool = False) -> AsyncIterator[tuple[str, list[bytes]]]:
    """An address without TLS on this machine, which the settings would not take; and what was asked there."""
    asked: list[bytes] = []
    release = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).partition(b" HTTP")[0])
        for piece in pieces:
            writer.write(piece)
        if hold:
            await release.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks", asked
        release.set()


class TestByAddress:
    async def test_a_key_set_is_read(self, settings: Settings, clock: StoppedClock) -> None:
        body = key_set(OLD)
        async with issuer_answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body) as (url, _):
            configured = settings.model_copy(update={"token_jwks_url": url})
            assert await public_keys(configured).find("old", clock.now()) is not None

    @pytest.mark.parametrize("url", ["http://issuer.test/jwks", "ftp://issuer.test", "file:///etc/passwd", ""])
    def test_settings_take_https_only(self, settings: Settings, url: str) -> None:
        with pytest.raises(ValidationError, match="token_jwks_url"):
            Settings.model_validate({**settings.model_dump(by_alias=True), "token_jwks_url": url})

    async def test_a_redirect_is_not_followed(self) -> None:
        async with issuer_answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as (elsewhere, asked):
            redirect = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % elsewhere.encode()
            async with issuer_answering(redirect) as (url, _):
                with pytest.raises(KeysAway, match="redirected"):
                    await from_address(url)()
            assert asked == []

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "HTTPError"),
            (b"HTTP/1.1 204 No Content\r\n\r\n", "status 204"),
            (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * (MOST_BYTES + 1), "too long"),
            (b"SSH-2.0-OpenSSH_9.7\r\n", "BadStatusLine"),
            (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "HTTPException"),
            (b"", "RemoteDisconnected"),
        ],
    )
    async def test_what_is_no_answer(self, answer: bytes, why: str) -> None:
        async with issuer_answering(answer) as (url, _):
            with pytest.raises(KeysAway, match=why):
                await from_address(url)()

    @pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
    async def test_an_answer_that_does_not_end_is_waited_for_so_long_only(self, begun: bytes) -> None:
        async with issuer_answering(begun, hold=True) as (url, _):
            with pytest.raises(KeysAway):
                await from_address(url, timeout_seconds=0.2)()

    async def test_nobody_is_there(self) -> None:
        async with issuer_answering() as (url, _):
            pass
        with pytest.raises(KeysAway):
            await from_address(url)()

    @pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"\xff\xfe", b"null", b"7", b'{"keys": {}}', b""])
    async def test_a_body_that_is_no_key_set_leaves_what_is_known(self, clock: StoppedClock, body: bytes) -> None:
        issuer = Issuer(OLD)
        keys = PublicKeys(issuer.fetch, "ES256")
        good = await keys.find("old", clock.now())
        issuer.answer = body
        clock.advance(LONGEST_AGE)
        assert await keys.find("old", clock.now()) is good
