"""Exact division of whole amounts: nothing is lost and nothing is made by rounding."""

from collections.abc import Sequence

BASIS_POINTS = 10_000


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Spread `total` over `weights` so that the shares sum to it exactly (law L6).

    Each share is its floor, and the units left over go to the largest remainders, ties to the
    earlier position. Where total ≤ sum(weights), no share exceeds its weight.

    Raises ValueError for a negative total or weight, or a positive total over no weight.
    Source: Hamilton's method of apportionment.
    """
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("largest_remainder takes no negative amounts")
    whole = sum(weights)
    if whole == 0:
        if total:
            raise ValueError("largest_remainder needs a positive weight to spread over")
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    left = total - sum(shares)
    if left:
        by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
        for i in by_remainder[:left]:
            shares[i] += 1
    return shares


def cumulative_share(total: int, part: int, whole: int) -> int:
    """What of `total` belongs to the first `part` of `whole`, floored; all of it when part = whole.

    Asked for cumulative parts, differences of this function are independent of how a whole was
    cut up (law L5).
    """
    if not 0 <= part <= whole:
        raise ValueError(f"part {part} is outside 0..{whole}")
    return total if part == whole else total * part // whole
