"""What is counted and logged when an operation is over, whichever way it came."""

from time import perf_counter

import structlog

from membership.graph.kit.context import RequestContext
from membership.kernel.actor import Actor
from membership.monitoring.operations import OperationMetrics

log = structlog.get_logger("membership.web")


def ended(
    event: str,
    metrics: OperationMetrics,
    *,
    context: RequestContext | None,
    caller: Actor | None,
    correlation_id: str,
    code: str | None,
    began: float,
    **more: object,
) -> None:
    """One line, and never variables: they hold what members said. `began`: by perf_counter. `code`: what went wrong."""
    seconds = perf_counter() - began
    metrics.ended(
        context.operation if context else None,
        caller,
        code=code,
        refusals=context.refusals if context else (),
        seconds=None if context and context.is_subscription else seconds,
    )
    log.info(
        event,
        correlation_id=correlation_id,
        operation=context.operation if context else None,
        role=context.caller.role.value if context and context.caller else None,
        outcome=code or (context.refusal if context else None) or "OK",
        **more,
        duration_ms=round(seconds * 1000, 2),
    )
