"""Holds, confirmations and releases in Redis, each made together with others of the same offer."""

import structlog

from membership.inventory.gathering import Gathering
from membership.inventory.model import ClaimId, Mode, OfferId, Shelf
from membership.inventory.stock import UNREACHABLE, Fenced, Held, Stock, ToHold

_TOGETHER = 500
"""A script of so many holds keeps Redis busy for some milliseconds."""

_TRIES = 3
_log = structlog.get_logger(__name__)


class Holding:
    """One per process."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self._holding: Gathering[tuple[OfferId, int], ToHold, Held] = Gathering(self._hold, most=_TOGETHER)
        self._confirming: Gathering[tuple[OfferId, int], ClaimId, None] = Gathering(self._confirm, most=_TOGETHER)
        self._releasing: Gathering[tuple[OfferId, int], ClaimId, None] = Gathering(self._release, most=_TOGETHER)

    async def hold(self, shelf: Shelf, claim: ToHold) -> Held:
        """Raises Fenced, or one of UNREACHABLE."""
        return await self._holding.ask((shelf.offer.offer_id, shelf.load.epoch), claim)

    async def confirm(self, shelf: Shelf, claim_id: ClaimId) -> None:
        """After the commit. Without an answer the sweeper does it, when the hold's deadline has passed."""
        if shelf.load.mode is Mode.REDIS:
            await self._confirming.ask((shelf.offer.offer_id, shelf.load.epoch), claim_id)

    async def release(self, shelf: Shelf, claim_id: ClaimId) -> None:
        """Once a row says that the claim never gets a unit. Without an answer the sweeper does it."""
        if shelf.load.mode is Mode.REDIS:
            await self._releasing.ask((shelf.offer.offer_id, shelf.load.epoch), claim_id)

    async def _hold(self, load: tuple[OfferId, int], claims: list[ToHold]) -> list[Held]:
        for _ in range(_TRIES - 1):
            try:
                return await self._stock.hold(*load, claims)
            except UNREACHABLE:
                # A lost reply, a closed connection, or this process was too busy to look at the answer in time. Leaving
                # Redis slows every process down for a while; and a repeat takes nothing twice.
                continue
        return await self._stock.hold(*load, claims)

    async def _confirm(self, load: tuple[OfferId, int], claims: list[ClaimId]) -> list[None]:
        try:
            await self._stock.confirm(*load, claims)
        except Fenced:
            pass  # loaded since, and so counted
        except UNREACHABLE as failure:
            _log.warning("confirmations are left to the sweeper", claims=len(claims), reason=type(failure).__name__)
        return [None for _ in claims]

    async def _release(self, load: tuple[OfferId, int], claims: list[ClaimId]) -> list[None]:
        try:
            await self._stock.release(*load, claims)
        except Fenced:
            pass  # loaded since, without holds
        except UNREACHABLE as failure:
            _log.warning("releases are left to the sweeper", claims=len(claims), reason=type(failure).__name__)
        return [None for _ in claims]
