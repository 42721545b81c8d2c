"""Which coupons apply, and what each takes off which line.

Each coupon is judged alone, by the offer in its own revision, on the amounts of its lines before any discount:
- It takes off its face: an amount, but no more than was spent in its scope; or a percentage of that, floored, but no
  more than its most. It does not depend on other coupons: two percentages do not compound.
- It uses up the larger of its minimum spend and its discount, of the amounts of its lines, in its exclusive group: all
  coupons whose offers name that group, in whatever campaign. Without one, the coupons of an offer share amounts with no
  other offer, but do not use the same amount twice among themselves.

Stacking groups are a campaign's own. Of a FIRST group only that coupon is considered which comes first of those that
could apply alone: by the lowest priority, then code, then coupon id. Of a BEST_FOR_MEMBER group one applies at most.
STACKABLE ones, and coupons without a group, each stand for themselves. Between groups everything stacks: of all sets
that fit the best is chosen (`choosing`).

What the chosen ones use is allotted in each exclusive group in proportion to the amounts, the smallest scope first; the
discount is spread by largest remainder over what the coupon uses. A line that is in no scope changes nothing (law C9).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from membership.campaigns.content import AmountOff, CouponOffer, StackingPolicy
from membership.campaigns.engine.allotting import Demand, allot
from membership.campaigns.engine.basket import BundledBasket
from membership.campaigns.engine.candidates import Candidate
from membership.campaigns.engine.choosing import Shortage, choose
from membership.campaigns.engine.scoping import (
    CompiledOffer,
    CompiledRevision,
    Moment,
    Revisions,
    compiled,
    moment_of,
    offer_faults,
)
from membership.campaigns.model import (
    CouponApplied,
    CouponFacts,
    CouponId,
    CouponShare,
    CouponStanding,
    Reason,
    ReasonGiven,
    SaleFacts,
)
from membership.kernel.shares import BASIS_POINTS, largest_remainder


@dataclass(frozen=True, slots=True)
class CouponVerdict:
    """What coupons do to a basket, and for each of the member's why it does or does not apply."""

    discount_by_line: Sequence[int]
    applied: tuple[CouponApplied, ...] = ()
    told: tuple[ReasonGiven, ...] = ()
    is_proven: bool = True

    def reasons(self, *, of_each: bool) -> Iterator[ReasonGiven]:
        """Unless `of_each` coupon, coupons of an offer that do not apply for the same reason are told of once."""
        seen: set[tuple[Reason, str | None]] = set()
        for entry in self.told:
            key = entry.reason, entry.rule
            if of_each or entry.reason is Reason.COUPON_APPLIES or key not in seen:
                seen.add(key)
                yield entry
        if not self.is_proven:
            yield ReasonGiven(Reason.CHOICE_NOT_PROVEN_BEST)


@dataclass(frozen=True, slots=True)
class Usable:
    """A coupon that could apply alone."""

    facts: CouponFacts
    entry: CompiledOffer
    candidate: Candidate
    group: str | None
    policy: StackingPolicy

    @property
    def rank(self) -> tuple[int, str, CouponId]:
        """Who goes first."""
        return self.entry.offer.priority, self.entry.offer.code, self.facts.coupon_id

    def told(self, reason: Reason, minor: int | None = None) -> ReasonGiven:
        return ReasonGiven(reason, rule=self.entry.name, coupon_id=self.facts.coupon_id, minor=minor)


def judge_coupons(facts: SaleFacts, basket: BundledBasket, revisions: Revisions) -> CouponVerdict:
    """The coupons that apply, and a reason for every one of the member's that was wanted."""
    untouched = [0] * len(facts.lines)
    wanted = _wanted(facts)
    moment = None if facts.member is None else moment_of(facts, facts.member)
    told = [
        ReasonGiven(Reason.COUPON_NOT_USABLE, coupon_id=coupon_id)
        for coupon_id in sorted(set(facts.coupons_wanted or ()) - {coupon.coupon_id for coupon in wanted})
    ]
    if moment is None or not wanted:
        return CouponVerdict(untouched, told=tuple(told))
    usable: list[Usable] = []
    for coupon in wanted:
        revision = compiled(revisions[coupon.revision_id])
        faults = coupon_faults(coupon, revision, moment, basket)
        fault = next(faults, None)
        if fault is None:
            usable.append(_usable(coupon, revision, basket))
        else:
            told.append(fault)
    candidates = _first_of_groups(usable, told)
    room = [bundle.net_minor for bundle in basket.bundles]
    choice = choose([entry.candidate for entry in candidates], room)
    chosen = [entry for entry in candidates if entry.facts.coupon_id in choice.chosen]
    shortage = Shortage([entry.candidate for entry in chosen], room)
    told += [_told_of(entry, chosen, shortage) for entry in candidates if entry.facts.coupon_id not in choice.chosen]
    applied, taken = _apply(chosen, basket, room)
    told += [
        ReasonGiven(Reason.COUPON_APPLIES, rule=entry.rule, coupon_id=entry.coupon_id, minor=entry.discount_minor)
        for entry in applied
    ]
    return CouponVerdict(taken, applied, tuple(told), choice.is_proven)


def _wanted(facts: SaleFacts) -> list[CouponFacts]:
    """The coupons to judge, in an order of their own."""
    wallet = () if facts.member is None else facts.member.coupons
    asked = facts.coupons_wanted
    return sorted(
        (coupon for coupon in wallet if asked is None or coupon.coupon_id in asked),
        key=lambda coupon: (coupon.valid_until, coupon.coupon_id),
    )


def coupon_faults(
    coupon: CouponFacts, revision: CompiledRevision, moment: Moment, basket: BundledBasket
) -> Iterator[ReasonGiven]:
    """Every reason why a coupon could not apply even alone (law C4), the plainest first."""
    entry = revision.offers.get(coupon.offer)
    name = None if entry is None else entry.name
    if entry is None or coupon.standing is CouponStanding.NOT_USABLE:
        yield ReasonGiven(Reason.COUPON_NOT_USABLE, rule=name, coupon_id=coupon.coupon_id)
    if coupon.standing is CouponStanding.HELD_ELSEWHERE:
        yield ReasonGiven(Reason.COUPON_HELD_ELSEWHERE, rule=name, coupon_id=coupon.coupon_id)
    if moment.at < coupon.valid_from:
        yield ReasonGiven(Reason.COUPON_NOT_YET_VALID, rule=name, coupon_id=coupon.coupon_id)
    if moment.at >= coupon.valid_until:
        yield ReasonGiven(Reason.COUPON_EXPIRED, rule=name, coupon_id=coupon.coupon_id)
    if entry is None:
        return
    for fault in offer_faults(entry.offer, revision.source, moment):
        yield ReasonGiven(fault, rule=name, coupon_id=coupon.coupon_id)
    places = entry.lines.places(basket)
    missing = _least(entry.offer) - sum(basket.bundles[place].net_minor for place in places)
    if not places:
        yield ReasonGiven(Reason.NOTHING_IN_SCOPE, rule=name, coupon_id=coupon.coupon_id)
    elif missing > 0:
        yield ReasonGiven(Reason.BELOW_MINIMUM_SPEND, rule=name, coupon_id=coupon.coupon_id, minor=missing)


def _least(offer: CouponOffer) -> int:
    """The spend from which on a coupon takes anything off: its minimum, or what makes a percentage one minor unit."""
    if isinstance(offer.face, AmountOff):
        return offer.minimum_spend_minor
    return max(offer.minimum_spend_minor, -(-BASIS_POINTS // offer.face.basis_points))


def _discount(offer: CouponOffer, spent_minor: int) -> int:
    if isinstance(offer.face, AmountOff):
        return min(offer.face.amount_minor, spent_minor)
    return min(spent_minor * offer.face.basis_points // BASIS_POINTS, offer.face.most_minor)


def _usable(coupon: CouponFacts, revision: CompiledRevision, basket: BundledBasket) -> Usable:
    entry = revision.offers[coupon.offer]
    offer = entry.offer
    places = entry.lines.places(basket)
    discount = _discount(offer, sum(basket.bundles[place].net_minor for place in places))
    group, policy = None, StackingPolicy.STACKABLE
    if offer.stacking_group is not None:
        group = f"{revision.source.code}/{offer.stacking_group}"
        policy = revision.stacking.get(offer.stacking_group, StackingPolicy.STACKABLE)
    candidate = Candidate(
        coupon_id=coupon.coupon_id,
        valid_until=coupon.valid_until,
        discount=discount,
        use=max(discount, offer.minimum_spend_minor),
        places=places,
        exclusive=offer.exclusive_group or entry.name,
        only_one_of=group if policy is StackingPolicy.BEST_FOR_MEMBER else None,
    )
    return Usable(coupon, entry, candidate, group, policy)


def _first_of_groups(usable: Sequence[Usable], told: list[ReasonGiven]) -> list[Usable]:
    """All but those that another of their FIRST group goes before, of which `told` is told."""
    first: dict[str, Usable] = {}
    for entry in sorted(usable, key=lambda entry: entry.rank):
        if entry.group is not None and entry.policy is StackingPolicy.FIRST:
            first.setdefault(entry.group, entry)
    after = [entry for entry in usable if entry.group in first and entry is not first[entry.group]]
    told += [entry.told(Reason.ANOTHER_COUPON_GOES_FIRST) for entry in after]
    return [entry for entry in usable if entry.group not in first or entry is first[entry.group]]


def _told_of(entry: Usable, chosen: Sequence[Usable], shortage: Shortage) -> ReasonGiven:
    group = entry.candidate.only_one_of
    if group is not None and any(other.candidate.only_one_of == group for other in chosen):
        return entry.told(Reason.ANOTHER_COUPON_IS_BETTER)
    missing = shortage.of(entry.candidate)
    return entry.told(Reason.AMOUNT_USED_ALREADY if missing else Reason.ANOTHER_COUPON_IS_BETTER, missing or None)


def _apply(
    chosen: Sequence[Usable], basket: BundledBasket, room: Sequence[int]
) -> tuple[tuple[CouponApplied, ...], list[int]]:
    """Use and discount of each coupon over the lines, and the discounts of all per line."""
    ordered = sorted(chosen, key=lambda entry: (sum(room[at] for at in entry.candidate.places), entry.rank))
    uses = _allot_uses([entry.candidate for entry in ordered], room)
    discounts = _allot_discounts([entry.candidate for entry in ordered], uses, room)
    net = [line.net_minor for line in basket.lines]
    left = list(net)
    left_in: dict[str, list[int]] = {}
    applied: list[CouponApplied] = []
    for entry, use, discount in zip(ordered, uses, discounts, strict=True):
        unused = left_in.setdefault(entry.candidate.exclusive, list(net))
        used = basket.spread({at: part for at, part in enumerate(use) if part}, unused)
        taken = _over_lines(basket, discount, used, left)
        shares = [
            CouponShare(line.line_no, off, part)
            for line, off, part in zip(basket.lines, taken, used, strict=True)
            if off or part
        ]
        for position in range(len(net)):
            unused[position] -= used[position]
            left[position] -= taken[position]
        applied.append(_applied(entry, tuple(shares)))
    return tuple(applied), [before - after for before, after in zip(net, left, strict=True)]


def _applied(entry: Usable, shares: tuple[CouponShare, ...]) -> CouponApplied:
    return CouponApplied(
        coupon_id=entry.facts.coupon_id,
        revision_id=entry.facts.revision_id,
        rule=entry.entry.name,
        discount_minor=entry.candidate.discount,
        exclusive_group=entry.entry.offer.exclusive_group,
        shares=shares,
    )


def _allot_uses(chosen: Sequence[Candidate], room: Sequence[int]) -> list[list[int]]:
    uses: list[list[int]] = [[] for _ in chosen]
    groups: dict[str, list[int]] = {}
    for rank, candidate in enumerate(chosen):
        groups.setdefault(candidate.exclusive, []).append(rank)
    for ranks in groups.values():
        found = allot([Demand(chosen[rank].use, chosen[rank].places) for rank in ranks], room)
        if found is None:
            raise ValueError("the chosen coupons use more than there is")
        for rank, row in zip(ranks, found, strict=True):
            uses[rank] = row
    return uses


def _allot_discounts(
    chosen: Sequence[Candidate], uses: Sequence[Sequence[int]], room: Sequence[int]
) -> list[list[int]]:
    """Each over what it uses. Where that takes more off a place than there is, coupons of several groups being on it,
    wherever in its scope there is room."""
    found = [largest_remainder(entry.discount, use) for entry, use in zip(chosen, uses, strict=True)]
    if all(sum(row[place] for row in found) <= there for place, there in enumerate(room)):
        return found
    elsewhere = allot([Demand(entry.discount, entry.places) for entry in chosen], room)
    if elsewhere is None:
        raise ValueError("the chosen coupons take off more than there is")
    return elsewhere


def _over_lines(basket: BundledBasket, discount: Sequence[int], used: Sequence[int], left: Sequence[int]) -> list[int]:
    """A discount per bundle over its lines: where they are used, else where anything is left."""
    taken = [0] * len(used)
    for place, off in enumerate(discount):
        positions = basket.bundles[place].positions if off else ()
        over = [min(used[position], left[position]) for position in positions]
        if sum(over) < off:
            over = [left[position] for position in positions]
        for position, part in zip(positions, largest_remainder(off, over), strict=True):
            taken[position] = part
    return taken
