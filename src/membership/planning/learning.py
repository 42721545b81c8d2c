"""Fits the arrival model to the claims of past drops of the programme."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from membership.campaigns import store as campaigns
from membership.campaigns.content import GiftOffer, GiftPool
from membership.campaigns.model import CampaignRevision, CampaignState
from membership.gifts.model import GiftOfferId, GiftPoolId
from membership.gifts.rules.claiming import is_for
from membership.gifts.rules.moments import claim_window
from membership.gifts.rules.preparing import offer_id_of, pool_id_of
from membership.planning import store
from membership.planning.arrivals import RUSH_MS, ArrivalModel, PastDrop, SeenClaims, fit
from membership.planning.store import PoolSeen
from membership.postgres.connection import Conn
from membership.stores.model import ProgrammeId, Store, StoreId
from membership.stores.service import Directory

LEARN_FROM = timedelta(days=400)
"""How far back: last year's campaigns too."""

_MILLISECOND = timedelta(milliseconds=1)

Members = Mapping[StoreId, Mapping[str, int]]
"""By home store and tier."""


@dataclass(frozen=True, slots=True)
class PastPool:
    """One pool on one day of a campaign that is over."""

    pool_id: GiftPoolId
    offer_id: GiftOfferId
    offer: GiftOffer
    pool: GiftPool
    store: Store
    day: date
    drops_at: datetime
    open_ms: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What past pools saw, and, by offer, on which day how many members of which tier had their last gift."""

    pools: Sequence[PastPool]
    claims: Mapping[GiftPoolId, Sequence[PoolSeen]]
    limits_reached: Mapping[GiftOfferId, Sequence[tuple[date, str, int]]]


@dataclass(frozen=True, slots=True)
class PastDrops:
    """Which drops are learned from: those of a programme's campaigns that closed after `since` and were wholly over at
    `over_by`. While a campaign runs, some of its days would count and others not, and the answer would change by the
    day. `left_out`: the code of the campaign that is foretold; what it brought itself is no reason to expect it."""

    programme_id: ProgrammeId
    over_by: datetime
    since: datetime
    left_out: str | None


async def learn(
    conn: Conn, directory: Directory, past: PastDrops, *, members: Members, lowest_tier: str
) -> ArrivalModel:
    """From past drops of gifts without a threshold."""
    pools = await list_past_pools(conn, directory, past)
    seen = await see(conn, pools, lowest_tier=lowest_tier)
    return fit(drops_of(seen, members))


async def list_past_pools(conn: Conn, directory: Directory, past: PastDrops) -> list[PastPool]:
    """Without those for which nobody could come: of days on which the campaign was paused, or had ended early."""
    timelines = {
        timeline.revisions[-1][1]: timeline
        for timeline in await campaigns.load_timelines(conn, past.since)
        if timeline.revisions
    }
    revisions = await campaigns.load_frozen(conn, list(timelines))
    return [
        pool
        for revision_id, revision in revisions.items()
        if revision.programme_id == past.programme_id and revision.code != past.left_out
        if max(calendar.closes_at for calendar in revision.calendars.values()) <= past.over_by
        for pool in _past_pools(revision, directory)
        if timelines[revision_id].state_at(pool.drops_at) is CampaignState.SCHEDULED
    ]


async def see(conn: Conn, pools: Sequence[PastPool], *, lowest_tier: str) -> Seen:
    """Two queries, however many pools."""
    if not pools:
        return Seen((), {}, {})
    drops: dict[UUID, tuple[datetime, int]] = {
        entry.pool_id: (entry.drops_at, entry.pool.units_per_day) for entry in pools
    }
    claims: defaultdict[GiftPoolId, list[PoolSeen]] = defaultdict(list)
    for seen in await store.list_past_claims(conn, drops, lowest_tier=lowest_tier):
        claims[GiftPoolId(seen.pool_id)].append(seen)
    limits = {entry.offer_id: entry.offer.limit_per_member for entry in pools}
    limited: dict[UUID, int] = {offer_id: most for offer_id, most in limits.items() if most is not None}
    reached = await store.list_limits_reached(conn, limited, lowest_tier=lowest_tier)
    return Seen(pools, claims, {GiftOfferId(offer_id): entries for offer_id, entries in reached.items()})


def drops_of(seen: Seen, members: Members) -> list[PastDrop]:
    """As the arrival model reads them. Members spread over the pools open to them as the units do."""
    return [_drop(entry, seen, members.get(entry.store.store_id, {})) for entry in seen.pools]


def sold_out_after_ms(entry: PastPool, claims: Sequence[PoolSeen]) -> int | None:
    """When a past pool really was sold out; None: it was not."""
    if not claims or claims[0].pool_claims < entry.pool.units_per_day:
        return None
    return claims[0].last_ms


def _past_pools(revision: CampaignRevision, directory: Directory) -> Iterator[PastPool]:
    for offer in revision.content.rules_of(GiftOffer):
        if offer.threshold is not None:
            continue
        offer_id = offer_id_of(revision.campaign_id, offer.code)
        for store_id, calendar in revision.calendars.items():
            at = directory.store(store_id)
            pools = [pool for pool in offer.pools if directory.find_counter_by_code(store_id, pool.desk)]
            for day in calendar.days_of(offer.code):
                window = claim_window(at, revision, offer, day)
                open_ms = (window.closes_at - window.drops_at) // _MILLISECOND
                if open_ms > 0:
                    for pool in pools:
                        pool_id = pool_id_of(offer_id, store_id, day, pool.code)
                        yield PastPool(pool_id, offer_id, offer, pool, at, day, window.drops_at, open_ms)


def _drop(entry: PastPool, seen: Seen, members: Mapping[str, int]) -> PastDrop:
    claims = seen.claims.get(entry.pool_id, ())
    sold_out_ms = sold_out_after_ms(entry, claims)
    seen_ms = entry.open_ms if sold_out_ms is None else sold_out_ms
    rush = SeenClaims(
        claims={claim.tier: claim.rush_claims for claim in claims},
        delays_ms=sum(claim.rush_delays_ms for claim in claims),
        seen_ms=min(seen_ms, RUSH_MS),
    )
    later = SeenClaims(
        claims={claim.tier: claim.later_claims for claim in claims},
        delays_ms=sum(claim.later_delays_ms for claim in claims),
        seen_ms=max(0, seen_ms - RUSH_MS),
    )
    return PastDrop(_eligible(entry, seen, members), rush, later if seen_ms > RUSH_MS else None)


def _eligible(entry: PastPool, seen: Seen, members: Mapping[str, int]) -> dict[str, int]:
    """Who could still claim there: eligible by tier, and not at the limit since an earlier day."""
    gone: Counter[str] = Counter()
    for day, tier, number in seen.limits_reached.get(entry.offer_id, ()):
        if day < entry.day:
            gone[tier] += number
    found: dict[str, int] = {}
    for tier, number in members.items():
        open_to = [pool for pool in entry.offer.pools if is_for(entry.offer.scope, pool, tier)]
        if entry.pool in open_to:
            share = entry.pool.units_per_day / sum(pool.units_per_day for pool in open_to)
            found[tier] = round(max(0, number - gone[tier]) * share)
    return found
