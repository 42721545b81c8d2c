"""Running operations on the schema without HTTP, with the caller as an argument."""

from collections.abc import Awaitable, Iterator, Mapping
from typing import Protocol
from uuid import UUID

from strawberry.types import ExecutionResult

from membership.graph.kit.context import RequestContext
from membership.graph.operations.documents import graphql_folder
from membership.graph.schema import MembershipSchema
from membership.graph.services import Services
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.tracing.calls import Origin
from support import trail
from support.canaries import TRACING, WATCH

CORRELATION_ID = "test-request"


class Run(Protocol):
    """Runs a document for a caller (None: without a token)."""

    def __call__(
        self,
        document: str | None,
        variables: Mapping[str, object] | None = None,
        *,
        caller: Actor | None = None,
        locale: str = "en",
        operation_name: str | None = None,
        document_id: object = None,
    ) -> Awaitable[ExecutionResult]: ...


def trusted(name: str) -> str:
    """A trusted document by client and name, such as `till/QuoteSale`."""
    return (graphql_folder() / "operations" / f"{name}.graphql").read_text(encoding="utf-8")


def runner(schema: MembershipSchema, services: Services) -> Run:
    async def run(
        document: str | None,
        variables: Mapping[str, object] | None = None,
        *,
        caller: Actor | None = None,
        locale: str = "en",
        operation_name: str | None = None,
        document_id: object = None,
    ) -> ExecutionResult:
        context = RequestContext(
            services=services, caller=caller, now=services.clock.now(), locale=locale, correlation_id=CORRELATION_ID
        )
        traced = TRACING.operation(Origin.REQUEST, "of a test")
        context.traced = traced
        with trail.running(document, operation_name, caller), traced:
            result = await schema.execute(
                document,
                variable_values=None if variables is None else dict(variables),
                context_value=context,
                operation_name=operation_name,
                operation_extensions=None if document_id is None else {"documentId": document_id},
            )
        WATCH.keep("what a client is told", _told(result))
        return result

    return run


def actor(role: Role, *, store_id: UUID | None = None, programme_id: UUID | None = None) -> Actor:
    return Actor(role=role, subject=f"a {role.value}", store_id=store_id, programme_id=programme_id)


def codes(result: ExecutionResult) -> list[object]:
    return [(error.extensions or {}).get("code") for error in result.errors or ()]


def _told(result: ExecutionResult) -> Iterator[str]:
    """Of faults and refusals; what is answered otherwise is the caller's to see."""
    yield from (f"{error.message} {error.extensions}" for error in result.errors or ())
    for payload in (result.data or {}).values():
        if isinstance(payload, dict) and "message" in payload and "code" in payload:
            yield f"{payload['code']}: {payload['message']}"


class SampleStores:
    """One programme with three stores, a floor, a brand, a category and a counter."""

    def __init__(self) -> None:
        self.programme_id = new_id()
        self.store_ids = {code: new_id() for code in ("NORTH", "SOUTH", "WEST")}
        self.floor_id, self.brand_id, self.category_id, self.counter_id = (new_id() for _ in range(4))

    @classmethod
    async def write(cls, conn: Conn) -> "SampleStores":
        sample = cls()
        north = sample.store_ids["NORTH"]
        await conn.execute(
            'INSERT INTO stores.programmes VALUES ($1, \'CITY\', \'{"en": "City", "zh-CN": "城市"}\', \'CNY\', 2)',
            sample.programme_id,
        )
        for code, store_id in sample.store_ids.items():
            await conn.execute(
                "INSERT INTO stores.stores VALUES ($1, $2, $3, $4, 'Asia/Shanghai', '04:00', '{\"weekly\": {}}')",
                store_id,
                sample.programme_id,
                code,
                '{"en": "The store", "zh-CN": "商店"}',
            )
        await conn.execute(
            "INSERT INTO stores.floors VALUES ($1, $2, '1F', '{\"en\": \"First floor\"}', 1)", sample.floor_id, north
        )
        await conn.execute(
            "INSERT INTO stores.brands VALUES ($1, $2, 'LIN', '{\"en\": \"Lin\"}', false, true, 'SELECTIVE')",
            sample.brand_id,
            sample.programme_id,
        )
        await conn.execute(
            "INSERT INTO stores.categories VALUES ($1, $2, 'WATCH', '{\"en\": \"Watches\"}', 2000, true, true)",
            sample.category_id,
            sample.programme_id,
        )
        await conn.execute(
            "INSERT INTO stores.counters VALUES ($1, $2, $3, $4, 'LIN-1', 2500)",
            sample.counter_id,
            north,
            sample.floor_id,
            sample.brand_id,
        )
        return sample
