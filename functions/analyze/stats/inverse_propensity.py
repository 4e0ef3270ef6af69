"""Inverse-propensity estimates: what each group is worth when the weights changed while units were assigned.

A bandit sends its later units to the better arm. Whoever comes later may differ, and an arm is
starved just when its luck was bad, so plain means of the groups are biased. Weighting every unit with the
inverse of the probability with which it got its group undoes both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum, sqrt

from scipy.special import ndtri

from stats.difference import Difference, Undefined
from stats.estimates import Alternative, compare_by_normal

HAJEK = "Hájek inverse-propensity difference; normal interval"
HORVITZ_THOMPSON = "Horvitz-Thompson inverse-propensity difference; normal interval"

_SMALLEST_N = 2  # a variance needs two units


@dataclass(frozen=True, slots=True)
class PropensityMoments:
    """Sufficient statistics of one number y per unit of a group, whose units got it with probabilities p.

    Attributes:
        n: Units.
        inverse: Σ 1/p.
        total: Σ y/p.
        squares: Σ (y/p)².
        residual: Σ ((y - m)/p)², with m = Σ(y/p) / Σ(1/p), in which nothing cancels.
    """

    n: int
    inverse: float
    total: float
    squares: float
    residual: float

    @classmethod
    def of(cls, units: Iterable[tuple[float, float]]) -> "PropensityMoments":
        """Sum up pairs of a value and its propensity in (0, 1]."""
        pairs = tuple(units)
        inverse = fsum(1 / p for _, p in pairs)
        total = fsum(y / p for y, p in pairs)
        mean = total / inverse if pairs else 0.0
        return cls(
            n=len(pairs),
            inverse=inverse,
            total=total,
            squares=fsum((y / p) ** 2 for y, p in pairs),
            residual=fsum(((y - mean) / p) ** 2 for y, p in pairs),
        )

    @property
    def mean(self) -> float:
        """Hájek's mean; the group must have units."""
        return self.total / self.inverse

    @property
    def variance_of_mean(self) -> float:
        """The linearised variance of Hájek's mean; n > 1."""
        return self.residual / self.inverse**2 * self.n / (self.n - 1)


@dataclass(frozen=True, slots=True)
class WeightedMean:
    """A group's mean over all units of the experiment, as if each had got this group.

    Attributes:
        estimate: In the metric's unit.
        variance: Of the estimate.
        lower: Lower bound of the interval.
        upper: Upper bound of the interval.
    """

    estimate: float
    variance: float
    lower: float
    upper: float


def hajek_mean(group: PropensityMoments, *, level: float = 0.95) -> WeightedMean | Undefined:
    """Estimate a group's mean by the ratio of two inverse-propensity sums.

    m = Σ(y/p) / Σ(1/p), with the linearised variance n/(n - 1) Σ((y - m)/p)² / (Σ 1/p)². It is slightly
    biased in small samples and varies less than Horvitz-Thompson, because the number of units that the
    weights stand for need not be known but is estimated along.

    Args:
        group: The group's statistics.
        level: Coverage of the normal interval, in (0, 1).

    Returns:
        The mean; undefined below two units.

    Source:
        Hájek (1971), in Foundations of Statistical Inference, p. 236; Särndal, Swensson and Wretman (1992),
        Model Assisted Survey Sampling, result 5.7.1.
    """
    if group.n < _SMALLEST_N:
        return Undefined("the group has fewer than two units")
    return _with_interval(group.mean, group.variance_of_mean, level)


def horvitz_thompson_mean(group: PropensityMoments, units: int, *, level: float = 0.95) -> WeightedMean | Undefined:
    """Estimate a group's mean by the inverse-propensity sum over all units of the experiment.

    m = Σ(y/p) / N, unbiased whatever the weights did, as long as none was 0. Its variance is that of a mean
    of N terms z, which are y/p for the group's units and 0 for all others: (Σz² - (Σz)²/N) / (N (N - 1)).

    Args:
        group: The group's statistics.
        units: N, the units of all groups.
        level: Coverage of the normal interval, in (0, 1).

    Returns:
        The mean; undefined below two units.

    Source:
        Horvitz and Thompson (1952), Journal of the American Statistical Association 47, 663-685.
    """
    if units < _SMALLEST_N:
        return Undefined("there are fewer than two units")
    return _with_interval(group.total / units, _variance_of_mean(group.total, group.squares, units), level)


def hajek_difference(
    control: PropensityMoments,
    treatment: PropensityMoments,
    *,
    level: float = 0.95,
    alternative: Alternative = "two_sided",
) -> Difference | Undefined:
    """Compare two groups by their Hájek means; the variances add, for no unit is in both.

    Args:
        control: Control group.
        treatment: Treatment group.
        level: Coverage of the interval, in (0, 1), two-sided whatever the alternative.
        alternative: Of the normal test.

    Returns:
        The difference treatment - control in the metric's unit; undefined for
        a group of fewer than two units or where neither group's values vary.
    """
    if min(control.n, treatment.n) < _SMALLEST_N:
        return Undefined("a group has fewer than two units")
    variance = control.variance_of_mean + treatment.variance_of_mean
    return _difference(treatment.mean - control.mean, variance, HAJEK, level, alternative)


def horvitz_thompson_difference(
    control: PropensityMoments,
    treatment: PropensityMoments,
    units: int,
    *,
    level: float = 0.95,
    alternative: Alternative = "two_sided",
) -> Difference | Undefined:
    """Compare two groups by their Horvitz-Thompson means.

    The difference is itself a mean of N terms: y/p for the treatment's units, -y/p for the control's, 0 for others.

    Args:
        control: Control group.
        treatment: Treatment group.
        units: N, the units of all groups.
        level: Coverage of the interval, in (0, 1), two-sided whatever the alternative.
        alternative: Of the normal test.

    Returns:
        The difference treatment - control in the metric's unit; undefined below
        two units or where no value varies.
    """
    if units < _SMALLEST_N:
        return Undefined("there are fewer than two units")
    total = treatment.total - control.total
    variance = _variance_of_mean(total, control.squares + treatment.squares, units)
    return _difference(total / units, variance, HORVITZ_THOMPSON, level, alternative)


def _variance_of_mean(total: float, squares: float, n: int) -> float:
    return max(0.0, squares - total**2 / n) / (n * (n - 1))


def _with_interval(estimate: float, variance: float, level: float) -> WeightedMean:
    half = float(ndtri((1 + level) / 2)) * sqrt(variance)
    return WeightedMean(estimate, variance, estimate - half, estimate + half)


def _difference(
    estimate: float, variance: float, method: str, level: float, alternative: Alternative
) -> Difference | Undefined:
    if variance == 0:
        return Undefined("the values do not vary in either group")
    return compare_by_normal(estimate, sqrt(variance), level=level, alternative=alternative, method=method)
