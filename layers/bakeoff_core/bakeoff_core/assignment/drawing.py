"""Drawing: one group out of several, each with its own probability."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import cos, isfinite, pi, prod, sqrt

from bakeoff_core.assignment.bucketing import least_digest_at

_LARGEST_IMBALANCE = 4.75


@dataclass(frozen=True, slots=True)
class Draw:
    """A group that was drawn.

    Attributes:
        group: The group's name.
        weights: The probability that every group had in this draw; together 1.
    """

    group: str
    weights: Mapping[str, float]

    @property
    def propensity(self) -> float:
        """The probability with which this group was drawn, in (0, 1]."""
        return self.weights[self.group]


class Parts:
    """The parts of [0, 1) that groups have, side by side in their order; the last one ends at exactly 1.

    Args:
        weights: Each group's probability; together 1.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        drawn = [group for group, weight in weights.items() if weight > 0]
        self._draws = [Draw(group, weights) for group in drawn]
        self._bounds = list(accumulate(weights[group] for group in drawn[:-1]))

    def at(self, point: float) -> Draw:
        """Draw the group whose part holds a point, which is uniform on [0, 1)."""
        return self._draws[bisect_right(self._bounds, point)]

    def by_digest(self, digest_of: Callable[[str], bytes]) -> Callable[[str], Draw]:
        """Make the draw of a unit by its digest, which is the draw at the bucket that the digest stands for."""
        draws, bounds = self._draws, [least_digest_at(bound) for bound in self._bounds]
        return lambda unit: draws[bisect_right(bounds, digest_of(unit))]


def draw(weights: Mapping[str, float], point: float) -> Draw:
    """Draw a group.

    Args:
        weights: Each group's probability; together 1.
        point: Uniform on [0, 1).
    """
    return Parts(weights).at(point)


def normalised(weights: Mapping[str, float]) -> dict[str, float]:
    """Scale weights so that together they are 1.

    Raises:
        ValueError: One is negative or not finite, or none is above 0.
    """
    total = sum(weights.values())
    if any(weight < 0 for weight in weights.values()) or not isfinite(total) or total == 0:
        raise ValueError("weights must be finite, 0 or more, and not all 0")
    return {group: weight / total for group, weight in weights.items()}


def balancing_weights(shares: Mapping[str, float], counts: Mapping[str, int]) -> dict[str, float]:
    """Weigh the groups for the next unit so that no group ever strays far from its share.

    A group's imbalance is d = its units - its share of all units. The weight of group g is

        w_g ∝ share_g · √∏_j cos(π d_j / 2b)      with the d_j that drawing g would leave, b = 4.75

    and 0 where that draw would leave some |d_j| ≥ b. For two equal groups this is the random walk of greatest
    entropy among those that stay within the bound: as hard to foretell as balance allows. Big-stick designs,
    which draw freely within a bound and force the next group at it, betray themselves at the bound.

    Args:
        shares: Each group's configured share; together 1.
        counts: Units that each group has so far; a group left out has none.

    Returns:
        Each group's probability. Where no draw keeps the bound, the group that is furthest behind has 1.

    Source:
        Burda, Duda, Luck and Waclaw (2009), Physical Review Letters 102, 160602, for walks of greatest entropy.
    """
    after = sum(counts.get(group, 0) for group in shares) + 1
    behind = {group: counts.get(group, 0) - after * share for group, share in shares.items() if share > 0}
    weights = {
        group: shares[group] * sqrt(prod(_room(d + (other == group)) for other, d in behind.items()))
        for group in behind
    }
    total = sum(weights.values())
    if total == 0:
        furthest = min(behind, key=behind.__getitem__)
        return {group: float(group == furthest) for group in shares}
    return {group: weights.get(group, 0.0) / total for group in shares}


def _room(imbalance: float) -> float:
    return cos(pi * imbalance / (2 * _LARGEST_IMBALANCE)) if abs(imbalance) < _LARGEST_IMBALANCE else 0.0
