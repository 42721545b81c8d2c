"""A bare strawberry app, as its documentation shows it, under the same uvicorn: the yardstick for `ratio_to_hello`.

`python -m membership.bench.hello <port>`
"""

import sys

import strawberry
import uvicorn
from strawberry.asgi import GraphQL


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "world"


app: GraphQL[None, None] = GraphQL(strawberry.Schema(query=Query))

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off")
