"""A collector that throws away what it is told, so that the service has somebody to tell.

`python -m membership.bench.collector <port>`
"""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def take(request: Request) -> Response:
    await request.body()
    return Response(status_code=200, media_type="application/x-protobuf")


app = Starlette(routes=[Route("/v1/traces", take, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off")
