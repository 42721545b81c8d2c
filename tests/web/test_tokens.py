"""Bearer tokens: who is let in, and as whom."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from graphql import GraphQLError
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette

from membership.kernel.actor import Actor, Role
from membership.settings import Settings
from membership.web.development_issuer import issue_token
from membership.web.keys import public_keys
from membership.web.tokens import Tokens
from support.clock import StoppedClock
from web.conftest import SOMEBODY, Issue, MakeApp

ASKING = {"query": '{ node(id: "x") { id } }'}


@pytest.fixture
def host_clock(clock: StoppedClock) -> StoppedClock:
    """Tokens are judged by the machine's clock: here it stands until it is told to go on."""
    return clock


@pytest.fixture
def tokens(settings: Settings, issuer_folder: Path) -> Tokens:
    configured = settings.model_copy(update={"token_jwks_file": issuer_folder / "jwks.json"})
    return Tokens(configured, public_keys(configured))


Refusal = Callable[[str], Awaitable[str]]


@pytest.fixture
def refusal(tokens: Tokens, clock: StoppedClock) -> Refusal:
    """What is said of a token that is not good."""

    async def verify(token: str) -> str:
        with pytest.raises(GraphQLError) as error:
            await tokens.verify(f"Bearer {token}", clock.now())
        assert (error.value.extensions or {})["code"] == "UNAUTHENTICATED"
        return error.value.message

    return verify


async def test_a_token_becomes_an_actor(tokens: Tokens, issuer_folder: Path, clock: StoppedClock) -> None:
    store, till = UUID(int=2), UUID(int=3)
    token = issue_token(
        issuer_folder, Role.TILL, now=clock.now(), subject="till 7", programme=SOMEBODY, store=store, till=till
    )
    claims = await tokens.verify(f"bearer {token}", clock.now())

    assert claims.actor(origin="10.0.0.7", correlation_id="c-1") == Actor(
        role=Role.TILL,
        subject="till 7",
        programme_id=SOMEBODY,
        store_id=store,
        till_id=till,
        origin="10.0.0.7",
        correlation_id="c-1",
    )


@pytest.mark.parametrize("role", list(Role))
async def test_every_role_has_tokens(tokens: Tokens, issue: Issue, clock: StoppedClock, role: Role) -> None:
    assert (await tokens.verify(f"Bearer {issue(role)}", clock.now())).role is role


async def test_a_token_expires_after_the_leeway_remembered_or_not(
    tokens: Tokens, issue: Issue, clock: StoppedClock, refusal: Refusal
) -> None:
    token = issue(Role.TILL, lifetime=timedelta(minutes=1))
    await tokens.verify(f"Bearer {token}", clock.now())

    clock.advance(timedelta(minutes=1, seconds=29))
    await tokens.verify(f"Bearer {token}", clock.now())

    clock.advance(timedelta(seconds=1))
    assert "expired" in await refusal(token)


async def test_a_token_of_another_issuer_or_for_another_audience(issue: Issue, refusal: Refusal) -> None:
    assert "claim iss" in await refusal(issue(Role.TILL, issuer="somebody-else"))
    assert "claim aud" in await refusal(issue(Role.TILL, audience="another-service"))


@pytest.mark.parametrize(
    ("role", "missing"),
    [(Role.MEMBER, "member"), (Role.TILL, "programme"), (Role.ASSOCIATE, "programme"), (Role.DESK, "programme")],
)
async def test_a_role_needs_its_claims(
    issuer_folder: Path, clock: StoppedClock, refusal: Refusal, role: Role, missing: str
) -> None:
    assert missing in await refusal(issue_token(issuer_folder, role, now=clock.now()))


def signed(folder: Path, claims: dict[str, object], *, header: dict[str, object] | None = None) -> str:
    key = ECKey.import_key(json.loads((folder / "issuer.json").read_text()))
    return jwt.encode(header or {"alg": "ES256", "kid": key.kid}, claims, key, algorithms=["ES256"])


@pytest.mark.parametrize("claim", ["exp", "iss", "aud", "sub", "role"])
async def test_a_token_without_a_claim_that_every_token_has(
    issuer_folder: Path, clock: StoppedClock, refusal: Refusal, claim: str
) -> None:
    claims: dict[str, object] = {
        "exp": int(clock.now().timestamp()) + 60,
        "iss": "membership-dev",
        "aud": "membership",
        "sub": "a",
        "role": "admin",
    }
    del claims[claim]
    assert claim in await refusal(signed(issuer_folder, claims))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"role": "emperor"}, "names no role"),
        ({"role": ["admin"]}, "names no role"),
        ({"member": "seven"}, "claim member is not an id"),
        ({"exp": "tomorrow"}, "claim exp"),
        ({"nbf": 4102444800}, "claim nbf"),
        ({"sub": 7}, "claim sub"),
        ({"sub": "a\0b"}, "claim sub"),
        ({"client": "a\0b"}, "claim client"),
    ],
)
async def test_a_token_whose_claims_make_no_sense(
    issuer_folder: Path, clock: StoppedClock, refusal: Refusal, change: dict[str, object], words: str
) -> None:
    claims: dict[str, object] = {
        "exp": int(clock.now().timestamp()) + 60,
        "iss": "membership-dev",
        "aud": "membership",
        "sub": "a",
        "role": "admin",
    }
    assert words in await refusal(signed(issuer_folder, {**claims, **change}))


async def test_only_bearer_tokens_are_taken(tokens: Tokens, issue: Issue, clock: StoppedClock) -> None:
    with pytest.raises(GraphQLError, match="Bearer"):
        await tokens.verify(f"Basic {issue(Role.TILL)}", clock.now())


class TestByHttp:
    async def test_a_good_token_is_let_in(self, client: httpx.AsyncClient, issue: Issue) -> None:
        response = await client.post("/graphql", json=ASKING, headers={"Authorization": f"Bearer {issue(Role.TILL)}"})
        # Let in as far as the id, which is malformed.
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"

    async def test_a_bad_token_is_turned_away_even_from_what_is_public(self, client: httpx.AsyncClient) -> None:
        response = await client.post(
            "/graphql", json={"query": "{ __typename }"}, headers={"Authorization": "Bearer nonsense"}
        )
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"

    async def test_no_token_is_asked_for_where_one_is_needed(self, client: httpx.AsyncClient) -> None:
        response = await client.post("/graphql", json=ASKING, headers={"Accept": "application/graphql-response+json"})
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"


async def test_a_clock_moved_for_a_demonstration_neither_ends_tokens_nor_revives_them(
    make_app: MakeApp, client_of: Callable[[Starlette], httpx.AsyncClient], issue: Issue, clock: StoppedClock
) -> None:
    good, ended = issue(Role.TILL), issue(Role.TILL, lifetime=timedelta(hours=-1))
    for moved_to in (clock.now() + timedelta(days=400), clock.now() - timedelta(days=400)):
        app = make_app(service_clock=StoppedClock(moved_to))
        async with client_of(app) as client:
            answers = [
                await client.post(
                    "/graphql", json={"query": "{ __typename }"}, headers={"Authorization": f"Bearer {token}"}
                )
                for token in (good, ended)
            ]
        assert [answer.status_code for answer in answers] == [200, 401]


def test_the_private_key_of_the_development_issuer_is_readable_by_its_owner_only(issuer_folder: Path) -> None:
    assert (issuer_folder / "issuer.json").stat().st_mode & 0o777 == 0o600
    public = json.loads((issuer_folder / "jwks.json").read_text())
    assert all("d" not in key for key in public["keys"])
