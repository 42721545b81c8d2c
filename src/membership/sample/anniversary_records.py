"""Last year's anniversary as records of coupons, gifts, inventory and receipts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from membership.campaigns.content import CouponOffer
from membership.coupons.model import OfferState
from membership.coupons.rules import channel_of
from membership.gifts.model import GiftOfferId
from membership.inventory.model import FINGERPRINT_BYTES, ClaimState, Mode
from membership.members.model import MembershipKey
from membership.receipts.model import AmountUse, SaleId, UsedBy
from membership.sample.anniversary import Anniversary
from membership.sample.copying import Batch, Record
from membership.sample.identifiers import coupon_offer_id
from membership.sample.part import Part
from membership.sample.place import PostedSale
from membership.sample.presents import Had
from membership.sample.stock import Level
from membership.sample.tables import (
    AMOUNTS_USED,
    CLAIMS,
    COUPON_OFFERS,
    COUPONS,
    GIFT_CHANGES,
    GIFT_OFFERS,
    GIFT_POOLS,
    GIFTS,
    GROUP_AMOUNTS,
    INVENTORY_OFFERS,
    INVENTORY_POOLS,
    ISSUE_RUNS,
    MEMBER_COUNTS,
    REDEMPTIONS,
)
from membership.sample.wallets import Held

Used = tuple[AmountUse, UsedBy, object]
"""With when that was."""


def add_offers(batch: Batch, anniversary: Anniversary) -> None:
    """What scheduling the campaign prepares."""
    revision, calendar = anniversary.revision, anniversary.calendar
    for rule in revision.content.rules_of(CouponOffer):
        batch.add(
            COUPON_OFFERS,
            (
                coupon_offer_id(revision.campaign_id, rule.code),
                revision.programme_id,
                revision.campaign_id,
                revision.code,
                rule.code,
                revision.revision_id,
                channel_of(rule).value,
                OfferState.ENDED.value,
                rule.limit_per_member,
                calendar.first_opens_at,
                calendar.closes_at,
                anniversary.settled_at,
            ),
        )
    for planned in anniversary.offers:
        offer, at = planned.offer, anniversary.approved_at
        batch.add(
            GIFT_OFFERS,
            (offer.offer_id, offer.programme_id, offer.campaign_id, offer.revision_id, offer.rule_code),
        )
        pools = [entry.pool for entry in planned.pools]
        batch.add(
            GIFT_POOLS,
            *(
                (p.pool_id, offer.offer_id, p.store_id, p.day, p.code, p.counter_id, anniversary.pool_closed_at(p))
                for p in pools
            ),
        )
        limits = (planned.limit_per_member, planned.limit_per_member_day)
        batch.add(INVENTORY_OFFERS, (offer.offer_id, offer.programme_id, *limits, at))


def add_levels(batch: Batch, anniversary: Anniversary, levels: Iterable[Level]) -> None:
    """Pools as they stand now. Redis forgot each when its day was over."""
    for level in levels:
        pool, stock = level.pool, (level.total, level.confirmed, level.voided)
        place = (pool.pool_id, pool.offer.offer_id, pool.store_id, pool.day)
        batch.add(
            INVENTORY_POOLS,
            (*place, *stock, Mode.POSTGRES.value, 0, anniversary.approved_at, anniversary.pool_closed_at(pool)),
        )


def add_issue_runs(batch: Batch, anniversary: Anniversary, *, looked_at: int, issued: Mapping[object, int]) -> None:
    revision, ended_at = anniversary.revision, anniversary.calendar.closes_at
    for rule in revision.content.rules_of(CouponOffer):
        offer_id = coupon_offer_id(revision.campaign_id, rule.code)
        passes = 2 + len(anniversary.calendar.days)
        batch.add(
            ISSUE_RUNS,
            (offer_id, passes, looked_at, issued.get(offer_id, 0), anniversary.approved_at, ended_at, ended_at),
        )


def add_part(batch: Batch, key: MembershipKey, part: Part, sales: Mapping[SaleId, PostedSale]) -> None:
    for held in part.wallet.held.values():
        _add_coupon(batch, held)
    for had in part.presents.all:
        _add_gift(batch, had)
    _add_counts(batch, key, part)
    _add_amounts(batch, [*_used_by_coupons(part), *_used_by_gifts(part)], sales)


def _add_coupon(batch: Batch, held: Held) -> None:
    coupon = held.coupon
    batch.add(
        COUPONS,
        (
            coupon.coupon_id,
            coupon.membership.member_id,
            coupon.membership.programme_id,
            coupon.offer_id,
            coupon.ordinal,
            1,
            coupon.revision_id,
            coupon.channel.value,
            coupon.state.value,
            coupon.valid_from,
            coupon.valid_until,
            coupon.issued_at,
            held.changed_at,
            coupon.sale_id,
        ),
    )
    batch.add(
        REDEMPTIONS,
        *(
            (coupon.coupon_id, use.sale_id, use.applied.discount_minor, use.redeemed_at, use.reversed_at)
            for use in held.redemptions
        ),
    )


def _add_gift(batch: Batch, had: Had) -> None:
    gift, threshold = had.gift, had.gift.threshold
    batch.add(
        GIFTS,
        (
            gift.gift_id,
            gift.code,
            gift.membership.member_id,
            gift.membership.programme_id,
            gift.offer_id,
            gift.pool_id,
            gift.store_id,
            gift.day,
            gift.counter_id,
            gift.revision_id,
            gift.rule_code,
            gift.state.value,
            gift.step,
            gift.claimed_at,
            gift.collect_until,
            None if threshold is None else threshold.minimum_spend_minor,
            None if threshold is None else threshold.group,
            gift.ready_at,
            gift.collected_at,
            gift.collected_by,
            gift.ended_at,
            None if gift.cause is None else gift.cause.value,
        ),
    )
    for entry in had.log:
        change, by = entry.change, entry.by
        steps = (change.from_state.value, change.to_state.value, change.cause.value)
        batch.add(GIFT_CHANGES, (gift.gift_id, change.step, *steps, entry.at, by.role.value, by.subject))
    batch.add(CLAIMS, _claim_record(had))


def _claim_record(had: Had) -> Record:
    gift = had.gift
    state = ClaimState.CONFIRMED if had.given_back_at is None else ClaimState.RETURNED
    return (
        gift.gift_id,
        gift.pool_id,
        gift.offer_id,
        gift.membership.member_id,
        gift.membership.programme_id,
        gift.day,
        state.value,
        had.counts,
        had.claim_hash[:FINGERPRINT_BYTES],
        gift.claimed_at,
        had.given_back_at,
    )


def _add_counts(batch: Batch, key: MembershipKey, part: Part) -> None:
    """Of those periods that an offer limits; none goes away when nothing is left of it."""
    counts: Counter[tuple[GiftOfferId, date | None]] = Counter()
    for had in part.presents.all:
        for day in (had.gift.day, None):
            counts[had.gift.offer_id, day] += had.counts
    for (offer_id, day), claimed in counts.items():
        most = part.presents.limit_of(offer_id, per_day=day is not None)
        if most is not None:
            batch.add(MEMBER_COUNTS, (offer_id, key.member_id, key.programme_id, day, claimed, most))


def _used_by_coupons(part: Part) -> Iterator[Used]:
    for use in part.wallet.live_uses():
        applied = use.applied
        if applied.exclusive_group is not None:
            for share in applied.shares:
                if share.used_minor:
                    used = AmountUse(
                        applied.coupon_id, use.sale_id, share.line_no, applied.exclusive_group, share.used_minor
                    )
                    yield used, UsedBy.COUPON, use.redeemed_at


def _used_by_gifts(part: Part) -> Iterator[Used]:
    for had in part.presents.all:
        threshold, cover = had.gift.threshold, had.cover
        if threshold is not None and cover is not None:
            for (sale_id, line_no), minor in cover.amounts.items():
                yield AmountUse(had.gift.gift_id, sale_id, line_no, threshold.group, minor), UsedBy.GIFT, had.covered_at


def _add_amounts(batch: Batch, used: Iterable[Used], sales: Mapping[SaleId, PostedSale]) -> None:
    sums: Counter[tuple[SaleId, int, str]] = Counter()
    for use, by, at in used:
        place = (use.sale_id, use.line_no, use.exclusive_group)
        sums[place] += use.used_minor
        batch.add(AMOUNTS_USED, (*place, by.value, use.used_by_id, use.used_minor, at))
    for (sale_id, line_no, group), minor in sums.items():
        (net_minor,) = (line.net_minor for line in sales[sale_id].sale.lines if line.line_no == line_no)
        batch.add(GROUP_AMOUNTS, (sale_id, line_no, group, net_minor, minor))
