"""What the earn rules of the issuing campaigns give, to the point.

A MULTIPLE gives (multiple − 1) times the base rate on the lines in scope, floored once per rule and earn-rate group.
A BONUS gives its points once the spend that counts on the lines in scope reaches the minimum, or once for each such
amount. Lines that give no points are in no scope. Rules that say ADD give whatever others do.

HIGHEST: of all such rules, of whatever campaign, a line gets the one that gives it most for its amount; a tie goes to
the first by name. Rules are compared by what each would give alone, after its caps, in proportion to the amounts in its
scope; a bonus's minimum is judged on its whole scope, and what it gives for lines that another rule wins falls away.

A cap cuts a rule's award; what is left is spread by largest remainder over what it would have been.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from membership.campaigns.content import BonusPoints, EarnRule, EarnStacking, Multiple
from membership.campaigns.engine.basket import BundledBasket, earns
from membership.campaigns.engine.scoping import (
    CompiledEarnRule,
    CompiledRevision,
    Revisions,
    campaign_faults,
    compiled,
    earn_rule_faults,
    moment_of,
)
from membership.campaigns.model import EarnedBefore, MemberFacts, Reason, ReasonGiven, SaleFacts
from membership.kernel.shares import BASIS_POINTS, largest_remainder
from membership.points.model import LineAward


@dataclass(frozen=True, slots=True)
class RateGroup:
    """An earn-rate group: what was paid for its lines, and how much of that counts after weighing the tenders."""

    spend_minor_per_point: int
    paid_minor: int
    earn_minor: int

    def counted(self, paid_minor: int) -> int:
        return self.earn_minor * paid_minor // self.paid_minor

    def bonus(self, paid_minor: int, extra_basis_points: int) -> int:
        """A multiple's points on a part of the group, floored once."""
        per_point = self.paid_minor * self.spend_minor_per_point * BASIS_POINTS
        return self.earn_minor * paid_minor * extra_basis_points // per_point


@dataclass(frozen=True, slots=True)
class Payments:
    """What was paid per bundle that earns, and the earn-rate groups."""

    paid: Mapping[int, int]
    group_of: Mapping[int, RateGroup]

    def by_group(self, places: Sequence[int]) -> list[tuple[RateGroup, list[int]]]:
        found: dict[int, list[int]] = {}
        for place in places:
            found.setdefault(self.group_of[place].spend_minor_per_point, []).append(place)
        return [(self.group_of[within[0]], within) for within in found.values()]

    def total(self, places: Sequence[int]) -> int:
        return sum(self.paid[place] for place in places)

    def counted(self, places: Sequence[int]) -> int:
        return sum(group.counted(self.total(within)) for group, within in self.by_group(places))


@dataclass(frozen=True, slots=True)
class Contender:
    """A rule that holds, with what it would give each bundle alone. `room`: what its caps leave over; None: no cap."""

    entry: CompiledEarnRule
    label: str
    by_place: Mapping[int, int]
    alone: int
    room: int | None

    @property
    def places(self) -> tuple[int, ...]:
        return tuple(self.by_place)

    def uncut(self, won: Sequence[int], payments: Payments) -> Mapping[int, int]:
        """What it gives the bundles it won, before caps."""
        if len(won) == len(self.by_place):
            return self.by_place
        return _uncapped(self.entry.rule, self.places, won, payments)

    def density(self, place: int, payments: Payments) -> Fraction:
        """Points per minor unit paid, after caps."""
        effect = self.entry.rule.effect
        if isinstance(effect, Multiple):
            group = payments.group_of[place]
            raw = Fraction(
                group.earn_minor * (effect.basis_points - BASIS_POINTS),
                group.paid_minor * group.spend_minor_per_point * BASIS_POINTS,
            )
        else:
            raw = Fraction(self.alone, payments.total(self.places))
        if self.room is None or self.room >= self.alone:
            return raw
        return raw * self.room / self.alone


def campaign_awards(
    facts: SaleFacts,
    basket: BundledBasket,
    revisions: Revisions,
    *,
    paid: Sequence[int],
    earn_minor: Sequence[int],
    reasons: list[ReasonGiven],
) -> tuple[LineAward, ...]:
    """The awards of campaign rules, in the order of campaigns and of rules; why is appended to `reasons`."""
    if facts.member is None or not facts.issuing:
        return ()
    payments = _payments(basket, paid, earn_minor)
    contenders = list(_contenders(facts, facts.member, payments, basket=basket, revisions=revisions, reasons=reasons))
    awards: list[LineAward] = []
    for contender, won in zip(contenders, _share_out(contenders, payments), strict=True):
        uncut = contender.uncut(won, payments)
        by_place = _cut(uncut, contender.room)
        by_line = basket.spread({place: part for place, part in by_place.items() if part}, paid)
        awards += [
            LineAward(line.line_no, contender.entry.name, part, contender.label)
            for line, part in zip(basket.lines, by_line, strict=True)
            if part
        ]
        reasons.extend(_reasons(contender, won, sum(uncut.values()), sum(by_place.values())))
    return tuple(awards)


def _payments(basket: BundledBasket, paid: Sequence[int], earn_minor: Sequence[int]) -> Payments:
    by_place: dict[int, int] = {}
    totals: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for place, bundle in enumerate(basket.bundles):
        if earns(bundle.like):
            by_place[place] = sum(paid[position] for position in bundle.positions)
            total = totals[bundle.like.spend_minor_per_point]
            total[0] += by_place[place]
            total[1] += sum(earn_minor[position] for position in bundle.positions)
    groups = {rate: RateGroup(rate, spent, counted) for rate, (spent, counted) in totals.items()}
    group_of = {place: groups[basket.bundles[place].like.spend_minor_per_point] for place in by_place}
    return Payments(by_place, group_of)


def issuing_revisions(facts: SaleFacts, revisions: Revisions) -> list[CompiledRevision]:
    """In an order of their own, whatever the order in the facts."""
    found = {revision_id: revisions[revision_id] for revision_id in facts.issuing}
    ordered = sorted(found.values(), key=lambda entry: (entry.code, entry.number, entry.revision_id))
    return [compiled(revision) for revision in ordered]


def _contenders(
    facts: SaleFacts,
    member: MemberFacts,
    payments: Payments,
    *,
    basket: BundledBasket,
    revisions: Revisions,
    reasons: list[ReasonGiven],
) -> Iterator[Contender]:
    """The rules that hold and touch a line that earns. Of the others that touch one, the first reason is told."""
    moment = moment_of(facts, member)
    if moment is None:
        return
    brands = frozenset(bundle.like.brand for bundle in basket.bundles)
    before = {entry.rule: entry for entry in member.earned_before}
    for revision in issuing_revisions(facts, revisions):
        closed = next(campaign_faults(revision.source, moment), None)
        for entry in sorted(revision.earn_rules_for(brands), key=lambda entry: entry.name):
            places = tuple(place for place in entry.lines.places(basket) if payments.paid.get(place))
            if not places:
                continue
            fault = closed or next(earn_rule_faults(entry.rule, revision.source, moment), None)
            if fault is None:
                judged = _judge(entry, revision.label, places, payments, before=before.get(entry.name))
            else:
                judged = ReasonGiven(fault, rule=entry.name)
            if isinstance(judged, Contender):
                yield judged
            else:
                reasons.append(judged)


def _judge(
    entry: CompiledEarnRule, label: str, places: Sequence[int], payments: Payments, *, before: EarnedBefore | None
) -> Contender | ReasonGiven:
    """A rule that holds on these bundles, or what it lacks to give anything: spend, or room below its caps."""
    missing = _missing(entry.rule, places, payments)
    if missing:
        return ReasonGiven(Reason.BELOW_MINIMUM_SPEND, rule=entry.name, minor=missing)
    by_place = _uncapped(entry.rule, places, places, payments)
    alone, room = sum(by_place.values()), _room(entry.rule, before)
    if room == 0 and alone:
        return ReasonGiven(Reason.MEMBER_CAP_REACHED, rule=entry.name, points=alone)
    return Contender(entry, label, {place: by_place[place] for place in places}, alone, room)


def _missing(rule: EarnRule, places: Sequence[int], payments: Payments) -> int:
    if not isinstance(rule.effect, BonusPoints):
        return 0
    return max(0, rule.effect.minimum_spend_minor - payments.counted(places))


def _room(rule: EarnRule, before: EarnedBefore | None) -> int | None:
    """What the caps leave over of them, the tighter one; never below zero."""
    day_points, points = (0, 0) if before is None else (before.day_points, before.points)
    rooms = []
    if rule.cap_points_per_member_day is not None:
        rooms.append(max(0, rule.cap_points_per_member_day - day_points))
    if rule.cap_points_per_member is not None:
        rooms.append(max(0, rule.cap_points_per_member - points))
    return min(rooms, default=None)


def _share_out(contenders: Sequence[Contender], payments: Payments) -> list[tuple[int, ...]]:
    """The bundles each rule gives points for: of those that say HIGHEST, a bundle goes to one."""
    rivals = {rank for rank, entry in enumerate(contenders) if entry.entry.rule.stacking is EarnStacking.HIGHEST}
    if len(rivals) < 2:
        return [entry.places for entry in contenders]
    best: dict[int, tuple[Fraction, int]] = {}
    for rank in sorted(rivals):
        for place in contenders[rank].places:
            density = contenders[rank].density(place, payments)
            if place not in best or density > best[place][0]:
                best[place] = (density, rank)
    return [
        tuple(place for place in entry.places if rank not in rivals or best[place][1] == rank)
        for rank, entry in enumerate(contenders)
    ]


def _uncapped(rule: EarnRule, places: Sequence[int], won: Sequence[int], payments: Payments) -> Mapping[int, int]:
    """Points per bundle that was won, before caps."""
    effect = rule.effect
    if isinstance(effect, Multiple):
        by_place: dict[int, int] = {}
        for group, within in payments.by_group(won):
            points = group.bonus(payments.total(within), effect.basis_points - BASIS_POINTS)
            by_place |= _spread(points, {place: payments.paid[place] for place in within})
        return by_place
    times = payments.counted(places) // effect.minimum_spend_minor if effect.per_amount else 1
    points = effect.points * times * payments.total(won) // payments.total(places)
    return _spread(points, {place: payments.paid[place] for place in won})


def _cut(uncut: Mapping[int, int], room: int | None) -> Mapping[int, int]:
    return uncut if room is None or sum(uncut.values()) <= room else _spread(room, uncut)


def _spread(points: int, weights: Mapping[int, int]) -> dict[int, int]:
    return dict(zip(weights, largest_remainder(points, list(weights.values())), strict=True))


def _reasons(contender: Contender, won: Sequence[int], uncut: int, points: int) -> Iterator[ReasonGiven]:
    name = contender.entry.name
    if points:
        yield ReasonGiven(Reason.RULE_APPLIES, rule=name, points=points)
    if points < uncut:
        yield ReasonGiven(Reason.MEMBER_CAP_REACHED, rule=name, points=uncut - points)
    if len(won) < len(contender.places):
        yield ReasonGiven(Reason.ANOTHER_RULE_GIVES_MORE, rule=name)
    elif not uncut:
        yield ReasonGiven(Reason.BELOW_ONE_POINT, rule=name)
