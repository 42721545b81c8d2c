"""GraphQL over HTTP: media types, methods, status codes, malformed requests."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from support.operations import SampleStores

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
QUERY = {"query": "{ __typename }"}


def only_error(response: httpx.Response) -> dict[str, object]:
    """Every error, HTTP's own ones too, is GraphQL JSON with a code and the correlation id."""
    body = response.json()
    assert "data" not in body
    (error,) = body["errors"]
    assert error["message"]
    assert error["extensions"]["correlationId"] == response.headers["x-correlation-id"]
    extensions: dict[str, object] = error["extensions"]
    return extensions


async def test_a_query_by_post(client: httpx.AsyncClient, sample: SampleStores) -> None:
    document = "query Q($code: String!) { store(by: {code: $code}) { name } }"
    body = {"query": document, "variables": {"code": "WEST"}, "operationName": "Q"}
    response = await client.post("/graphql", json=body, headers={"Accept-Language": "zh-TW, en;q=0.5"})

    assert response.status_code == 200
    assert response.json()["data"] == {"store": {"name": "商店"}}


async def test_a_query_by_get(client: httpx.AsyncClient, sample: SampleStores) -> None:
    query = {"query": "query Q($code: String!) { store(by: {code: $code}) { code } }"}
    response = await client.get("/graphql", params={**query, "variables": '{"code": "WEST"}', "operationName": ""})

    assert response.status_code == 200
    assert response.json()["data"] == {"store": {"code": "WEST"}}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8", GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", JSON),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{JSON};q=0, */*", GRAPHQL),
        (f"text/html, {GRAPHQL};q=0.1", GRAPHQL),
    ],
)
async def test_the_answer_comes_in_the_media_type_asked_for(
    client: httpx.AsyncClient, accept: str | None, media_type: str
) -> None:
    del client.headers["accept"]
    response = await client.post("/graphql", json=QUERY, headers={"Accept": accept} if accept else {})

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/plain", "application/xml", f"{JSON};q=0", f"{GRAPHQL}; charset=latin-1"])
async def test_a_client_that_takes_neither_type_gets_406(client: httpx.AsyncClient, accept: str) -> None:
    response = await client.post("/graphql", json=QUERY, headers={"Accept": accept})

    assert response.status_code == 406
    assert only_error(response)["code"] == "NOT_ACCEPTABLE"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "",
    ],
)
async def test_a_body_that_is_not_declared_json_gets_415(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post("/graphql", content=json.dumps(QUERY), headers={"Content-Type": content_type})

    assert response.status_code == 415
    assert only_error(response)["code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_another_method_gets_405_and_is_told_which(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql")

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("body", ["", "{", '{"query":', "nonsense", "\xff"])
async def test_a_body_that_is_no_json_gets_400(client: httpx.AsyncClient, body: str) -> None:
    response = await client.post("/graphql", content=body.encode("latin-1"), headers={"Content-Type": JSON})

    assert response.status_code == 400
    assert only_error(response)["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"qeury": "{ __typename }"},
        {"query": ""},
        *({"query": wrong} for wrong in ({"obj": "ect"}, 0, False, ["array"])),
        *({**QUERY, "operationName": wrong} for wrong in ({"obj": "ect"}, 0, False, ["array"])),
        *({**QUERY, "variables": wrong} for wrong in ("string", 0, False, ["array"])),
        *({**QUERY, "extensions": wrong} for wrong in ("string", 0, False, ["array"])),
    ],
)
async def test_parameters_of_the_wrong_kind_get_400(
    client: httpx.AsyncClient, body: dict[str, object], accept: str
) -> None:
    response = await client.post("/graphql", json=body, headers={"Accept": accept})

    assert response.status_code == 400
    assert only_error(response)["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("body", [[QUERY, QUERY], [], 1, "text"])
async def test_a_body_that_is_not_one_request_gets_422(client: httpx.AsyncClient, body: object) -> None:
    response = await client.post("/graphql", json=body)

    assert response.status_code == 422
    assert only_error(response)["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("parameter", ["variables", "operationName", "extensions"])
async def test_a_parameter_may_be_null(client: httpx.AsyncClient, parameter: str) -> None:
    response = await client.post("/graphql", json={**QUERY, parameter: None})

    assert response.json()["data"] == {"__typename": "Query"}


async def test_an_empty_operation_name_is_none(client: httpx.AsyncClient) -> None:
    request = {**QUERY, "operationName": ""}
    for response in (await client.post("/graphql", json=request), await client.get("/graphql", params=request)):
        assert response.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize("name", ["variables", "extensions"])
async def test_a_query_string_that_is_no_json_gets_400(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get("/graphql", params={**QUERY, name: "{nonsense"})

    assert response.status_code == 400
    assert only_error(response)["code"] == "BAD_REQUEST"


async def test_a_large_body_gets_413_whether_it_says_so_or_not(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(26):
            yield b" " * 10_000

    declared = await client.post("/graphql", content=b" " * 256_001, headers={"Content-Type": JSON})
    streamed = await client.post("/graphql", content=pieces(), headers={"Content-Type": JSON})

    for response in (declared, streamed):
        assert response.status_code == 413
        assert only_error(response)["code"] == "BODY_TOO_LARGE"


async def test_the_largest_receipt_a_till_may_print_fits(client: httpx.AsyncClient) -> None:
    # As a client sends it that escapes all but ASCII.
    line = {"lineNo": 200, "category": "COSMETICS", "quantity": 1, "netMinor": 10**12, "description": "茶" * 180}
    body = json.dumps({**QUERY, "variables": {"lines": [line] * 200}})
    response = await client.post("/graphql", content=body, headers={"Content-Type": JSON})

    assert response.json()["data"] == {"__typename": "Query"}


async def test_a_body_in_pieces_is_put_together(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"query": ', b'"{ __typename }"', b"}"):
            yield piece

    response = await client.post("/graphql", content=pieces(), headers={"Content-Type": JSON})
    assert response.json()["data"] == {"__typename": "Query"}


# A request that GraphQL itself refuses: with application/json a client can trust only 200.
@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED", 400),
        ({"query": "{ nonsense }"}, "GRAPHQL_VALIDATION_FAILED", 400),
        ({"query": "query ($by: StoreBy!) { store(by: $by) { id } }", "variables": {"by": 7}}, "BAD_USER_INPUT", 400),
        ({"query": "query A { __typename } query B { __typename }"}, "OPERATION_NOT_FOUND", 422),
        ({"query": "query A { __typename }", "operationName": "B"}, "OPERATION_NOT_FOUND", 422),
        ({"documentId": "sha256:00"}, "TRUSTED_DOCUMENT_UNKNOWN", 422),
        ({"query": '{ node(id: "x") { id } }'}, "UNAUTHENTICATED", 401),
        ({"query": "{ " + "__typename " * 999 + "}"}, "TOO_MANY_TOKENS", 400),
    ],
)
async def test_what_graphql_refuses_has_a_status_only_in_its_own_media_type(
    client: httpx.AsyncClient, body: dict[str, object], code: str, status: int
) -> None:
    as_json = await client.post("/graphql", json=body, headers={"Accept": JSON})
    as_graphql = await client.post("/graphql", json=body, headers={"Accept": GRAPHQL})

    assert (as_json.status_code, only_error(as_json)["code"]) == (200, code)
    assert (as_graphql.status_code, only_error(as_graphql)["code"]) == (status, code)


async def test_an_operation_that_ran_and_failed_has_data_and_200(client: httpx.AsyncClient) -> None:
    body = {"query": "{ stores(first: -1) { nodes { id } } }"}
    response = await client.post("/graphql", json=body, headers={"Accept": GRAPHQL})

    assert response.status_code == 200
    assert response.json()["data"] is None
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_an_unknown_path_is_graphql_json_too(client: httpx.AsyncClient) -> None:
    nowhere = await client.get("/nowhere")
    wrong = await client.post("/healthz")

    assert (nowhere.status_code, only_error(nowhere)["code"]) == (404, "NOT_FOUND")
    assert (wrong.status_code, only_error(wrong)["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(wrong.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_no_path_is_redirected_to_where_the_request_says_that_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.post("/graphql/", json=QUERY, headers={"Host": "evil.test"})
    assert (answer.status_code, only_error(answer)["code"]) == (404, "NOT_FOUND")
    assert "location" not in answer.headers


async def test_a_correlation_id_is_kept_if_it_is_well_formed(client: httpx.AsyncClient) -> None:
    kept = await client.post("/graphql", json=QUERY, headers={"X-Correlation-Id": "till-7.2026_0001"})
    assert kept.headers["x-correlation-id"] == "till-7.2026_0001"

    for bad in ("short", "with space in it", "x" * 65, "line\tbreak!!"):
        response = await client.post("/graphql", json=QUERY, headers={"X-Correlation-Id": bad})
        assert response.headers["x-correlation-id"] != bad
        assert len(response.headers["x-correlation-id"]) == 32


async def test_graphiql_is_shown_to_browsers_in_the_open_profile(client: httpx.AsyncClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page = await client.get("/graphql", headers=browser)

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "GraphiQL" in page.text
