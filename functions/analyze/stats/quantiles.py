"""Quantiles: does the typical, or the extreme, unit differ between two groups?"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt

BANDWIDTH = 1.959963984540054
"""How far from the quantile, in standard errors of the share of units below it, its two neighbours are taken."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of the sorted values are needed: counted from 1, each from 1 to n."""

    lower: int
    at: int
    upper: int


@dataclass(frozen=True, slots=True)
class QuantileStatistic:
    """A quantile of one number per unit, and two order statistics beside it that tell how dense the values are.

    Attributes:
        n: Units.
        level: Which quantile, in (0, 1).
        value: The sorted values' element at `ranks(n, level).at`; 0 without units.
        lower: The one at `ranks(n, level).lower`.
        upper: The one at `ranks(n, level).upper`.
    """

    n: int
    level: float
    value: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float], level: float) -> "QuantileStatistic":
        """Pick the order statistics out of values in any order."""
        if not values:
            return cls(0, level, 0.0, 0.0, 0.0)
        ordered = sorted(values)
        at = ranks(len(ordered), level)
        return cls(len(ordered), level, ordered[at.at - 1], ordered[at.lower - 1], ordered[at.upper - 1])


def ranks(n: int, level: float) -> Ranks:
    """Say which order statistics describe a quantile of n > 0 values.

    The quantile is the value at rank ceil(n q), the inverse of the empirical distribution function. Its
    neighbours are at floor(n q - z s) and ceil(n q + z s) with s = sqrt(n q (1 - q)), z = BANDWIDTH, moved to
    1 and n where they fall outside.
    """
    spread = BANDWIDTH * sqrt(n * level * (1 - level))
    return Ranks(
        lower=max(1, floor(n * level - spread)),
        at=min(n, max(1, ceil(n * level))),
        upper=min(n, ceil(n * level + spread)),
    )
