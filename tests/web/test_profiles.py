"""The production profile by HTTP: trusted documents only."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from starlette.applications import Starlette

from membership.graph.operations.documents import document_id
from membership.settings import Profile
from web.conftest import MakeApp

HELLO = "query Hello($first: Int) { stores(first: $first) { nodes { code } } }"
ID = document_id(HELLO)


@pytest.fixture
async def production(
    make_app: MakeApp, client_of: Callable[[Starlette], httpx.AsyncClient]
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_app(Profile.PRODUCTION, {ID: HELLO})) as client:
        yield client


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": ID},
        {"extensions": {"documentId": ID}},
        {"documentId": ID, "variables": {"first": 1}, "operationName": "Hello"},
        {"documentId": ID, "query": "{ ignored }"},
    ],
)
async def test_a_trusted_document_by_post(production: httpx.AsyncClient, body: dict[str, object]) -> None:
    response = await production.post("/graphql", json=body)

    assert response.json()["data"] == {"stores": {"nodes": []}}


async def test_a_trusted_document_by_get(production: httpx.AsyncClient) -> None:
    response = await production.get("/graphql", params={"documentId": ID, "variables": '{"first": 1}'})

    assert response.json()["data"] == {"stores": {"nodes": []}}


async def test_a_document_id_is_no_question_from_a_browser(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"documentId": "sha256:00"}, headers={"Accept": "*/*"})

    assert response.json()["errors"][0]["extensions"]["code"] == "TRUSTED_DOCUMENT_UNKNOWN"


async def test_text_is_refused(production: httpx.AsyncClient) -> None:
    response = await production.post("/graphql", json={"query": HELLO})

    assert response.json()["errors"][0]["extensions"]["code"] == "TRUSTED_DOCUMENT_REQUIRED"


async def test_there_is_no_explorer(production: httpx.AsyncClient) -> None:
    response = await production.get("/graphql", headers={"Accept": "text/html"})

    assert response.status_code == 406
