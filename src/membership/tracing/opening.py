"""Traces as settings ask for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from membership.settings import Settings
from membership.tracing.calls import OFF, Tracing

API: Final = "membership-api"
WORKER: Final = "membership-worker"


@asynccontextmanager
async def tracing_of(settings: Settings, service: str) -> AsyncIterator[Tracing]:
    """`service`: what the spans are from. Where traces are off, nothing is loaded."""
    if settings.traces_endpoint is None or settings.traces_ratio == 0:
        yield OFF
        return
    from membership.tracing.otlp import open_tracing  # noqa: PLC0415 - takes long, and is off as a rule

    tracing = open_tracing(settings.traces_endpoint, service=service, ratio=settings.traces_ratio)
    try:
        yield tracing
    finally:
        await tracing.close()
