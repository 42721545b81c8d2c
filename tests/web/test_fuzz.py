"""Whatever is sent, the answer is GraphQL JSON with codes, and never a server error."""

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.kernel.actor import Role
from web.conftest import Issue

numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
queries = st.sampled_from(
    [
        "{ __typename }",
        "{ stores { nodes { id } } }",
        "query ($first: Int, $after: String) { stores(first: $first, after: $after) { nodes { code } } }",
        "query ($by: StoreBy!) { store(by: $by) { id } }",
        "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        "query A { __typename } query B { __typename }",
    ]
)
variables = st.dictionaries(st.sampled_from(["first", "after", "by", "ids", "id"]), json_values, max_size=4)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "query": queries | st.text(alphabet='{}()[]!:$@." aQ7…#', max_size=60) | json_values,
        "variables": variables | json_values,
        "operationName": st.none() | st.sampled_from(["A", "B"]) | json_values,
        "extensions": json_values | st.fixed_dictionaries({"documentId": json_values}),
        "documentId": st.none() | json_values,
    },
)


def check(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    for error in response.json().get("errors", ()):
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", response.text
        assert error["extensions"]["correlationId"] == response.headers["x-correlation-id"]


FUZZED = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZED
@given(body=bodies | json_values, accept=st.sampled_from(["application/json", "application/graphql-response+json"]))
async def test_any_body(client: httpx.AsyncClient, issue: Issue, body: object, accept: str) -> None:
    headers = {"Accept": accept, "Authorization": f"Bearer {issue(Role.TILL)}", "Content-Type": "application/json"}
    check(await client.post("/graphql", content=httpx.Request("POST", "/", json=body).content, headers=headers))


@FUZZED
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["accept", "accept-language", "authorization", "content-type", "x-correlation-id", "content-length"]
        ),
        st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=255), max_size=40)
        | st.sampled_from(["application/json", "*/*", "Bearer a.b.c", "99999999999", "-1"]),
    ),
    body=st.binary(max_size=50),
)
async def test_any_headers(client: httpx.AsyncClient, headers: dict[str, str], body: bytes) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    check(await client.request("POST", "/graphql", content=body, headers=httpx.Headers(raw)))


@FUZZED
@given(
    parameters=st.dictionaries(
        st.sampled_from(["query", "variables", "extensions", "operationName", "documentId"]), st.text()
    )
)
async def test_any_query_string(client: httpx.AsyncClient, parameters: dict[str, str]) -> None:
    check(await client.get("/graphql", params=parameters))


@pytest.mark.parametrize("depth", [200, 400, 1_000])
async def test_variables_nested_deeper_than_calls(client: httpx.AsyncClient, issue: Issue, depth: int) -> None:
    value = "[" * depth + "]" * depth
    body = '{"query": "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", "variables": {"ids": ' + value + "}}"
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {issue(Role.TILL)}"}
    check(await client.post("/graphql", content=body.encode(), headers=headers))


@pytest.mark.parametrize(
    "query_string", ["%ff%fe", "query=%ff", "query=%00", "variables=%ff&query=%7B__typename%7D", "&&=&"]
)
async def test_a_query_string_that_is_no_text(client: httpx.AsyncClient, query_string: str) -> None:
    check(await client.get(f"/graphql?{query_string}"))
