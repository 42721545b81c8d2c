"""What every transport does alike: who calls, in which context, and what the schema answers.

The gate (graph/operations/gate.py) is passed by all of them: `execute` for one answer, `stream` for many.
"""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from graphql import GraphQLError
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from membership.graph.kit.context import RequestContext
from membership.graph.kit.localisation import negotiate
from membership.graph.operations.faults import FaultCode, code_of, fault, present
from membership.graph.operations.time_limits import TimeLimits
from membership.graph.schema import MembershipSchema
from membership.graph.services import Services
from membership.kernel.actor import Actor
from membership.kernel.clock import Clock
from membership.kernel.time_limits import TimeIsUp
from membership.monitoring.operations import OperationMetrics
from membership.tracing.calls import OFF, UNTRACED, Traced, Tracing
from membership.web.bearers import Bearer, Bearers, as_malformed
from membership.web.rates import Allowance, Rates
from membership.web.requests import GraphQLRequest
from membership.web.streams import End, Stream
from membership.web.tokens import Tokens
from membership.web.tracing import first_result
from membership.web.vigil import Vigil

Results: TypeAlias = AsyncGenerator[ExecutionResult, None]

_PASSING: Final = frozenset({FaultCode.UNAVAILABLE, FaultCode.OPERATION_TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Admitted:
    """`bearer` None: somebody without a token. `allowance`: what they may ask for besides this."""

    bearer: Bearer | None
    allowance: Allowance


class Operations:
    """One for all transports of a process. `host_clock` judges tokens, `services.clock` everything else."""

    def __init__(
        self,
        schema: MembershipSchema,
        services: Services,
        tokens: Tokens,
        host_clock: Clock,
        *,
        time_limits: TimeLimits,
        rates: Rates,
        metrics: OperationMetrics,
        tracing: Tracing = OFF,
    ) -> None:
        self._schema = schema
        self._services = services
        self._bearers = Bearers(tokens, services.directory, services.clock, host_clock)
        self._vigil = Vigil(self._bearers.verdict)
        self._time_limits = time_limits
        self._rates = rates
        self.metrics = metrics
        self.tracing = tracing

    async def admit(self, authorization: str, *, origin: str | None, correlation_id: str) -> Admitted:
        """Who calls, before anything is done for them. `authorization` is empty without a token.

        Raises Malformed: 401 for a token that is not good, 503 where that cannot be known, 429 for a client that asks
        too often.
        """
        if not authorization:
            return Admitted(None, await self.allow(None, origin))
        try:
            bearer = await self.bearer(authorization, origin=origin, correlation_id=correlation_id)
        except GraphQLError as refused:
            allowance = await self._rates.take_for_refusal(refused, origin)
            raise as_malformed(refused, allowance.headers) from None
        return Admitted(bearer, await self.allow(bearer.actor, origin))

    async def allow(self, caller: Actor | None, origin: str | None) -> Allowance:
        """One more operation of somebody who was admitted. Raises RateLimited."""
        return await self._rates.take(caller, origin)

    async def bearer(self, authorization: str, *, origin: str | None, correlation_id: str) -> Bearer:
        """Raises what `Bearers.recognise` raises."""
        return await self._bearers.recognise(authorization, origin=origin, correlation_id=correlation_id)

    def keep(self, stream: Stream, bearer: Bearer) -> None:
        """A connection becomes its bearer's, for as long as their token is good. Raises TooManyStreams."""
        stream.belongs_to(bearer.actor)
        stream.end_in(bearer.seconds_left, End.EXPIRED)
        self._vigil.watch(stream, bearer)

    def context(
        self, caller: Actor | None, *, accept_language: str, correlation_id: str, traced: Traced = UNTRACED
    ) -> RequestContext:
        now = self._services.clock.now()
        locale = negotiate(accept_language)
        return RequestContext(
            self._services,
            caller,
            now,
            locale,
            correlation_id,
            time_limits=self._time_limits,
            traced=traced,
        )

    async def execute(
        self, request: GraphQLRequest, context: RequestContext, may_run: Collection[OperationType]
    ) -> ExecutionResult:
        """Raises strawberry's InvalidOperationTypeError for an operation of another type."""
        try:
            async with context.time_limit:
                result = await self._schema.execute(
                    request.query,
                    variable_values=request.variables,
                    context_value=context,
                    operation_name=request.operation_name,
                    allowed_operation_types=may_run,
                    operation_extensions=request.engine_extensions(),
                )
        except TimeIsUp as late:
            return _stopped(late, context.correlation_id)
        return PreExecutionError(None, result.errors) if _came_to_nothing(result) else result

    async def stream(
        self, request: GraphQLRequest, context: RequestContext, may_run: Collection[OperationType]
    ) -> Results:
        """The results of any operation, with their errors presented: one of a query, any number of a subscription, or
        one PreExecutionError of what may not run. The next result is made when it is asked for."""
        results = await self._schema.stream(
            request.query,
            variable_values=request.variables,
            context_value=context,
            operation_name=request.operation_name,
            allowed_operation_types=may_run,
            operation_extensions=request.engine_extensions(),
        )
        async with aclosing(results):
            try:
                while True:
                    # Not around the whole: an async generator may be asked for each result by another task.
                    async with context.time_limit:
                        result = await anext(results)
                    # No incremental delivery: it is not switched on in the schema.
                    presented = _presented(cast(ExecutionResult, result), context.correlation_id)
                    first_result(context.traced, presented.errors)
                    yield presented
            except StopAsyncIteration:
                return
            except TimeIsUp as late:
                yield _stopped(late, context.correlation_id)


def was_executed(result: ExecutionResult) -> bool:
    """Whether the answer has `data`, be it null: an error before execution has no path."""
    if isinstance(result, PreExecutionError):
        return False
    return result.data is not None or not result.errors or any(error.path for error in result.errors)


def _stopped(late: TimeIsUp, correlation_id: str) -> ExecutionResult:
    """Without data, for it is not known how far it came."""
    return PreExecutionError(None, present([GraphQLError("", original_error=late)], correlation_id=correlation_id))


def _came_to_nothing(result: ExecutionResult) -> bool:
    """Whether all that was asked for failed for a passing reason of ours: told without data, so that the status can say
    it too, to a client and to whatever stands in between."""
    if not result.errors or not all(code_of(error) in _PASSING for error in result.errors):
        return False
    return all(value is None for value in (result.data or {}).values())


def _presented(result: ExecutionResult, correlation_id: str) -> ExecutionResult:
    if result.errors:
        errors = [_of_the_wrong_type(error) or error for error in result.errors]
        result.errors = present(errors, correlation_id=correlation_id)
    return result


def _of_the_wrong_type(error: GraphQLError) -> GraphQLError | None:
    if isinstance(error.original_error, InvalidOperationTypeError):
        return fault(FaultCode.OPERATION_NOT_ALLOWED, "A mutation needs POST.")
    return None
