"""Coupons that members take themselves: claimed in the app, bought with points, by code."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from membership.campaigns.content import BoughtWithPoints
from membership.campaigns.model import CouponId
from membership.coupons import codes, events, rules, store
from membership.coupons.context import CouponWorkings, said_of
from membership.coupons.drops import claim_of, is_drop
from membership.coupons.errors import (
    CodeNotAccepted,
    CodeTaken,
    OfferEnded,
    OfferPaused,
    UnknownOffer,
    WrongChannel,
)
from membership.coupons.model import (
    BatchId,
    Channel,
    CodeBatch,
    Coupon,
    NewCoupon,
    Offer,
    OfferId,
    OfferState,
)
from membership.coupons.service import coupon_fact, restore_coupon
from membership.kernel.actor import Actor
from membership.kernel.errors import DomainError
from membership.kernel.ids import derived_id
from membership.kernel.wording import local_moment
from membership.members.model import Membership, MembershipKey
from membership.members.service import lock_membership
from membership.points import service as points
from membership.points.model import PointsPurchase
from membership.postgres.connection import Conn
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.model import Store
from membership.stores.rules import business_date
from membership.tiers import service as tiers
from membership.tiers.rules.standing import tier_on


@dataclass(frozen=True, slots=True)
class _Applicant:
    """Who asks, locked, with the tier of today."""

    membership: Membership
    tier: str


@dataclass(frozen=True, slots=True)
class Claims:
    """Each under an idempotency key; a repeat is answered with the same coupon."""

    workings: CouponWorkings

    async def claim(
        self, actor: Actor, now: datetime, membership: MembershipKey, offer_id: OfferId, *, key: str
    ) -> Coupon:
        """Raises UnknownOffer, WrongChannel, OfferPaused, what rules.open_store refuses, CouponLimitReached,
        OfferSoldOut; for a drop, what Inventory.claim refuses in place of the last two."""
        drop = await self._drop(actor, now, membership, offer_id, key=key)
        if drop is not None:
            return drop

        async def work(tx: Transaction) -> Coupon:
            applicant = await self._applicant(tx, membership)
            offer, said = await self._offer(tx, applicant, offer_id, Channel.CLAIM)
            day_of = self._judge(tx, applicant, offer, said)
            return await self._issue(tx, applicant, offer, said=said, day_of=day_of, cause=_cause("claim", actor, key))

        keyed = Keyed("coupons.claim", key, _request(membership, offer_id))
        return await self._once(actor, now, keyed, offer_id, cause=_cause("claim", actor, key), work=work)

    async def buy(
        self, actor: Actor, now: datetime, membership: MembershipKey, offer_id: OfferId, *, key: str
    ) -> Coupon:
        """With points, which are taken in the same transaction. Raises also NotEnoughPoints, PointsAreOwed."""

        async def work(tx: Transaction) -> Coupon:
            applicant = await self._applicant(tx, membership)
            offer, said = await self._offer(tx, applicant, offer_id, Channel.POINTS)
            day_of = self._judge(tx, applicant, offer, said)
            coupon = await self._issue(tx, applicant, offer, said=said, day_of=day_of, cause=_cause("buy", actor, key))
            if isinstance(said.offer.issue, BoughtWithPoints):
                await points.purchase(
                    tx,
                    applicant.membership.key,
                    PointsPurchase(
                        event_id=coupon.coupon_id,
                        item="coupon",
                        points=said.offer.issue.points,
                        revision=f"campaign:{offer.revision_id}",
                        business_date=business_date(day_of, tx.now),
                    ),
                    new_id=self.workings.new_id,
                )
            return coupon

        keyed = Keyed("coupons.buy", key, _request(membership, offer_id))
        return await self._once(actor, now, keyed, offer_id, cause=_cause("buy", actor, key), work=work)

    async def redeem_code(
        self, actor: Actor, now: datetime, membership: MembershipKey, code: str, *, key: str
    ) -> Coupon:
        """Raises CodeNotAccepted for a code that is wrong or was used, and what `claim` raises."""
        if not codes.is_code(code):
            raise CodeNotAccepted
        hashes = self.workings.keyring.lookup_hashes(codes.HASH_KIND, codes.normal_form(code))

        async def work(tx: Transaction) -> Coupon:
            applicant = await self._applicant(tx, membership)
            found = await store.lock_code(tx.conn, hashes)
            if found is None or found[2] is not None:
                raise CodeNotAccepted
            code_hash, offer_id, _ = found
            try:
                offer, said = await self._offer(tx, applicant, offer_id, Channel.CODE)
            except UnknownOffer:
                raise CodeNotAccepted from None
            day_of = self._judge(tx, applicant, offer, said)
            cause = derived_id("code", code_hash.hex())
            coupon = await self._issue(tx, applicant, offer, said=said, day_of=day_of, cause=cause)
            await store.use_code(tx.conn, code_hash, coupon.coupon_id, tx.now)
            return coupon

        told, *otherwise = [[*_request(membership, None), digest.hex()] for digest in hashes]
        keyed = Keyed("coupons.redeem_code", key, told, tuple(otherwise))
        return await once(
            self.workings.database, actor, now, keyed, work=work, facts=coupon_fact, restore=restore_coupon
        )

    async def _once(
        self,
        actor: Actor,
        now: datetime,
        keyed: Keyed,
        offer_id: OfferId,
        *,
        cause: UUID,
        work: Callable[[Transaction], Awaitable[Coupon]],
    ) -> Coupon:
        """Keys are forgotten after some days, causes are not: who repeats a request after that has the same coupon."""
        try:
            return await once(
                self.workings.database, actor, now, keyed, work=work, facts=coupon_fact, restore=restore_coupon
            )
        except store.IssuedBefore:
            async with self.workings.database.engine(actor, now) as tx:
                found = await store.find_coupon_by_cause(tx.conn, offer_id, cause)
            if found is None:
                raise
            return found

    async def _drop(
        self, actor: Actor, now: datetime, membership: MembershipKey, offer_id: OfferId, *, key: str
    ) -> Coupon | None:
        """A coupon of a contested offer; None for an offer that is none, or not known."""
        drops, cause = self.workings.drops, claim_of(membership, key)
        if drops is None:
            return None
        try:
            async with self.workings.database.engine(actor, now) as tx:
                found = await store.find_offer(tx.conn, offer_id)
                if found is None or not is_drop(found):
                    return None
                applicant = await self._applicant(tx, membership)
                offer, said = await self._offer(tx, applicant, offer_id, Channel.CLAIM)
                day_of = self._judge(tx, applicant, offer, said)
        except DomainError:
            # A repeat is told what the first was told, also when the time for another claim is over.
            earlier = await drops.find(actor, now, offer_id, cause)
            if earlier is None:
                raise
            return earlier
        validity = rules.validity_from(said, applicant.tier, now)
        coupon = NewCoupon(CouponId(self.workings.new_id()), applicant.membership.key, offer, cause, validity)
        return await drops.claim(actor, now, coupon, day=business_date(day_of, now), key=key)

    async def _applicant(self, tx: Transaction, membership: MembershipKey) -> _Applicant:
        locked = await lock_membership(tx.conn, membership)
        directory = await self.workings.directory.directory(tx.now)
        today = business_date(directory.store(locked.home_store_id), tx.now)
        ladders = await self.workings.ladders.ladders(locked.key.programme_id, tx.now)
        records = await tiers.read_records(tx, locked.key, ladders, today=today)
        return _Applicant(locked, tier_on(records.standing, today))

    async def _offer(
        self, tx: Transaction, applicant: _Applicant, offer_id: OfferId, channel: Channel
    ) -> tuple[Offer, rules.Said]:
        offer = await store.find_offer(tx.conn, offer_id)
        if offer is None or offer.programme_id != applicant.membership.key.programme_id:
            raise UnknownOffer
        if offer.channel is not channel:
            raise WrongChannel(offer.channel.value)
        directory = await self.workings.directory.directory(tx.now)
        home = applicant.membership.home_store_id
        return offer, await said_of(directory, self.workings.campaigns, offer, first=home)

    def _judge(self, tx: Transaction, applicant: _Applicant, offer: Offer, said: rules.Said) -> Store:
        """The store in whose day the coupon is issued."""
        if (fault := closed_state(offer, said)) is not None:
            raise fault
        return rules.open_store(said, applicant.tier, tx.now)

    async def _issue(
        self, tx: Transaction, applicant: _Applicant, offer: Offer, *, said: rules.Said, day_of: Store, cause: UUID
    ) -> Coupon:
        coupon_id = CouponId(self.workings.new_id())
        validity = rules.validity_from(said, applicant.tier, tx.now)
        new = NewCoupon(coupon_id, applicant.membership.key, offer, cause, validity)
        await store.issue_one(tx.conn, new, business_date(day_of, tx.now), tx.now)
        rule = f"{offer.campaign_code}/{offer.code}"
        tx.emit(events.issued(applicant.membership.key, coupon_id, rule, offer.channel))
        return await store.get_coupon(tx.conn, coupon_id)


def closed_state(offer: Offer, said: rules.Said) -> DomainError | None:
    """Why an offer issues nothing, whoever asks."""
    if offer.state is OfferState.PAUSED:
        return OfferPaused()
    if offer.state is not OfferState.OPEN:
        return OfferEnded(local_moment(offer.closes_at, said.stores[0].zone))
    return None


@dataclass(frozen=True, slots=True)
class Codes:
    """Planners have codes made, or bring their own."""

    workings: CouponWorkings

    async def generate(self, actor: Actor, now: datetime, offer_id: OfferId, *, count: int, key: str) -> CodeBatch:
        """Codes of our own. They are derived from the batch, not stored: a repeat is told the same ones.

        Raises UnknownOffer, WrongChannel, TooManyCodes.
        """
        batch_id, version = BatchId(self.workings.new_id()), self.workings.keyring.hash_version
        made = self._derive(batch_id, count, version)
        keyed = Keyed("coupons.generate_codes", key, [str(offer_id), count])

        async def restore(conn: Conn, facts: Json) -> CodeBatch:
            del conn
            recorded, version = BatchId(UUID(str(facts["batch_id"]))), int(str(facts["key_version"]))
            return CodeBatch(recorded, offer_id, self._derive(recorded, count, version))

        async def work(tx: Transaction) -> CodeBatch:
            return await self._insert(tx, CodeBatch(batch_id, offer_id, made), keyed.operation)

        def facts(batch: CodeBatch) -> Json:
            return {"batch_id": str(batch.batch_id), "key_version": version}

        return await once(self.workings.database, actor, now, keyed, work=work, facts=facts, restore=restore)

    async def take_in(
        self, actor: Actor, now: datetime, offer_id: OfferId, *, given: tuple[str, ...], key: str
    ) -> CodeBatch:
        """Codes of a file, all or none. Raises UnknownOffer, WrongChannel, TooManyCodes, UnusableCode, CodeTaken."""
        codes.check_imported(given)
        told, *otherwise = [
            [str(offer_id), [digest.hex() for digest in hashes]]
            for hashes in zip(*(self._hashes(code) for code in given), strict=True)
        ]
        keyed = Keyed("coupons.import_codes", key, told, tuple(otherwise))

        async def work(tx: Transaction) -> CodeBatch:
            return await self._insert(tx, CodeBatch(BatchId(self.workings.new_id()), offer_id, given), keyed.operation)

        async def restore(conn: Conn, facts: Json) -> CodeBatch:
            del conn  # who repeats the request has the codes
            return CodeBatch(BatchId(UUID(str(facts["batch_id"]))), offer_id, given)

        def facts(batch: CodeBatch) -> Json:
            return {"batch_id": str(batch.batch_id)}

        return await once(self.workings.database, actor, now, keyed, work=work, facts=facts, restore=restore)

    async def _insert(self, tx: Transaction, batch: CodeBatch, operation: str) -> CodeBatch:
        offer = await store.find_offer(tx.conn, batch.offer_id)
        if offer is None or tx.actor.programme_id not in (None, offer.programme_id):
            raise UnknownOffer
        if offer.channel is not Channel.CODE:
            raise WrongChannel(offer.channel.value)
        hashes = [self._hashes(code) for code in batch.codes]
        if self.workings.keyring.is_rotating:
            taken = await store.count_codes(tx.conn, [digest for known in hashes for digest in known])
            if taken:
                raise CodeTaken(taken)
        inserted = await store.insert_codes(
            tx.conn,
            batch.offer_id,
            batch.batch_id,
            [known[0] for known in hashes],
            [codes.last_characters(code) for code in batch.codes],
            key_version=self.workings.keyring.hash_version,
            now=tx.now,
        )
        if inserted < len(batch.codes):
            raise CodeTaken(len(batch.codes) - inserted)
        tx.audit(
            AuditEntry(
                operation,
                "offer",
                str(batch.offer_id),
                programme_id=offer.programme_id,
                after={"batch_id": str(batch.batch_id), "codes": len(batch.codes)},
            )
        )
        return batch

    def _derive(self, batch_id: BatchId, count: int, key_version: int) -> tuple[str, ...]:
        seed = self.workings.keyring.token_of("coupons.codes", batch_id, key_version=key_version)
        return codes.derived_codes(seed, count)

    def _hashes(self, code: str) -> list[bytes]:
        """As it may be stored, the first as it is stored from now on."""
        return self.workings.keyring.lookup_hashes(codes.HASH_KIND, codes.normal_form(code))


def _cause(how: str, actor: Actor, key: str) -> UUID:
    return derived_id("coupon", how, actor.idempotency_scope, key)


def _request(membership: MembershipKey, offer_id: OfferId | None) -> list[str | None]:
    return [str(membership.member_id), str(membership.programme_id), None if offer_id is None else str(offer_id)]
