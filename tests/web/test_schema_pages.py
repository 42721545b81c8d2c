"""/schema: the schema as pages to read."""

import re
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from starlette.applications import Starlette

from membership.graph.operations.documents import load_manifest
from membership.graph.operations.faults import FAULTS, FaultCode
from membership.graph.schema import build_schema
from membership.settings import Profile
from membership.web.answers import STATUS_OF_FAULT
from web.conftest import MakeApp


@pytest.fixture
async def reader(
    make_app: MakeApp, client_of: Callable[[Starlette], httpx.AsyncClient]
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_app(manifest=load_manifest())) as client:
        yield client


async def _page(reader: httpx.AsyncClient, address: str) -> str:
    response = await reader.get(address)
    assert response.status_code == 200, address
    return response.text


async def test_the_first_page_leads_to_every_field_and_type(reader: httpx.AsyncClient) -> None:
    page = await _page(reader, "/schema")

    for address in ("/schema/Mutation/commitSale", "/schema/Query/memberHome", "/schema/Coupon", "/schema/CardNumber"):
        assert f'href="{address}"' in page


async def test_no_link_leads_nowhere(reader: httpx.AsyncClient) -> None:
    """From the first page through all pages that it leads to, and what those lead to."""
    seen: dict[str, str] = {}
    waiting = ["/schema"]
    while waiting:
        address = waiting.pop()
        if address not in seen:
            seen[address] = await _page(reader, address)
            links = re.findall(r'(?:href|src)="(/schema[^"#]*)', seen[address])
            waiting.extend(link for link in links if link not in seen)

    assert "/schema/files/style.css" in seen
    schema = build_schema()._schema
    roots = [root for root in (schema.query_type, schema.mutation_type, schema.subscription_type) if root is not None]
    named = {f"/schema/{name}" for name in schema.type_map if not name.startswith("__") and name not in map(str, roots)}
    asked = {f"/schema/{root.name}/{name}" for root in roots for name in root.fields}
    assert (named | asked) - set(seen) == set()
    anchors = {
        (address, anchor)
        for page in seen.values()
        for address, anchor in re.findall(r'href="(/schema[^"#]*)#([^"]+)"', page)
    }
    assert [link for link in anchors if f'id="{link[1]}"' not in seen[link[0]]] == []


async def test_the_page_of_a_mutation_says_all_that_its_client_needs(reader: httpx.AsyncClient) -> None:
    page = await _page(reader, "/schema/Mutation/commitSale")

    assert '<span class="role">till</span>' in page
    assert 'href="/schema/CommitSaleInput"' in page
    assert 'href="/schema/CommitSalePayload"' in page
    assert 'href="/schema/NaturalKeyConflict"' in page
    documents = [name for name, text in load_manifest().items() if "commitSale(" in text]
    assert documents and all(name in page for name in documents)


async def test_a_refusal_stands_beside_the_code_to_match_on(reader: httpx.AsyncClient) -> None:
    page, own = await _page(reader, "/schema/Mutation/commitSale"), await _page(reader, "/schema/NaturalKeyConflict")

    assert '<code>NaturalKeyConflict</code></a> <code class="id">NATURAL_KEY_CONFLICT</code>' in page
    assert '<code class="id">NATURAL_KEY_CONFLICT</code>' in own
    assert '<code class="id">None</code>' not in page


async def test_every_fault_is_explained(reader: httpx.AsyncClient) -> None:
    assert set(FAULTS) == set(FaultCode)
    assert 'href="/schema/faults"' in await _page(reader, "/schema")
    page = await _page(reader, "/schema/faults")

    listed = dict(re.findall(r'<dt id="(\w+)"><code>\1</code> <span class="default">([^<]+)</span>', page))
    assert set(listed) == {code.value for code in FaultCode}
    assert (listed["TILL_REVOKED"], listed["OPERATION_NOT_ALLOWED"]) == ("401", "405 or 422")
    assert [code for code, text in FAULTS.items() if not text.meaning.endswith(".")] == []


def test_the_status_that_is_told_is_the_one_that_is_sent() -> None:
    """Of what GraphQL refuses; those of HTTP are in test_statuses.py."""
    by_graphql = {FaultCode(code): status for code, status in STATUS_OF_FAULT.items()}

    assert {code: FAULTS[code].statuses for code in by_graphql} == {code: (sent,) for code, sent in by_graphql.items()}


async def test_a_document_comes_with_the_way_to_send_it(reader: httpx.AsyncClient) -> None:
    first, page = await _page(reader, "/schema"), await _page(reader, "/schema/Mutation/commitSale")
    (identity,) = (name for name, text in load_manifest().items() if "mutation CommitSale(" in text)

    for told in (first, page):
        assert "POST /graphql" in told and "graphql/operations/manifest.json" in told
    assert f'"documentId": "{identity}", "variables"' in page.replace("&#34;", '"')


async def test_a_type_says_where_it_is_used(reader: httpx.AsyncClient) -> None:
    page = await _page(reader, "/schema/CommitSaleInput")

    assert 'href="/schema/Mutation/commitSale"' in page


@pytest.mark.parametrize("address", ["/schema/Nothing", "/schema/Query/nothing", "/schema/files/base.html"])
async def test_what_is_not_there(reader: httpx.AsyncClient, address: str) -> None:
    response = await reader.get(address)

    assert response.status_code == 404
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_the_pages_ask_no_other_address_for_anything(reader: httpx.AsyncClient) -> None:
    response = await reader.get("/schema")

    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert re.findall(r'(?:href|src)="(?:https?:)?//', response.text) == []


async def test_production_tells_nothing(make_app: MakeApp, client_of: Callable[[Starlette], httpx.AsyncClient]) -> None:
    async with client_of(make_app(Profile.PRODUCTION)) as client:
        response = await client.get("/schema")

    assert response.status_code == 404
