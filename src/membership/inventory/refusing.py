"""Final refusals: found by a read of PostgreSQL begun after the call (I9), and recorded so that each repeat is told the
same."""

from dataclasses import dataclass

from membership.inventory import rules, store
from membership.inventory.gathering import Gathering
from membership.inventory.loading import KEEPER
from membership.inventory.model import ClaimId, EndedClaim, OfferId, Pool, PoolId, Shelf
from membership.inventory.store import End
from membership.inventory.writing import Call
from membership.kernel.errors import DomainError
from membership.postgres.database import Database

_TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A claim that may have to be refused. `because`: the owner's own refusal, which needs no look at the stock."""

    call: Call
    shelf: Shelf
    because: DomainError | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A final refusal, recorded. A value: what a `Gathering` is answered with an exception, it raises."""

    refusal: DomainError


class Refusing:
    """One per process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._refusing: Gathering[OfferId, Doubtful, Refused | EndedClaim | None] = Gathering(
            self._refuse, most=_TOGETHER
        )

    async def refusal(self, doubtful: Doubtful) -> Refused | EndedClaim | None:
        """The refusal, now recorded; or what the claim had come to before; or None: it may still get a unit."""
        return await self._refusing.ask(doubtful.shelf.offer.offer_id, doubtful)

    async def _refuse(self, offer_id: OfferId, claims: list[Doubtful]) -> list[Refused | EndedClaim | None]:
        """Calls that wait share the read: a batch begins after each of its items was asked for."""
        offer = claims[0].shelf.offer
        now = max(entry.call.now for entry in claims)
        async with self._database.engine(KEEPER, now) as tx:
            pools = await store.list_pools(tx.conn, {entry.call.request.pool_id for entry in claims})
            members = {entry.call.request.member.member_id for entry in claims}
            counts = await store.list_counts_of_members(tx.conn, offer_id, members)
            ends = [end for entry in claims if (end := _end(entry, pools, counts)) is not None]
            refusals = {end.claim_id: Refused(end.refusal) for end in ends if end.refusal is not None}
            ended = await store.insert_ends(tx.conn, offer, ends, at=now) if ends else set()
            others = refusals.keys() - ended
            rows = await store.list_claims(tx.conn, others) if others else {}
        claim_ids: list[ClaimId] = [entry.call.request.claim_id for entry in claims]
        return [rows.get(claim_id) or refusals.get(claim_id) for claim_id in claim_ids]


def _end(entry: Doubtful, pools: dict[PoolId, Pool], counts: rules.Counts) -> End | None:
    request = entry.call.request
    pool = pools[request.pool_id]
    refusal = entry.because or rules.final_refusal(pool, entry.shelf.offer.limits, request, counts)
    if refusal is None:
        return None
    day = rules.day_of(pool, request)
    return End(request.claim_id, request.pool_id, request.member.member_id, day, request.fingerprint, refusal)
