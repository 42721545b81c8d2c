"""/schema: the schema as pages to read, for people who write a client. In the open profile only.

    /schema                     every query, mutation and subscription, by slice, and every type
    /schema/Mutation/commitSale one of them: arguments, who may, answers, refusals, trusted documents
    /schema/Coupon              a type
    /schema/faults              the codes of all faults, with their HTTP status

The pages need nothing but themselves: style and the search are files of ours, and no address is asked for anything.
"""

import asyncio
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from membership.graph.operations.faults import FAULTS
from membership.graph.reference import SchemaReference
from membership.kernel.actor import Role
from membership.web.refusals import refused
from membership.web.requests import correlation_id_of

PATH: Final = "/schema"

_FILES: Final = {"style.css": "text/css", "search.js": "text/javascript"}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


class SchemaPages:
    def __init__(self, reference: SchemaReference) -> None:
        self._reference = reference

    def routes(self) -> list[Route]:
        return [
            Route(PATH, self._index, methods=["GET"]),
            Route(f"{PATH}/files/{{name}}", self._file, methods=["GET"]),
            Route(f"{PATH}/faults", self._faults, methods=["GET"]),
            Route(f"{PATH}/{{type}}", self._type, methods=["GET"]),
            Route(f"{PATH}/{{root}}/{{field}}", self._root, methods=["GET"]),
        ]

    async def _index(self, request: Request) -> Response:
        del request
        return _page("index.html", roots=self._reference.roots(), kinds=self._reference.type_names())

    async def _faults(self, request: Request) -> Response:
        del request
        return _page("faults.html", faults={code.value: text for code, text in sorted(FAULTS.items())})

    async def _type(self, request: Request) -> Response:
        entry = self._reference.type(request.path_params["type"])
        return _nowhere(request) if entry is None else _page("type.html", entry=entry)

    async def _root(self, request: Request) -> Response:
        # The first one that is asked for reads all trusted documents.
        entry = await asyncio.to_thread(self._reference.root, request.path_params["root"], request.path_params["field"])
        return _nowhere(request) if entry is None else _page("root.html", entry=entry)

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        kind = _FILES.get(name)
        return _nowhere(request) if kind is None else Response(_text(name), headers=_HEADERS, media_type=kind)


def _page(template: str, **facts: object) -> Response:
    return HTMLResponse(
        _templates().get_template(template).render(path=PATH, everybody=len(Role), **facts), headers=_HEADERS
    )


def _nowhere(request: Request) -> Response:
    return refused(404, correlation_id_of(dict(request.scope["headers"])))


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("membership.web", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _text(name: str) -> bytes:
    return (files("membership.web") / "pages" / name).read_bytes()
