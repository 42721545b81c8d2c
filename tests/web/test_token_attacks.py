"""Tokens made to get in where they do not belong: every one is refused, by name, and none is repeated in the answer."""

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from graphql import GraphQLError
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, RSAKey

from membership.kernel.actor import Role
from membership.settings import Settings
from membership.web.keys import public_keys
from membership.web.tokens import LONGEST_SUBJECT, LONGEST_TOKEN, MOST_REMEMBERED, NEEDED_CLAIMS, Tokens
from support.clock import StoppedClock
from web.conftest import SOMEBODY, Issue, Serve
from web.sockets import client_of


@pytest.fixture
def host_clock(clock: StoppedClock) -> StoppedClock:
    return clock


@pytest.fixture
def tokens(settings: Settings, issuer_folder: Path) -> Tokens:
    configured = settings.model_copy(update={"token_jwks_file": issuer_folder / "jwks.json"})
    return Tokens(configured, public_keys(configured))


@pytest.fixture
def private(issuer_folder: Path) -> ECKey:
    return ECKey.import_key(json.loads((issuer_folder / "issuer.json").read_text()))


@pytest.fixture
def claims(clock: StoppedClock) -> dict[str, object]:
    return {
        "iss": "membership-dev",
        "aud": "membership",
        "sub": "a",
        "role": "admin",
        "exp": int(clock.now().timestamp()) + 60,
    }


Refusal = Callable[[str], Awaitable[str]]


@pytest.fixture
def refusal(tokens: Tokens, clock: StoppedClock) -> Refusal:
    async def verify(token: str) -> str:
        with pytest.raises(GraphQLError) as error:
            await tokens.verify(f"Bearer {token}", clock.now())
        assert (error.value.extensions or {})["code"] == "UNAUTHENTICATED"
        assert len(tokens._remembered) == 0
        longest_parts = [part for part in token.split(".") if len(part) > 8]
        assert not any(part in error.value.message for part in longest_parts)
        return error.value.message

    return verify


def coded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def signed(private: ECKey, header: str, payload: str) -> str:
    """A token whose every byte is chosen, with a signature that is good."""
    text = f"{coded(header.encode())}.{coded(payload.encode())}"
    key = private.get_op_key("sign")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{coded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def made(private: ECKey, claims: Mapping[str, object], **header: object) -> str:
    return signed(private, json.dumps({"alg": "ES256", "kid": private.kid, **header}), json.dumps(claims))


async def test_what_is_made_here_is_good_but_for_what_is_wrong_with_it(
    tokens: Tokens, private: ECKey, claims: dict[str, object], clock: StoppedClock
) -> None:
    assert (await tokens.verify(f"Bearer {made(private, claims)}", clock.now())).role is Role.ADMIN


class TestAlgorithms:
    async def test_a_secret_that_is_our_public_key(
        self, issuer_folder: Path, private: ECKey, claims: dict[str, object], refusal: Refusal
    ) -> None:
        for secret in ((issuer_folder / "jwks.json").read_bytes(), private.as_pem(private=False)):
            header = {"alg": "HS256", "kid": private.kid}
            text = f"{coded(json.dumps(header).encode())}.{coded(json.dumps(claims).encode())}"
            token = f"{text}.{coded(hmac.digest(secret, text.encode(), 'sha256'))}"
            assert await refusal(token) == "The token is signed with another algorithm than ES256."

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "RS256", "ES384", "es256", "", None, 7, ["ES256"]])
    async def test_another_than_the_pinned_one(
        self, private: ECKey, claims: dict[str, object], refusal: Refusal, algorithm: object
    ) -> None:
        token = made(private, claims, alg=algorithm)
        assert "another algorithm" in await refusal(token)
        assert "another algorithm" in await refusal(token.rpartition(".")[0] + ".")

    async def test_none_at_all(self, private: ECKey, claims: dict[str, object], refusal: Refusal) -> None:
        header = json.dumps({"kid": private.kid})
        assert "another algorithm" in await refusal(signed(private, header, json.dumps(claims)))

    async def test_no_signature_or_another_one(
        self, private: ECKey, claims: dict[str, object], refusal: Refusal
    ) -> None:
        good = made(private, claims)
        head, payload, signature = good.split(".")
        other = made(private, {**claims, "role": "service"}).split(".")
        # A value that must not be zero nor beyond the curve's order, see CVE-2022-21449.
        zero, beyond = coded(bytes(64)), coded(b"\xff" * 64)
        for wrong in ("", "A", signature[:-4], signature + "AAAA", other[2], zero, beyond, "+/=="):
            assert "signature" in await refusal(f"{head}.{payload}.{wrong}")
        assert "signature" in await refusal(f"{head}.{other[1]}.{signature}")
        assert "signature" in await refusal(
            made(ECKey.generate_key("P-256", parameters={"kid": str(private.kid)}), claims)
        )

    async def test_a_key_id_of_another_kind_of_key(
        self, settings: Settings, tmp_path: Path, clock: StoppedClock, claims: dict[str, object]
    ) -> None:
        rsa = RSAKey.generate_key(2048, parameters={"kid": "rsa"})
        (tmp_path / "jwks.json").write_text(json.dumps({"keys": [rsa.as_dict(private=False)]}))
        configured = settings.model_copy(update={"token_jwks_file": tmp_path / "jwks.json"})
        tokens = Tokens(configured, public_keys(configured))
        token = jwt.encode({"alg": "RS256", "kid": "rsa"}, claims, rsa, algorithms=["RS256"])
        with pytest.raises(GraphQLError, match="another algorithm"):
            await tokens.verify(f"Bearer {token}", clock.now())
        _, payload, signature = token.split(".")
        relabelled = f"{coded(json.dumps({'alg': 'ES256', 'kid': 'rsa'}).encode())}.{payload}.{signature}"
        with pytest.raises(GraphQLError, match="does not list"):
            await tokens.verify(f"Bearer {relabelled}", clock.now())


class TestHeaders:
    @pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
    async def test_a_key_of_its_own(
        self, claims: dict[str, object], private: ECKey, refusal: Refusal, name: str
    ) -> None:
        own = ECKey.generate_key("P-256")
        brought = {
            "jwk": own.as_dict(private=False),
            "jku": "https://evil.test/jwks",
            "x5u": "https://evil.test/cert",
            "x5c": ["MIIB"],
        }
        for signer in (own, private):
            header = {"alg": "ES256", "kid": private.kid, name: brought[name]}
            assert "a key of its own" in await refusal(signed(signer, json.dumps(header), json.dumps(claims)))

    @pytest.mark.parametrize("extra", [{"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"zip": "DEF"}, {"enc": "A"}])
    async def test_rules_that_are_not_known(
        self, private: ECKey, claims: dict[str, object], refusal: Refusal, extra: dict[str, object]
    ) -> None:
        assert "not supported" in await refusal(made(private, claims, **extra))

    @pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "JOSE", "", 7, None, ["JWT"]])
    async def test_a_token_for_another_use(
        self, private: ECKey, claims: dict[str, object], refusal: Refusal, kind: object
    ) -> None:
        assert "type JWT" in await refusal(made(private, claims, typ=kind))

    @pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+JWT"])
    async def test_a_token_for_this_use(
        self, tokens: Tokens, private: ECKey, claims: dict[str, object], clock: StoppedClock, kind: str
    ) -> None:
        assert await tokens.verify(f"Bearer {made(private, claims, typ=kind, x5t='abc')}", clock.now())

    @pytest.mark.parametrize("kid", [None, 7, "", "k" * 201, ["a"], {"a": 1}, True])
    async def test_a_key_id_that_is_none(
        self, private: ECKey, claims: dict[str, object], refusal: Refusal, kid: object
    ) -> None:
        assert "with a key id" in await refusal(made(private, claims, kid=kid))

    @pytest.mark.parametrize("kid", ["../../etc/passwd", "' OR 1=1 --", "http://evil.test", "é", "\0", "__class__"])
    async def test_a_key_id_that_is_not_listed(
        self, private: ECKey, claims: dict[str, object], refusal: Refusal, kid: str
    ) -> None:
        message = await refusal(made(private, claims, kid=kid))
        assert "does not list" in message
        assert kid not in message

    @pytest.mark.parametrize(
        "header",
        [
            '{"alg":"ES256","kid":"other","kid":"%s"}',
            '{"alg":"none","alg":"ES256","kid":"%s"}',
            '{"alg":"ES256","kid":"%s","x":NaN}',
            '["%s"]',
            '"%s"',
            "%s",
            '{"alg":"ES256","kid":"%s","x":' + "[" * 470,
            "",
        ],
    )
    async def test_a_header_that_readers_differ_about(
        self, private: ECKey, claims: dict[str, object], refusal: Refusal, header: str
    ) -> None:
        text = header % private.kid if "%s" in header else header
        assert "with a key id" in await refusal(signed(private, text, json.dumps(claims)))


class TestShapes:
    @pytest.mark.parametrize("length", [LONGEST_TOKEN + 1, 1_000_000])
    async def test_too_long(self, private: ECKey, claims: dict[str, object], refusal: Refusal, length: int) -> None:
        assert f"{LONGEST_TOKEN} characters" in await refusal(made(private, {**claims, "x": "x" * length}))

    async def test_encrypted(self, private: ECKey, claims: dict[str, object], refusal: Refusal) -> None:
        header = {"alg": "ECDH-ES", "enc": "A128GCM", "kid": private.kid}
        public = ECKey.generate_key("P-256")
        assert "encrypted" in await refusal(jwe.encrypt_compact(header, json.dumps(claims), public))

    async def test_a_token_within_a_token(self, private: ECKey, claims: dict[str, object], refusal: Refusal) -> None:
        inner = made(private, claims)
        assert "type JWT" in await refusal(
            signed(private, json.dumps({"alg": "ES256", "kid": private.kid, "cty": "JWT"}), inner)
        )
        assert "object of JSON" in await refusal(
            signed(private, json.dumps({"alg": "ES256", "kid": private.kid}), inner)
        )

    @pytest.mark.parametrize(
        "payload", ["[]", "7", '"a"', "null", "", "{", '{"exp":1,"exp":9999999999}', '{"exp":NaN}']
    )
    async def test_claims_that_are_none(self, private: ECKey, refusal: Refusal, payload: str) -> None:
        header = json.dumps({"alg": "ES256", "kid": private.kid})
        assert "object of JSON" in await refusal(signed(private, header, payload))

    async def test_claims_nested_too_deep(self, private: ECKey, refusal: Refusal) -> None:
        header = json.dumps({"alg": "ES256", "kid": private.kid})
        assert await refusal(signed(private, header, '{"x":' + "[" * 2_500))

    @pytest.mark.parametrize(
        "token",
        # pragma: allowlist nextline secret
        ["", "x", "a.b.c", "e30.e30.", "..", "....", "eyJraWQiOjd9.e30.", "é.é.é", "a b", "\x7f", "a.b.c.d.e.f"],
    )
    async def test_no_token(self, refusal: Refusal, token: str) -> None:
        assert await refusal(token)


def ids(*names: str) -> dict[str, object]:
    return {name: str(SOMEBODY) for name in names}


class TestClaims:
    @pytest.mark.parametrize("role", list(Role))
    async def test_each_role_needs_its_own(
        self,
        tokens: Tokens,
        private: ECKey,
        claims: dict[str, object],
        clock: StoppedClock,
        refusal: Refusal,
        role: Role,
    ) -> None:
        needed = NEEDED_CLAIMS[role]
        for missing in needed:
            rest = {**claims, **ids(*needed), "role": role.value}
            del rest[missing]
            assert f"the role {role.value} needs the claim {missing}" in await refusal(made(private, rest))
            assert missing in await refusal(made(private, {**rest, missing: None}))
        token = made(private, {**claims, **ids(*needed), "role": role.value})
        assert (await tokens.verify(f"Bearer {token}", clock.now())).role is role

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"role": ""}, "claim role"),
            ({"role": "Admin"}, "names no role"),
            ({"role": "emperor"}, "names no role"),
            ({"role": {"admin": 1}}, "names no role"),
            ({"role": True}, "names no role"),
            ({"member": 7}, "claim member is not an id"),
            ({"member": ""}, "claim member is not an id"),
            ({"member": "urn:uuid:" + str(SOMEBODY)}, "claim member is not an id"),
            ({"member": "{" + str(SOMEBODY) + "}"}, "claim member is not an id"),
            ({"member": SOMEBODY.hex}, "claim member is not an id"),
            ({"till": [str(SOMEBODY)]}, "claim till is not an id"),
            ({"sub": ""}, "claim sub"),
            ({"sub": "   "}, "claim sub"),
            ({"sub": "s" * (LONGEST_SUBJECT + 1)}, "claim sub"),
            ({"sub": "a\nb"}, "claim sub"),
            ({"sub": "\ud800"}, "claim sub"),
            ({"sub": ["a"]}, "claim sub"),
            ({"sub": True}, "claim sub"),
            ({"aud": []}, "claim aud"),
            ({"aud": ""}, "claim aud"),
            ({"aud": ["other"]}, "claim aud"),
            ({"aud": ["membership", 7]}, "claim aud"),
            ({"aud": {"membership": 1}}, "claim aud"),
            ({"aud": "membership-other"}, "claim aud"),
            ({"aud": ["Membership"]}, "claim aud"),
            ({"iss": ["membership-dev"]}, "claim iss"),
            ({"iss": "membership-dev/"}, "claim iss"),
            ({"exp": "9999999999"}, "claim exp"),
            ({"exp": True}, "claim exp"),
            ({"exp": [9999999999]}, "claim exp"),
            ({"exp": 10**400}, "claim exp"),
            ({"exp": 1e300}, "claim exp"),
            ({"exp": 253402300800}, "claim exp"),
            ({"exp": -1}, "expired"),
            ({"exp": 0}, "expired"),
            ({"iat": "now"}, "claim iat"),
            ({"nbf": True}, "claim nbf"),
            ({"nbf": 10**400}, "claim nbf"),
        ],
    )
    async def test_that_make_no_sense(
        self, private: ECKey, claims: dict[str, object], refusal: Refusal, change: dict[str, object], words: str
    ) -> None:
        assert words in await refusal(made(private, {**claims, **change}))

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
    async def test_times_that_never_come(
        self, private: ECKey, claims: dict[str, object], refusal: Refusal, number: str
    ) -> None:
        payload = json.dumps({**claims, "exp": "HERE"}).replace('"HERE"', number)
        header = json.dumps({"alg": "ES256", "kid": private.kid})
        assert await refusal(signed(private, header, payload)) in (
            "The token's claims are not an object of JSON.",
            "The token's claim exp is not what is expected here.",
        )

    @pytest.mark.parametrize("audience", ["membership", ["membership"], ["other", "membership"]])
    async def test_audiences_that_name_us(
        self, tokens: Tokens, private: ECKey, claims: dict[str, object], clock: StoppedClock, audience: object
    ) -> None:
        assert await tokens.verify(f"Bearer {made(private, {**claims, 'aud': audience})}", clock.now())


class TestClocksThatDiffer:
    """By the leeway of the settings, either way."""

    @pytest.mark.parametrize("leeway", [0, 30])
    async def test_before_and_after(
        self,
        settings: Settings,
        issuer_folder: Path,
        private: ECKey,
        claims: dict[str, object],
        clock: StoppedClock,
        leeway: int,
    ) -> None:
        changed = {"token_jwks_file": issuer_folder / "jwks.json", "token_leeway_seconds": leeway}
        configured = settings.model_copy(update=changed)
        tokens = Tokens(configured, public_keys(configured))
        now = int(clock.now().timestamp())

        async def is_good(**times: int) -> bool:
            try:
                await tokens.verify(f"Bearer {made(private, {**claims, **times})}", clock.now())
            except GraphQLError:
                return False
            return True

        assert [await is_good(exp=now - leeway + offset) for offset in (0, 1)] == [False, True]
        for name in ("nbf", "iat"):
            assert [await is_good(**{name: now + leeway + offset}) for offset in (0, 1)] == [True, False]

    async def test_a_remembered_token_ends_to_the_second(
        self, tokens: Tokens, private: ECKey, claims: dict[str, object], clock: StoppedClock, refusal: Refusal
    ) -> None:
        token = made(private, claims)
        first = await tokens.verify(f"Bearer {token}", clock.now())
        clock.advance(timedelta(seconds=60 + 29))
        assert await tokens.verify(f"Bearer {token}", clock.now()) is first
        clock.advance(timedelta(seconds=1))
        assert "expired" in await refusal(token)


class TestMemory:
    async def test_is_bounded_and_keeps_who_was_here_last(
        self, tokens: Tokens, issue: Issue, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert MOST_REMEMBERED == 10_000
        monkeypatch.setattr("membership.web.tokens.MOST_REMEMBERED", 3)
        first = issue(Role.ADMIN)
        remembered = await tokens.verify(f"Bearer {first}", clock.now())
        for _ in range(4):
            # A signature of this kind is another one each time.
            await tokens.verify(f"Bearer {issue(Role.DESK)}", clock.now())
            assert await tokens.verify(f"Bearer {first}", clock.now()) is remembered
        assert len(tokens._remembered) == 3

    async def test_one_token_takes_one_place_however_it_is_written(
        self, tokens: Tokens, issue: Issue, clock: StoppedClock
    ) -> None:
        token = issue(Role.ADMIN)
        for authorization in (f"Bearer {token}", f"bearer {token}", f"BEARER   {token}", f"Bearer {token}  "):
            await tokens.verify(authorization, clock.now())
        assert len(tokens._remembered) == 1

    async def test_holds_no_token(self, tokens: Tokens, issue: Issue, clock: StoppedClock) -> None:
        token = issue(Role.ADMIN)
        await tokens.verify(f"Bearer {token}", clock.now())
        assert not any(token.encode() in digest for digest in tokens._remembered)


class TestOnEveryTransport:
    """401 with WWW-Authenticate by HTTP and for event streams, close 4403 by WebSocket; never the token."""

    @pytest.fixture
    def forged(self, private: ECKey, claims: dict[str, object]) -> str:
        return made(private, claims, alg="none")

    @pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "text/event-stream"])
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_by_http(self, client: httpx.AsyncClient, forged: str, accept: str, method: str) -> None:
        asked = {"query": "{ __typename }"}
        response = await client.request(
            method,
            "/graphql",
            params=asked if method == "GET" else None,
            json=asked if method == "POST" else None,
            headers={"Authorization": f"Bearer {forged}", "Accept": accept},
        )
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        (error,) = response.json()["errors"]
        assert error["message"] == "The token is signed with another algorithm than ES256."
        assert error["extensions"] == {
            "code": "UNAUTHENTICATED",
            "correlationId": response.headers["x-correlation-id"],
        }
        assert forged.split(".")[1] not in response.text

    async def test_by_websocket(self, serve: Serve, forged: str) -> None:
        async with serve() as served, client_of(served) as client:
            await client.say("connection_init", payload={"authorization": f"Bearer {forged}"})
            assert await client.hear_close() == (4403, "The token is signed with another algorithm than ES256.")

    async def test_a_second_beginning_with_another_token(self, serve: Serve, issue: Issue) -> None:
        async with serve() as served, client_of(served) as client:
            await client.begin(authorization=f"Bearer {issue(Role.MEMBER)}")
            await client.say("connection_init", payload={"authorization": f"Bearer {issue(Role.ADMIN)}"})
            assert (await client.hear_close())[0] == 4429
