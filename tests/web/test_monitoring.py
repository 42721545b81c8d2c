"""The second listener of the API: its own port, of which no ingress knows."""

import httpx

from membership.monitoring.listener import listening
from support.monitoring import ask, bound
from web.conftest import MakeApp


async def test_metrics_are_on_the_second_listener_alone(make_app: MakeApp, client: httpx.AsyncClient) -> None:
    app = make_app()
    with bound() as listener:
        async with listening(app.state.monitoring, listener):
            metrics = await ask(listener, "/metrics")
            elsewhere = await ask(listener, "/graphql")

    assert metrics.status_code == 200
    assert metrics.headers["content-type"].startswith("text/plain; version=")
    assert elsewhere.status_code == 404
    assert (await client.get("/metrics")).status_code == 404


async def test_the_second_listener_answers_probes_as_the_first_does(
    make_app: MakeApp, client: httpx.AsyncClient
) -> None:
    app = make_app()
    with bound() as listener:
        async with listening(app.state.monitoring, listener):
            alive, ready = await ask(listener, "/healthz"), await ask(listener, "/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (200, (await client.get("/readyz")).json())
