"""What a worker's probes are told. A worker is sent nothing, so being ready says only that it can work."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from membership.worker.pulses import Pulse, Pulses


class Liveness:
    """Alive: the event loop turns, and nothing in it hangs. A lost PostgreSQL is no reason to be killed."""

    def __init__(self, pulses: Pulses) -> None:
        self._pulses = pulses

    async def answer(self, _: Request) -> Response:
        hanging = self._pulses.hanging()
        if hanging:
            return JSONResponse({"status": "hangs", "hanging": hanging}, status_code=503)
        return JSONResponse({"status": "alive"})


def loops_told(pulses: Pulses) -> Mapping[str, object]:
    """Beside the checks of readiness: when each loop last went round."""
    return {"loops": {name: _told(pulse) for name, pulse in pulses.loops.items()}}


def _told(pulse: Pulse) -> Mapping[str, object]:
    since = pulse.seconds_since_success
    return {
        "rounds": pulse.rounds,
        "failures": pulse.failures,
        "secondsSinceSuccess": None if since is None else round(since, 1),
        "hangs": pulse.hangs,
    }
