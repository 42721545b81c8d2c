"""The application as `membership serve` runs it: on a pool and a Redis client of its own."""

import httpx

from membership.app import running
from membership.settings import Settings


async def test_it_is_ready_on_its_own_connections(settings: Settings) -> None:
    async with running(settings) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://membership.test") as client:
            ready = await client.get("/readyz")
            answer = await client.post("/graphql", json={"query": "{ stores { nodes { code } } }"})

    assert ready.status_code == 200
    assert answer.json()["data"] == {"stores": {"nodes": []}}
