"""A claim: judged from memory, then given by `inventory`, which writes the gift in the transaction of the claim.

What it costs a member who is refused for the time, the day, a pause: nothing but memory. For the tier: one read, shared
with others. Whether there is a unit, and whether the member's limit allows it, is `inventory`'s to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import GiftOffer
from membership.campaigns.model import CampaignState
from membership.gifts import store
from membership.gifts.covering import Coverage, Coverer, Day, write
from membership.gifts.errors import (
    GiftBelowThreshold,
    GiftBlackout,
    GiftEnded,
    GiftNotEligible,
    GiftPaused,
    GiftWrongStore,
    UnknownGiftPool,
)
from membership.gifts.memory import PoolCache
from membership.gifts.model import (
    ClaimGift,
    Gift,
    GiftId,
    GiftOfferId,
    GiftPoolId,
    GiftState,
    PreparedPool,
    Threshold,
)
from membership.gifts.rules.claiming import Offered, check_issuing, check_open, check_tier, offered, threshold_of
from membership.gifts.rules.codes import code_of
from membership.gifts.tiers_read import TierReads
from membership.inventory.gathering import Gathering
from membership.inventory.model import ClaimId, ClaimRequest, GrantedClaim, PoolId
from membership.inventory.rules import claim_id_of
from membership.inventory.service import Inventory
from membership.kernel.actor import Actor
from membership.kernel.errors import DomainError
from membership.members.errors import UnknownMember
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import RELAY
from membership.postgres.transaction import Transaction
from membership.stores.rules import business_date
from membership.stores.service import Directory, DirectoryCache

CODE = "gifts.gifts.code"
"""What the digest that a gift code comes from is keyed for."""

_MOST_AT_ONCE = 500
_MAY_COME_LATER = (UnknownGiftPool, GiftBlackout, GiftEnded, GiftPaused, GiftNotEligible, GiftBelowThreshold)
"""Refusals that a claim may meet which was granted before."""


@dataclass(slots=True)
class Draft:
    """A gift on its way: what `inventory` hands back when the claim is granted."""

    gift: Gift
    directory: Directory
    coverage: Coverage | None = None
    shared_before: Sequence[Gift] = ()
    is_written: bool = False


class GiftClaims:
    """One per process."""

    def __init__(
        self,
        database: Database,
        *,
        directories: DirectoryCache,
        campaigns: CampaignCache,
        pools: PoolCache,
        tiers: TierReads,
        coverer: Coverer,
        inventory: Inventory,
        keyring: Keyring,
    ) -> None:
        self._database = database
        self._directories = directories
        self._campaigns = campaigns
        self._pools = pools
        self._tiers = tiers
        self._coverer = coverer
        self._inventory = inventory
        self._keyring = keyring
        self._earlier = Gathering[None, tuple[GiftId, datetime], Gift | None](self._read, most=_MOST_AT_ONCE)

    async def claim(self, actor: Actor, now: datetime, member: MembershipKey, command: ClaimGift) -> Gift:
        """One unit for the member, once per idempotency key; a repeat is told the same.

        Raises UnknownGiftPool, GiftWrongStore, what rules.claiming refuses, GiftBelowThreshold, IdempotencyConflict;
        what `inventory` refuses (SoldOut, AllHeld, MemberLimitReached, AnotherClaimPending, ClaimExpired,
        OutcomeUnknown); and UnknownMember for who was merged away.
        """
        claim_id = claim_id_of(member, command.idempotency_key)
        try:
            return await self._claim(actor, now, member, claim_id, command)
        except _MAY_COME_LATER:
            # A repeat is told what the first was told, also when the time for another claim is over.
            earlier = await self.repeated(now, member, command.idempotency_key, command.request_hash)
            if earlier is None:
                raise
            return earlier

    async def repeated(self, now: datetime, member: MembershipKey, key: str, request_hash: bytes) -> Gift | None:
        """What the same request was answered with before; None: it is the first, or has no answer yet. A read that
        those who ask at a time share, and one more for who has a gift.

        Raises IdempotencyConflict for another request under the key, ClaimExpired, and what was refused for good.
        """
        claim_id = claim_id_of(member, key)
        if not await self._inventory.has_granted(now, claim_id, request_hash=request_hash, key=key):
            return None
        return await self._gift_of(claim_id, now)

    async def _gift_of(self, claim_id: ClaimId, now: datetime) -> Gift:
        gift = await self._earlier.ask(None, (GiftId(claim_id), now))
        if gift is None:
            raise RuntimeError(f"claim {claim_id} was granted without its gift")
        return gift

    async def _claim(
        self, actor: Actor, now: datetime, member: MembershipKey, claim_id: ClaimId, command: ClaimGift
    ) -> Gift:
        pool, entry, directory = await self._offered(member, command.pool_id, now)
        check_open(entry, now)
        if entry.asks_tier:
            check_tier(entry, await self._tiers.tier(member, business_date(entry.store, now), now), now)
        threshold = threshold_of(entry.revision.code, entry.rule)
        draft = Draft(self._gift(claim_id, member, pool=pool, entry=entry, threshold=threshold, now=now), directory)
        if threshold is not None:
            await self._refuse_below_threshold(actor, draft, now)
        request = ClaimRequest(
            claim_id=claim_id,
            pool_id=PoolId(pool.pool_id),
            member=member,
            request_hash=command.request_hash,
            key=command.idempotency_key,
            detail=draft,
        )
        try:
            if threshold is None:
                await self._inventory.claim(actor, now, request, self._record)
            else:
                await self._inventory.claim(actor, now, request, self._record_threshold, admit=self._admit)
        except (GiftPaused, GiftEnded):
            await self._notice(entry, now)
            raise
        if draft.is_written:
            return draft.gift
        return await self._gift_of(claim_id, now)

    async def missing_minor(
        self, conn: Conn, now: datetime, member: MembershipKey, *, pool: PreparedPool, entry: Offered
    ) -> int:
        """What the member's spend of the day lacks for one gift more; 0 where none is asked for. Two reads."""
        threshold = threshold_of(entry.revision.code, entry.rule)
        if threshold is None:
            return 0
        gift = self._gift(claim_id_of(member, ""), member, pool=pool, entry=entry, threshold=threshold, now=now)
        draft = Draft(gift, await self._directories.directory(now))
        coverage = await self._share_out(conn, draft)
        return coverage.covers[gift.gift_id].missing_minor

    async def offered_in(self, pool: PreparedPool, now: datetime) -> Offered | None:
        """A pool with the revision in force; None where that no longer has it, or the campaign closed long ago."""
        campaign_id = pool.offer.campaign_id
        state = await self._campaigns.state(campaign_id, now, now)
        revision = await self._campaigns.in_force(campaign_id, now)
        if revision is None and state is not None:
            revision = await self._campaigns.revision(pool.offer.revision_id)
        if revision is None or state is None:
            return None
        rules = (rule for rule in revision.content.rules_of(GiftOffer) if rule.code == pool.offer.rule_code)
        if (rule := next(rules, None)) is None or pool.store_id not in revision.calendars:
            return None
        if (said := next((said for said in rule.pools if said.code == pool.code), None)) is None:
            return None
        shop = (await self._directories.directory(now)).store(pool.store_id)
        if pool.closed_at is not None and pool.day >= business_date(shop, now):
            return None
        return offered(revision, state, rule, said, store=shop, day=pool.day)

    async def _offered(
        self, member: MembershipKey, pool_id: GiftPoolId, now: datetime
    ) -> tuple[PreparedPool, Offered, Directory]:
        pool = await self._pools.find(pool_id, now)
        if pool is None:
            raise UnknownGiftPool
        directory = await self._directories.directory(now)
        if pool.offer.programme_id != member.programme_id:
            raise GiftWrongStore(directory.store(pool.store_id).code)
        entry = await self.offered_in(pool, now)
        if entry is None:
            raise UnknownGiftPool
        return pool, entry, directory

    def _gift(
        self,
        claim_id: ClaimId,
        member: MembershipKey,
        *,
        pool: PreparedPool,
        entry: Offered,
        threshold: Threshold | None,
        now: datetime,
    ) -> Gift:
        return Gift(
            gift_id=GiftId(claim_id),
            code=code_of(self._keyring.keyed_hash(CODE, str(claim_id)).digest),
            membership=member,
            offer_id=GiftOfferId(pool.offer.offer_id),
            pool_id=pool.pool_id,
            store_id=pool.store_id,
            day=pool.day,
            counter_id=pool.counter_id,
            revision_id=entry.revision.revision_id,
            rule_code=entry.rule.code,
            state=GiftState.CONFIRMED,
            step=1,
            claimed_at=now,
            collect_until=entry.collect_until,
            threshold=threshold,
        )

    async def _refuse_below_threshold(self, actor: Actor, draft: Draft, now: datetime) -> None:
        """Before a unit is held. What decides is `_admit`, under the member's lock."""
        async with self._database.engine(actor, now) as tx:
            await self._share_out(tx.conn, draft)
        _check_covered(draft)

    async def _share_out(self, conn: Conn, draft: Draft) -> Coverage:
        """The day's amounts among the gifts that there are, and this one as the last. Two reads."""
        gift = draft.gift
        if gift.threshold is None:
            raise ValueError("a gift without a threshold needs no spend")
        group = gift.threshold.group
        there_are = await store.list_day_gifts(conn, gift.membership, gift.store_id, gift.day, group=group)
        earlier = [other for other in there_are if other.gift_id != gift.gift_id]
        day = Day(gift.membership, gift.store_id, gift.day)
        draft.coverage = await self._coverer.cover(conn, day, draft.directory, group=group, gifts=[*earlier, gift])
        draft.shared_before = earlier
        return draft.coverage

    async def _admit(self, tx: Transaction, requests: Sequence[ClaimRequest]) -> Mapping[ClaimId, DomainError]:
        """Locks the members, then decides whose spend is enough: nobody else can use it up any more (C6)."""
        locked = await lock_memberships(tx.conn, [request.member for request in requests])
        present = {entry.key for entry in locked if entry.merged_into is None}
        refused: dict[ClaimId, DomainError] = {}
        for request in requests:
            draft = _draft_of(request)
            if request.member not in present:
                refused[request.claim_id] = UnknownMember()
                continue
            await self._share_out(tx.conn, draft)
            try:
                _check_covered(draft)
            except GiftBelowThreshold as refusal:
                refused[request.claim_id] = refusal
        return refused

    async def _record(self, tx: Transaction, granted: Sequence[GrantedClaim]) -> None:
        """Raises GiftPaused, GiftEnded, UnknownMember where a gift may not be given out at this very moment."""
        drafts = [_draft_of(claim.request) for claim in granted]
        gifts = [replace(draft.gift, claimed_at=claim.claimed_at) for draft, claim in zip(drafts, granted, strict=True)]
        if await store.insert_gifts(tx.conn, gifts) != {gift.gift_id for gift in gifts}:
            zone = drafts[0].directory.store(gifts[0].store_id).zone
            check_issuing(await store.get_campaign_state(tx.conn, gifts[0].offer_id), tx.now, zone)
            raise UnknownMember
        for draft in drafts:
            draft.is_written = True

    async def _record_threshold(self, tx: Transaction, granted: Sequence[GrantedClaim]) -> None:
        await self._record(tx, granted)
        for claim in granted:
            draft = _draft_of(claim.request)
            if draft.coverage is None:
                raise ValueError("a claim by threshold was not admitted")
            await write(tx.conn, draft.coverage, before=draft.shared_before, now=tx.now)

    async def _read(self, _: None, asked: list[tuple[GiftId, datetime]]) -> Sequence[Gift | None]:
        async with self._database.engine(RELAY, max(now for _, now in asked)) as tx:
            found = await store.list_gifts_by_id(tx.conn, {gift_id for gift_id, _ in asked})
        return [found.get(gift_id) for gift_id, _ in asked]

    async def _notice(self, entry: Offered, now: datetime) -> None:
        """The state was newer than what this process knew: the next claims shall not get that far."""
        campaign_id = entry.revision.campaign_id
        if await self._campaigns.state(campaign_id, now, now) is CampaignState.SCHEDULED:
            await self._campaigns.reload(now)


def _draft_of(request: ClaimRequest) -> Draft:
    if not isinstance(request.detail, Draft):
        raise TypeError("a claim of a gift carries its draft")
    return request.detail


def _check_covered(draft: Draft) -> None:
    """Raises GiftBelowThreshold."""
    gift, coverage = draft.gift, draft.coverage
    if gift.threshold is None or coverage is None:
        return
    missing = coverage.covers[gift.gift_id].missing_minor
    if missing:
        programme = draft.directory.programme(gift.membership.programme_id)
        raise GiftBelowThreshold(
            gift.threshold.minimum_spend_minor, missing, programme.currency, programme.minor_unit_exponent
        )
