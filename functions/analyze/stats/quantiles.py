"""Quantiles: does the typical, or the extreme, unit differ between two groups?"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, hypot, sqrt

from scipy.special import ndtri

from stats.difference import Difference, Undefined
from stats.estimates import SMALLEST_N, Alternative, Estimate, compare_by_normal

METHOD = "quantile z, density from order statistics; normal interval"

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


def standard_error(group: QuantileStatistic) -> float | Undefined:
    """Estimate a quantile's standard error from the density around it.

    se = sqrt(q (1 - q) / n) / f with f = ((u - l) / n) / (x_u - x_l), the share of units between two order
    statistics over their distance.

    Args:
        group: The group's quantile.

    Returns:
        The standard error; undefined below two units, and where the neighbours are equal, or so near that the square
        of it is too small for a number, so that the density is without bound.

    Source:
        Bloch and Gastwirth (1968), Annals of Mathematical Statistics 39, 1083-1085.
    """
    if group.n < SMALLEST_N:
        return Undefined("a group has fewer than two units")
    if group.upper == group.lower:
        return Undefined("the values around the quantile are all the same in a group")
    needed = ranks(group.n, group.level)
    density = (needed.upper - needed.lower) / group.n / (group.upper - group.lower)
    error = sqrt(group.level * (1 - group.level) / group.n) / density
    return error if error**2 > 0 else Undefined("the values around the quantile are too near each other in a group")


def quantile_interval(group: QuantileStatistic, *, level: float = 0.95) -> tuple[float, float] | Undefined:
    """Bound one quantile by its two order statistics, whatever the distribution.

    At 95 % they are the bounds themselves, since BANDWIDTH is that level's normal quantile z; at other levels
    their distances from the quantile are scaled by z / BANDWIDTH.

    Source:
        Conover (1999), Practical Nonparametric Statistics, section 3.2.
    """
    if group.n < SMALLEST_N:
        return Undefined("the group has fewer than two units")
    scale = float(ndtri((1 + level) / 2)) / BANDWIDTH
    return group.value - scale * (group.value - group.lower), group.value + scale * (group.upper - group.value)


def compare_quantiles(
    control: QuantileStatistic,
    treatment: QuantileStatistic,
    *,
    level: float = 0.95,
    alternative: Alternative = "two_sided",
) -> Difference | Undefined:
    """Compare two quantiles with a z test on density-based standard errors.

    Args:
        control: Control group.
        treatment: Treatment group, the same quantile.
        level: Coverage of the interval, in (0, 1).
        alternative: Of the test; the interval is two-sided in any case.

    Returns:
        The difference treatment - control; undefined where a group's standard error is.
    """
    c, t = standard_error(control), standard_error(treatment)
    if isinstance(c, Undefined):
        return c
    if isinstance(t, Undefined):
        return t
    return compare_by_normal(
        treatment.value - control.value, hypot(c, t), level=level, alternative=alternative, method=METHOD
    )


def quantile_estimate(group: QuantileStatistic) -> Estimate | Undefined:
    """The quantile as an estimate, with n se² as the variance of one unit's part in it."""
    error = standard_error(group)
    return error if isinstance(error, Undefined) else Estimate(group.value, group.n * error**2, group.n)
