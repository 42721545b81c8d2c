"""The arrival model: how many members claim how long after a gift drops, and so when a pool is sold out. Pure.

Members claim independently of each other, in two waves: those who wait for the drop, and, from ten minutes after it on,
those who come across it. Of the N members of a tier that may still claim, the share p takes part in a wave on a day,
and a participant's delay after the wave's beginning b is exponential with mean m. The claims within d of the drop are

    A(d) = Σ over waves and tiers  N·p · (1 − e^(−(d − b)/m))        for d > b

and U units are gone when A(d) = U, if that lies before the day's end; otherwise some are left. (A member that has had
as many as the offer allows claims no more: `Crowd` follows, in expectation, how many have had how many.)

Each wave is fitted by maximum likelihood to past drops. A drop is seen only until its pool is sold out, since who came
later left no claim: the data are censored there. With n claims, the sum S of their delays and the end T of what was
seen,

    log L(m, p) = Σ over drops [ n · ln(N·p / m) − S/m − N·p · (1 − e^(−T/m)) ]

has p = n / Σ N·(1 − e^(−T/m)) per tier for a given m (at most 1), and m is searched for on a grid that is then refined.
Source: the likelihood of an inhomogeneous Poisson process under right censoring. Parameters are whole numbers, so that
they can be told, kept and compared.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from membership.kernel.shares import BASIS_POINTS

RUSH_MS = 600_000
"""When the second wave begins."""

FEWEST_CLAIMS = 20
"""With fewer than these, a fit would say more about chance than about members."""

_SHORTEST_MS, _LONGEST_MS = 1_000.0, 12 * 3_600_000.0
_GRID = 240
_REFINEMENTS = 60
_GOLDEN = (math.sqrt(5) - 1) / 2


class ParametersFrom(StrEnum):
    """Where an arrival model's parameters come from."""

    PAST_CLAIMS = "PAST_CLAIMS"
    DEFAULTS = "DEFAULTS"


@dataclass(frozen=True, slots=True)
class SeenClaims:
    """Claims of one wave in one drop: by tier, the sum of their delays after the wave's beginning, and until when after
    it claims could be seen."""

    claims: Mapping[str, int]
    delays_ms: int
    seen_ms: int

    @property
    def number(self) -> int:
        return sum(self.claims.values())


@dataclass(frozen=True, slots=True)
class PastDrop:
    """What one pool saw on one day. `eligible`: the members by tier that could still claim. `later` None: it was sold
    out within the rush."""

    eligible: Mapping[str, int]
    rush: SeenClaims
    later: SeenClaims | None


@dataclass(frozen=True, slots=True)
class Wave:
    """`participation_basis_points`: by tier, in hundredths of a percent; other tiers take `others_basis_points`."""

    begins_after_ms: int
    mean_delay_ms: int
    participation_basis_points: Mapping[str, int]
    others_basis_points: int

    def participation(self, tier: str) -> float:
        return self.participation_basis_points.get(tier, self.others_basis_points) / BASIS_POINTS

    def share_within(self, milliseconds: float) -> float:
        """Of the wave's claims, those within so long after the drop."""
        return -math.expm1(-max(0.0, milliseconds - self.begins_after_ms) / self.mean_delay_ms)


DEFAULT_RUSH = Wave(0, 30_000, {}, 2_000)
DEFAULT_LATER = Wave(RUSH_MS, 3_600_000, {}, 200)
"""Where there is nothing to learn from: one member in five waits for it, most claim within a minute; one in fifty comes
across it in the hours after."""


@dataclass(frozen=True, slots=True)
class ArrivalModel:
    waves: tuple[Wave, ...]
    learned_from: ParametersFrom
    past_drops: int = 0
    past_claims: int = 0

    def claims_within(self, eligible: Mapping[str, float], milliseconds: float) -> float:
        """A(d)."""
        return sum(
            number * wave.participation(tier) * wave.share_within(milliseconds)
            for wave in self.waves
            for tier, number in eligible.items()
        )

    def sold_out_after_ms(self, eligible: Mapping[str, float], units: float, *, open_ms: int) -> int | None:
        """From the drop until so many units are claimed; None: some are left when the day ends."""
        if self.claims_within(eligible, open_ms) < units:
            return None
        low, high = 0, open_ms
        while high - low > 1:
            middle = (low + high) // 2
            if self.claims_within(eligible, middle) < units:
                low = middle
            else:
                high = middle
        return high


DEFAULT_MODEL = ArrivalModel((DEFAULT_RUSH, DEFAULT_LATER), ParametersFrom.DEFAULTS)


@dataclass(slots=True)
class Crowd:
    """By tier, how many members have had how many units, in expectation. `limit` None: nobody ever drops out."""

    members: Mapping[str, int]
    limit: int | None
    _had: dict[str, list[float]] = field(init=False)

    def __post_init__(self) -> None:
        slots = self.limit or 1
        self._had = {tier: [float(number), *([0.0] * (slots - 1))] for tier, number in self.members.items()}

    def eligible(self) -> dict[str, float]:
        return {tier: sum(had) for tier, had in self._had.items()}

    def claim(self, claimed: Mapping[str, float]) -> None:
        """So many of each tier got a unit: everybody that may still claim was equally likely to."""
        if self.limit is None:
            return
        for tier, number in claimed.items():
            had, whole = self._had[tier], sum(self._had[tier])
            if whole <= 0:
                continue
            share = min(1.0, number / whole)
            moved = [count * share for count in had]
            self._had[tier] = [count - gone + new for count, gone, new in zip(had, moved, [0.0, *moved], strict=False)]


def fit(drops: Sequence[PastDrop]) -> ArrivalModel:
    """The model under which what was seen is likeliest; defaults for what was not seen often enough."""
    rush = _fit_wave(0, [(drop.eligible, drop.rush) for drop in drops])
    if rush is None:
        return DEFAULT_MODEL
    later = _fit_wave(RUSH_MS, [(drop.eligible, drop.later) for drop in drops if drop.later is not None])
    claims = sum(drop.rush.number + (drop.later.number if drop.later else 0) for drop in drops)
    return ArrivalModel((rush, later or DEFAULT_LATER), ParametersFrom.PAST_CLAIMS, len(drops), claims)


_Seen = Sequence[tuple[Mapping[str, int], SeenClaims]]


def _fit_wave(begins_after_ms: int, seen: _Seen) -> Wave | None:
    seen = [(eligible, claims) for eligible, claims in seen if claims.seen_ms > 0]
    number = sum(claims.number for _, claims in seen)
    if number < FEWEST_CLAIMS:
        return None
    mean = max(1, round(_likeliest_mean(seen)))
    return Wave(
        begins_after_ms=begins_after_ms,
        mean_delay_ms=mean,
        participation_basis_points={
            tier: _basis_points(share) for tier, share in sorted(_participations(seen, mean).items())
        },
        others_basis_points=_basis_points(min(1.0, number / _exposure(seen, mean, None))),
    )


def _likeliest_mean(seen: _Seen) -> float:
    """The best of a logarithmic grid, refined between its neighbours by golden sections."""
    step = math.log(_LONGEST_MS / _SHORTEST_MS) / _GRID
    grid = [math.log(_SHORTEST_MS) + step * number for number in range(_GRID + 1)]
    best = max(range(len(grid)), key=lambda place: _log_likelihood(seen, math.exp(grid[place])))
    low, high = grid[max(0, best - 1)], grid[min(_GRID, best + 1)]
    for _ in range(_REFINEMENTS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if _log_likelihood(seen, math.exp(left)) < _log_likelihood(seen, math.exp(right)):
            low = left
        else:
            high = right
    return math.exp((low + high) / 2)


def _log_likelihood(seen: _Seen, mean: float) -> float:
    total = -sum(claims.delays_ms for _, claims in seen) / mean
    for tier, share in _participations(seen, mean).items():
        number = sum(claims.claims.get(tier, 0) for _, claims in seen)
        if number:
            total += number * (math.log(share) - math.log(mean))
        total -= share * _exposure(seen, mean, tier)
    return total


def _participations(seen: _Seen, mean: float) -> dict[str, float]:
    """By tier, for a given mean delay: claims over what full participation would have brought, at most all."""
    numbers: Counter[str] = Counter()
    for eligible, claims in seen:
        for tier in eligible:
            numbers[tier] += claims.claims.get(tier, 0)
    exposures = {tier: _exposure(seen, mean, tier) for tier in numbers}
    return {tier: min(1.0, numbers[tier] / exposure) for tier, exposure in exposures.items() if exposure > 0}


def _exposure(seen: _Seen, mean: float, tier: str | None) -> float:
    """The claims that would have been seen had every eligible member (of a tier) taken part."""
    return sum(
        (sum(eligible.values()) if tier is None else eligible.get(tier, 0)) * -math.expm1(-claims.seen_ms / mean)
        for eligible, claims in seen
    )


def _basis_points(share: float) -> int:
    return round(share * BASIS_POINTS)
