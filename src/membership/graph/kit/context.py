"""What a resolver knows about its request: `info.context`."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

import strawberry

from membership.graph.operations.faults import FaultCode, fault
from membership.graph.operations.time_limits import TimeLimits
from membership.graph.services import Services
from membership.kernel.actor import Actor
from membership.kernel.time_limits import TimeLimit
from membership.postgres.connection import Conn
from membership.stores.service import Directory
from membership.tracing.calls import UNTRACED, Traced


@dataclass(slots=True)
class RequestContext:
    """One request. `now` is read once, so that all of a request sees the same moment."""

    services: Services
    caller: Actor | None
    now: datetime
    locale: str
    correlation_id: str
    operation: str | None = None
    """Name of the operation, once the document is known: for logs."""
    time_limits: TimeLimits = field(default_factory=TimeLimits)
    time_limit: TimeLimit = field(default_factory=TimeLimit)
    """Of this operation: started by the gate."""
    is_subscription: bool = False
    refusals: list[str] = field(default_factory=list)
    """Codes of what the business refused, as it is told: for who counts."""
    traced: Traced = UNTRACED
    """This operation, for whoever traces it: named by the gate."""

    @property
    def refusal(self) -> str | None:
        """The code of the first refusal in the answer, if any: for logs."""
        return self.refusals[0] if self.refusals else None

    @property
    def actor(self) -> Actor:
        """The caller. Raises UNAUTHENTICATED for a request without a token (only public fields serve it)."""
        if self.caller is None:
            raise fault(FaultCode.UNAUTHENTICATED, "Send a bearer token in the Authorization header.")
        return self.caller

    def reader(self) -> AbstractAsyncContextManager[Conn]:
        """A read-only transaction that sees what the caller may see: the only way a resolver reads rows."""
        return self.services.database.reader(self.actor)

    async def directory(self) -> Directory:
        """Programmes, stores, floors, brands, counters: from memory, no round trip as a rule."""
        return await self.services.directory.directory(self.now)


Info: TypeAlias = strawberry.Info[RequestContext, None]
