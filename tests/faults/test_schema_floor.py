"""A step after a rollout, while an old API and an old worker still run: they write nothing from then on."""

import signal
from pathlib import Path

import httpx

from membership.graph.kit.relay import global_id
from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.schema_level import known_level
from membership.settings import Settings
from membership.web.development_issuer import issue_token
from support.outbox import states_of
from support.own_process import PATIENCE_SECONDS, running_command

ANN = new_id()
_ADJUST = "mutation ($input: AdjustPointsInput!) { adjustPoints(input: $input) { ... on Refusal { code } } }"


async def test_old_code_writes_nothing_once_the_floor_is_raised_under_it(
    settings: Settings, tmp_path: Path, conn: Conn
) -> None:
    async with (
        running_command("serve", settings, tmp_path) as api,
        running_command("worker", settings, tmp_path) as worker,
    ):
        url = f"http://127.0.0.1:{await api.port()}"
        await worker.said("working")
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as client:
            assert await _adjust(client, tmp_path, "before") == (200, "UNKNOWN_MEMBER")
            await conn.execute("UPDATE platform.schema_floor SET oldest = $1", known_level() + 1)
            await _emit(conn)

            assert await _adjust(client, tmp_path, "after") == (503, "UNAVAILABLE")
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()["code"]) == (503, "SCHEMA_TOO_NEW")
            assert await worker.ended() == 2
            assert "The schema of the database is too new for this code" in worker.text.splitlines()[-1]
            assert (await client.get("/healthz")).status_code == 200, "it is taken out of service, not killed"
        api.send(signal.SIGTERM)
        assert await api.ended() == 0
    assert [row["key"] for row in await conn.fetch("SELECT key FROM platform.idempotency_keys")] == ["before"]
    assert await states_of(conn, ANN) == ["PENDING"]

    for command in ("serve", "worker"):
        async with running_command(command, settings, tmp_path) as refused:
            assert await refused.ended() == 2
        assert f"it must know {known_level() + 1:04}; run the version that came with it" in refused.text


async def _adjust(client: httpx.AsyncClient, folder: Path, key: str) -> tuple[int, object]:
    token = issue_token(folder, Role.MEMBER_SERVICES, now=SystemClock().now(), subject="services", programme=new_id())
    given = {"idempotencyKey": key, "memberId": global_id("Member", new_id()), "points": 1, "reason": "b"}
    answer = await client.post(
        "/graphql",
        json={"query": _ADJUST, "variables": {"input": given}},
        headers={"Authorization": f"Bearer {token}", "Accept": "application/graphql-response+json"},
    )
    body = answer.json()
    if "errors" in body:
        return answer.status_code, body["errors"][0]["extensions"]["code"]
    return answer.status_code, body["data"]["adjustPoints"]["code"]


async def _emit(conn: Conn) -> None:
    """Past the service, which is refused in this process too."""
    await conn.execute(
        "INSERT INTO platform.outbox (event_id, ordering_key, name, payload, occurred_at, due_at) "
        "VALUES ($1, $2, 'test.counted', '{}', now(), now())",
        new_id(),
        ANN,
    )
