"""Two means: does one group do more, or spend more, per unit than another?"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum, sqrt

from scipy.special import stdtrit

from stats.difference import Difference, Undefined
from stats.estimates import SMALLEST_N, Alternative, Estimate, compare_estimates


@dataclass(frozen=True, slots=True)
class Moments:
    """Sufficient statistics of one number per unit.

    Attributes:
        n: Units.
        total: Σx.
        m2: Σ(x - mean)², the sum of squares about the mean, in which nothing cancels.
    """

    n: int
    total: float
    m2: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Moments":
        """Sum up values in two passes."""
        numbers = tuple(values)
        if not numbers:
            return cls(0, 0.0, 0.0)
        total = fsum(numbers)
        mean = total / len(numbers)
        return cls(len(numbers), total, fsum((x - mean) ** 2 for x in numbers))

    @classmethod
    def from_sums(cls, n: int, total: float, total_of_squares: float) -> "Moments":
        """Take n, Σx and Σx² as other systems report them; n > 0."""
        return cls(n, total, max(0.0, total_of_squares - total**2 / n))

    @property
    def mean(self) -> float:
        """Mean per unit; the group must have units."""
        return self.total / self.n

    @property
    def variance(self) -> float:
        """Unbiased variance of one unit's value; n > 1."""
        return self.m2 / (self.n - 1)

    @property
    def estimate(self) -> Estimate:
        """The mean as an estimate; n > 1."""
        return Estimate(self.mean, self.variance, self.n)

    def merge(self, other: "Moments") -> "Moments":
        """Join the statistics of two disjoint sets of units.

        Source:
            Chan, Golub and LeVeque (1983), The American Statistician 37, 242-247.
        """
        if self.n == 0 or other.n == 0:
            return other if self.n == 0 else self
        n = self.n + other.n
        gap = other.mean - self.mean
        return Moments(n, self.total + other.total, self.m2 + other.m2 + gap**2 * self.n * other.n / n)


def welch(
    control: Moments, treatment: Moments, *, level: float = 0.95, alternative: Alternative = "two_sided"
) -> Difference | Undefined:
    """Compare two means with Welch's t test.

    t = (m_t - m_c) / se, se = sqrt(v_c/n_c + v_t/n_t), with the degrees of freedom of
    Welch and Satterthwaite; interval estimate ± t_(df) se.

    Args:
        control: Control group.
        treatment: Treatment group.
        level: Coverage of the interval, in (0, 1).
        alternative: Of the test; the interval is two-sided in any case.

    Returns:
        The difference treatment - control in the metric's unit; undefined for a group of
        fewer than two units or where neither group's values vary.

    Source:
        Welch (1947), Biometrika 34, 28-35.
    """
    if min(control.n, treatment.n) < SMALLEST_N:
        return Undefined("a group has fewer than two units")
    return compare_estimates(
        control.estimate, treatment.estimate, level=level, alternative=alternative, method="Welch t; t interval"
    )


def mean_interval(group: Moments, *, level: float = 0.95) -> tuple[float, float] | Undefined:
    """Student's t interval for one mean."""
    if group.n < SMALLEST_N:
        return Undefined("the group has fewer than two units")
    half = float(stdtrit(group.n - 1, (1 + level) / 2)) * sqrt(group.variance / group.n)
    return group.mean - half, group.mean + half


def cohens_d(control: Moments, treatment: Moments) -> float | Undefined:
    """Cohen's d, the difference of the means over the pooled standard deviation (Cohen 1988, chapter 2)."""
    if min(control.n, treatment.n) < SMALLEST_N:
        return Undefined("a group has fewer than two units")
    pooled = sqrt((control.m2 + treatment.m2) / (control.n + treatment.n - 2))
    if pooled == 0:
        return Undefined("the values do not vary in either group")
    return (treatment.mean - control.mean) / pooled
