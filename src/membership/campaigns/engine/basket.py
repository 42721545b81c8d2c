"""The basket as rules see it: lines that no rule can tell apart are one bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from membership.campaigns.model import LineFacts, SaleFacts
from membership.kernel.shares import largest_remainder


def earns(line: LineFacts) -> bool:
    return line.brand_earns_points and line.category_earns_points


def counts_for_tier(line: LineFacts) -> bool:
    return line.brand_counts_for_tier and line.category_counts_for_tier


@dataclass(frozen=True, slots=True)
class Bundle:
    """Lines alike in all that a rule may ask. `like` is any of them; `positions` are theirs, by line number."""

    like: LineFacts
    positions: tuple[int, ...]
    net_minor: int


@dataclass(frozen=True)
class BundledBasket:
    """A basket's lines with their bundles, in an order that depends on neither the order nor the cut of the lines."""

    lines: tuple[LineFacts, ...]

    @cached_property
    def places_by_scope(self) -> dict[object, tuple[int, ...]]:
        """The bundles in each scope that was asked for: many rules share one."""
        return {}

    @cached_property
    def bundles(self) -> tuple[Bundle, ...]:
        alike: dict[tuple[object, ...], list[int]] = {}
        for position, line in sorted(enumerate(self.lines), key=lambda entry: entry[1].line_no):
            alike.setdefault(_what_rules_see(line), []).append(position)
        return tuple(
            Bundle(self.lines[at[0]], tuple(at), sum(self.lines[position].net_minor for position in at))
            for _, at in sorted(alike.items())
        )

    def spread(self, by_bundle: Mapping[int, int], room: Sequence[int]) -> list[int]:
        """Per line, the shares of amounts per bundle, by largest remainder over what each line has room for."""
        shares = [0] * len(self.lines)
        for place, total in by_bundle.items():
            positions = self.bundles[place].positions
            if len(positions) == 1:
                shares[positions[0]] = total
                continue
            parts = largest_remainder(total, [room[position] for position in positions])
            for position, part in zip(positions, parts, strict=True):
                shares[position] = part
        return shares


def bundled(facts: SaleFacts) -> BundledBasket:
    return BundledBasket(facts.lines)


def _what_rules_see(line: LineFacts) -> tuple[object, ...]:
    return (
        line.brand,
        line.floor,
        line.category,
        line.counter,
        line.spend_minor_per_point,
        earns(line),
        counts_for_tier(line),
    )
