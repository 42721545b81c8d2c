"""One membership's gifts while its history is being made: what `gifts` and `inventory` record, in memory."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from random import Random

from membership.campaigns.content import GiftOffer
from membership.campaigns.model import CampaignRevision
from membership.gifts.model import DayLine, Gift, GiftId, GiftOfferId, GiftState, WaiverReason
from membership.gifts.rules import changing
from membership.gifts.rules.changing import Change
from membership.gifts.rules.claiming import is_for, threshold_of
from membership.gifts.rules.cover import Cover, Taker, lines_in_scope, share_out
from membership.gifts.rules.moments import claim_window, collect_until
from membership.gifts.rules.preparing import PlannedOffer, PlannedPool
from membership.gifts.rules.states import JUDGED, WAITING
from membership.inventory.rules import claim_id_of
from membership.kernel.actor import Actor, Role
from membership.members.model import MembershipKey
from membership.postgres.json import digest
from membership.postgres.outbox import RELAY
from membership.sample.arrivals import Won
from membership.sample.place import Place
from membership.sample.seasons import closes_at
from membership.sample.stock import Withdrawals
from membership.stores.rules import business_day_ends

DESK = Actor(Role.DESK, "sample.gift.desk")
SERVICES = Actor(Role.MEMBER_SERVICES, "sample.member.services")
_TAKES_THRESHOLD_GIFT_PERCENT = 78
_FETCHES_THRESHOLD_GIFT_PERCENT = 94
_BRINGS_BACK_PERCENT, _KEEPS_BY_GOODWILL_PERCENT = 55, 20
_JOB_DELAY = timedelta(minutes=9)
_UNIT_COMES_BACK = frozenset({GiftState.CANCELLED, GiftState.FORFEITED, GiftState.RETURNED})

Happens = Callable[[datetime], None]
LinesOfDay = Callable[[date], list[DayLine]]


@dataclass(frozen=True, slots=True)
class Logged:
    change: Change
    at: datetime
    by: Actor


@dataclass(slots=True)
class Had:
    """A gift that the member claimed, with its log, and the amounts that it uses now."""

    gift: Gift
    claim_hash: bytes
    log: list[Logged] = field(default_factory=list)
    given_back_at: datetime | None = None
    counts: bool = True  # towards the member's limits
    cover: Cover | None = None  # of one that was forfeited or waived too: nothing else may use what it had
    covered_at: datetime | None = None


class Presents:
    """What happens is put down with its time, and happens as time passes."""

    def __init__(
        self,
        revision: CampaignRevision,
        offers: Sequence[PlannedOffer],
        *,
        place: Place,
        membership: MembershipKey,
        withdrawals: Withdrawals,
        rng: Random,
        lines_of: LinesOfDay,
        code_of: Callable[[GiftId], str],
    ) -> None:
        self._code_of = code_of
        self._revision, self._place, self._membership = revision, place, membership
        self._withdrawals, self._rng, self._lines_of = withdrawals, rng, lines_of
        self._rules = {rule.code: rule for rule in revision.content.rules_of(GiftOffer)}
        self._offers = {entry.offer.rule_code: entry for entry in offers}
        self._coming: list[tuple[datetime, int, Happens]] = []
        self._noted = 0
        self._had: dict[GiftId, Had] = {}

    @property
    def all(self) -> Iterable[Had]:
        return self._had.values()

    def limit_of(self, offer_id: GiftOfferId, *, per_day: bool) -> int | None:
        """How many a member may have, on a day or ever."""
        (planned,) = (entry for entry in self._offers.values() if entry.offer.offer_id == offer_id)
        return planned.limit_per_member_day if per_day else planned.limit_per_member

    def wins(self, rule_code: str, won: Iterable[Won]) -> None:
        for unit in won:
            (pool,) = (entry for entry in self._offers[rule_code].pools if entry.pool.day == unit.drop.day)
            self._note(unit.at, partial(self._claim, self._rules[rule_code], pool, unit.is_fetched))

    def pass_time(self, now: datetime) -> None:
        while self._coming and self._coming[0][0] <= now:
            at, _, happens = heapq.heappop(self._coming)
            happens(at)

    def spent(self, day: date, tier: str, now: datetime) -> None:
        """After a receipt: whoever has spent enough takes the gift, some minutes later. Once a day."""
        for rule in self._rules.values():
            if rule.threshold is None or self._rng.randrange(100) >= _TAKES_THRESHOLD_GIFT_PERCENT:
                continue
            pool = self._pool_for(rule, day, tier)
            at = now + timedelta(seconds=self._rng.randrange(180, 1500))
            if pool is None or self._missing(rule, day) or at >= self._claimable_until(rule, day):
                continue
            fetches = self._rng.randrange(100) < _FETCHES_THRESHOLD_GIFT_PERCENT
            self._note(at, partial(self._claim_if_covered, rule, pool, fetches))

    def came_back(self, day: date, returned_on: date, now: datetime) -> None:
        """A return took from what was spent on `day`: judged when that day ends, or at once if it has."""
        if any(had.gift.threshold and had.gift.day == day for had in self.all):
            at = business_day_ends(self._place.store, day) + _JOB_DELAY if returned_on == day else now
            self._note(at, partial(self._judge, day))

    def _note(self, at: datetime, happens: Happens) -> None:
        self._noted += 1
        heapq.heappush(self._coming, (at, self._noted, happens))

    def _pool_for(self, rule: GiftOffer, day: date, tier: str) -> PlannedPool | None:
        """The pool of those that are for the tier, the narrowest first, that has a unit; None: none, or had enough."""
        had = [entry.gift.day for entry in self.all if entry.gift.rule_code == rule.code]
        if day in had or (rule.limit_per_member is not None and len(had) >= rule.limit_per_member):
            return None
        mine = [pool.code for pool in sorted(rule.pools, key=lambda p: not p.tiers) if is_for(rule.scope, pool, tier)]
        of_day = {entry.pool.code: entry for entry in self._offers[rule.code].pools if entry.pool.day == day}
        found = (of_day[code] for code in mine if code in of_day)
        return next((entry for entry in found if self._withdrawals.has_free(entry.pool.pool_id)), None)

    def _claimable_until(self, rule: GiftOffer, day: date) -> datetime:
        return claim_window(self._place.store, self._revision, rule, day).closes_at

    def _claim_if_covered(self, rule: GiftOffer, pool: PlannedPool, fetches: bool, at: datetime) -> None:
        """What was spent may have come back, the gift been taken after another receipt, the last unit gone."""
        taken = any(had.gift.rule_code == rule.code and had.gift.day == pool.pool.day for had in self.all)
        if not taken and not self._missing(rule, pool.pool.day) and self._withdrawals.has_free(pool.pool.pool_id):
            self._claim(rule, pool, fetches, at)
            self._share_out(pool.pool.day, at)

    def _claim(self, rule: GiftOffer, planned: PlannedPool, fetches: bool, at: datetime) -> None:
        pool = planned.pool
        key = f"sample/{self._revision.code}/{rule.code}/{pool.day}"
        gift_id = GiftId(claim_id_of(self._membership, key))
        gift = Gift(
            gift_id=gift_id,
            code=self._code_of(gift_id),
            membership=self._membership,
            offer_id=pool.offer.offer_id,
            pool_id=pool.pool_id,
            store_id=pool.store_id,
            day=pool.day,
            counter_id=pool.counter_id,
            revision_id=self._revision.revision_id,
            rule_code=rule.code,
            state=GiftState.CONFIRMED,
            step=1,
            claimed_at=at,
            collect_until=collect_until(self._place.store, rule.collection, pool.day),
            threshold=threshold_of(self._revision.code, rule),
        )
        self._had[gift.gift_id] = Had(gift, digest(["gifts.claim", str(pool.pool_id)]))
        self._withdrawals.take(pool.pool_id)
        if fetches:
            self._note(self._when_fetched(gift), partial(self._hand_over, gift.gift_id))
        self._note(gift.collect_until + _JOB_DELAY, partial(self._forfeit, gift.gift_id))

    def _when_fetched(self, gift: Gift) -> datetime:
        """On the day of the claim as a rule: within its hours, the sooner the likelier."""
        store = self._place.store
        last = min(gift.collect_until, closes_at(store, gift.day))
        minutes = (last - gift.claimed_at) // timedelta(minutes=1) - 1
        if minutes < 20:  # too late for today: soon after the doors open, while it waits
            return closes_at(store, gift.day) + timedelta(hours=12, minutes=self._rng.randrange(30, 200))
        return gift.claimed_at + timedelta(minutes=int(self._rng.triangular(8, minutes, 8)))

    def _hand_over(self, gift_id: GiftId, at: datetime) -> None:
        had = self._had[gift_id]
        if had.gift.state in WAITING and at < had.gift.collect_until:
            self._change(had, changing.hand_over(had.gift, at), at, DESK)

    def _forfeit(self, gift_id: GiftId, at: datetime) -> None:
        had = self._had[gift_id]
        if had.gift.state in WAITING:
            self._change(had, changing.forfeit(had.gift), at, RELAY)

    def _settle(self, gift_id: GiftId, at: datetime) -> None:
        """A gift that is to be brought back: it is, or services let it go, or nothing has happened yet."""
        had, draw = self._had[gift_id], self._rng.randrange(100)
        if had.gift.state is not GiftState.CLAWBACK_DUE:
            return
        if draw < _BRINGS_BACK_PERCENT:
            self._change(had, changing.bring_back(had.gift), at, DESK)
        elif draw < _BRINGS_BACK_PERCENT + _KEEPS_BY_GOODWILL_PERCENT:
            self._change(had, changing.waive(had.gift, WaiverReason.GOODWILL), at, SERVICES)

    def _judge(self, day: date, at: datetime) -> None:
        for gift_id, cover in self._share_out(day, at).items():
            had = self._had[gift_id]
            changes = changing.judge(had.gift, is_covered=cover.is_covered)
            self._change(had, changes, at, RELAY)
            if changes and had.gift.state is GiftState.CLAWBACK_DUE:
                self._note(at + timedelta(days=self._rng.randrange(1, 9)), partial(self._settle, gift_id))

    def _share_out(self, day: date, at: datetime) -> dict[GiftId, Cover]:
        """The amounts of a day, shared out anew among its gifts: each uses its own."""
        mine, lines = self._judged(day), self._free_lines(day)
        covers = share_out(lines, [self._taker(had.gift, lines) for had in mine])
        for had in mine:
            had.cover, had.covered_at = covers[had.gift.gift_id], at
        return covers

    def _free_lines(self, day: date) -> list[DayLine]:
        """The lines of a day but for what gifts use that are looked at no more."""
        used: Counter[tuple[object, int]] = Counter()
        for had in self.all:
            if had.gift.day == day and had.cover is not None and had.gift.state not in JUDGED:
                used.update(had.cover.amounts)
        return [
            replace(line, free_minor=max(0, line.free_minor - used[line.sale_id, line.line_no]))
            for line in self._lines_of(day)
        ]

    def _judged(self, day: date) -> list[Had]:
        found = [had for had in self.all if had.gift.threshold and had.gift.day == day and had.gift.state in JUDGED]
        return sorted(found, key=lambda had: (had.gift.claimed_at, had.gift.gift_id))

    def _missing(self, rule: GiftOffer, day: date) -> int:
        """What one more gift would lack, beside those that are there."""
        threshold = threshold_of(self._revision.code, rule)
        if threshold is None:
            return 0
        lines = self._free_lines(day)
        in_scope = lines_in_scope(lines, rule.scope, self._place.directory)
        gift_id = GiftId(claim_id_of(self._membership, "one more"))
        one_more = Taker(gift_id, GiftState.CONFIRMED, threshold.minimum_spend_minor, in_scope)
        takers = [self._taker(had.gift, lines) for had in self._judged(day)]
        return share_out(lines, [*takers, one_more])[gift_id].missing_minor

    def _taker(self, gift: Gift, lines: Sequence[DayLine]) -> Taker:
        scope = self._rules[gift.rule_code].scope
        minimum = gift.threshold.minimum_spend_minor if gift.threshold else 0
        return Taker(gift.gift_id, gift.state, minimum, lines_in_scope(lines, scope, self._place.directory))

    def _change(self, had: Had, changes: Sequence[Change], at: datetime, by: Actor) -> None:
        for change in changes:
            had.gift = _after(had.gift, change, at, by)
            had.log.append(Logged(change, at, by))
        state = had.gift.state
        if state in (GiftState.CANCELLED, GiftState.RETURNED):
            had.cover = None
        if state in _UNIT_COMES_BACK and had.given_back_at is None:
            had.given_back_at, had.counts = at, state is not GiftState.CANCELLED
            self._withdrawals.give_back(had.gift.pool_id, self._rules[had.gift.rule_code].returned_units)


def _after(gift: Gift, change: Change, at: datetime, by: Actor) -> Gift:
    """What `write_changes` does to the row."""
    to, ended = change.to_state, change.to_state not in JUDGED
    ready = to in (GiftState.READY, GiftState.COLLECTED) and gift.ready_at is None
    collected = to is GiftState.COLLECTED and gift.collected_at is None
    return replace(
        gift,
        state=to,
        step=change.step,
        cause=change.cause,
        ready_at=at if ready else gift.ready_at,
        collected_at=at if collected else gift.collected_at,
        collected_by=by.subject if collected else gift.collected_by,
        ended_at=at if ended else None,
    )
