"""Two proportions: is one group's conversion rate different from another's?"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import asin, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, gammaln, ndtri

from stats.difference import Difference, Undefined
from stats.estimates import Alternative, Estimate, normal_p_value

_SMALLEST_EXPECTED_COUNT = 5
_TIE_TOLERANCE = 1e-7  # outcomes as likely as the observed one differ from it only by rounding


@dataclass(frozen=True, slots=True)
class Proportion:
    """How many of a group's units converted.

    Raises:
        ValueError: More units converted than there are, or a count is negative.
    """

    successes: int
    n: int

    def __post_init__(self) -> None:
        """Refuse counts that no group can have."""
        if not 0 <= self.successes <= self.n:
            raise ValueError(f"successes must be from 0 to n, got {self.successes} of {self.n}")

    @property
    def rate(self) -> float:
        """Share of units that converted; the group must have units."""
        return self.successes / self.n

    @property
    def variance(self) -> float:
        """Variance of one unit's outcome, p (1 - p)."""
        return self.rate * (1 - self.rate)

    @property
    def estimate(self) -> Estimate:
        """The rate as an estimate; the group must have units."""
        return Estimate(self.rate, self.variance, self.n)

    def merge(self, other: "Proportion") -> "Proportion":
        """Join the statistics of two disjoint sets of units."""
        return Proportion(self.successes + other.successes, self.n + other.n)


@dataclass(frozen=True, slots=True)
class Omnibus:
    """Whether any of several groups differs from the others."""

    statistic: float
    degrees_of_freedom: int
    p_value: float
    method: str


def compare_proportions(
    control: Proportion, treatment: Proportion, *, level: float = 0.95, alternative: Alternative = "two_sided"
) -> Difference | Undefined:
    """Compare two proportions: z test, or Fisher's exact test where an expected count is below 5.

    Args:
        control: Control group.
        treatment: Treatment group.
        level: Coverage of the interval, in (0, 1).
        alternative: Of the test; the interval is two-sided in any case.

    Returns:
        The difference treatment - control as a share (not in percent), with Newcombe's
        interval; undefined for a group without units or where no unit, or every unit, converted.
    """
    if control.n == 0 or treatment.n == 0:
        return Undefined("a group has no units")
    total, successes = control.n + treatment.n, control.successes + treatment.successes
    smallest = min(successes, total - successes) * min(control.n, treatment.n) / total
    if 0 < smallest < _SMALLEST_EXPECTED_COUNT:
        lower, upper = newcombe(control, treatment, level=level)
        return Difference(
            estimate=treatment.rate - control.rate,
            lower=lower,
            upper=upper,
            p_value=fisher_exact(control, treatment, alternative=alternative),
            method="Fisher exact; Newcombe interval",
        )
    return two_proportion_z(control, treatment, level=level, alternative=alternative)


def two_proportion_z(
    control: Proportion, treatment: Proportion, *, level: float = 0.95, alternative: Alternative = "two_sided"
) -> Difference | Undefined:
    """Compare two proportions with the pooled z test.

    z = (p_t - p_c) / sqrt(p (1 - p) (1/n_c + 1/n_t)), with p the pooled rate.

    Args:
        control: Control group; n > 0.
        treatment: Treatment group; n > 0.
        level: Coverage of the interval, in (0, 1).
        alternative: Of the test; the interval is two-sided in any case.

    Returns:
        The difference treatment - control as a share (not in percent), with Newcombe's
        interval and the pooled standard error; undefined where the pooled rate is 0 or 1.
    """
    successes, total = control.successes + treatment.successes, control.n + treatment.n
    if successes == 0:
        return Undefined("no unit of either group converted")
    if successes == total:
        return Undefined("every unit of both groups converted")
    pooled = successes / total
    estimate = treatment.rate - control.rate
    standard_error = sqrt(pooled * (1 - pooled) * (1 / control.n + 1 / treatment.n))
    lower, upper = newcombe(control, treatment, level=level)
    return Difference(
        estimate=estimate,
        lower=lower,
        upper=upper,
        p_value=normal_p_value(estimate / standard_error, alternative),
        method="two-proportion z, pooled; Newcombe interval",
        standard_error=standard_error,
        statistic=estimate / standard_error,
    )


def fisher_exact(control: Proportion, treatment: Proportion, *, alternative: Alternative = "two_sided") -> float:
    """P-value of Fisher's exact test.

    Given the margins, the control's successes are hypergeometric. Two-sided it is the probability of all
    tables no likelier than this one, one-sided of all with at most (for a greater treatment) or at least as
    many successes in the control. The sum runs over every table with these margins, so it suits sparse ones.

    Args:
        control: Control group; n > 0.
        treatment: Treatment group; n > 0.
        alternative: Of the test.

    Returns:
        The p-value, in (0, 1].

    Source:
        Fisher (1935), Journal of the Royal Statistical Society 98, 39-82.
    """
    successes = control.successes + treatment.successes
    outcomes = np.arange(max(0, successes - treatment.n), min(control.n, successes) + 1, dtype=np.float64)
    log_mass = _log_choose(control.n, outcomes) + _log_choose(treatment.n, successes - outcomes)
    mass = np.exp(log_mass - log_mass.max())
    match alternative:
        case "two_sided":
            extreme = mass <= mass[int(control.successes - outcomes[0])] * (1 + _TIE_TOLERANCE)
        case "greater":
            extreme = outcomes <= control.successes
        case "less":
            extreme = outcomes >= control.successes
    return min(1.0, float(mass[extreme].sum() / mass.sum()))


def chi_square(groups: Sequence[Proportion]) -> Omnibus | Undefined:
    """Ask of several groups at once whether their rates are all the same, with Pearson's chi-square.

    χ² = Σ (r_i - r)² n_i / (r (1 - r)) with r the pooled rate: the sum over both cells of each group, with
    groups - 1 degrees of freedom. Of two groups it is the square of the pooled z.

    Args:
        groups: Two or more, the control among them; those without units take no part.

    Returns:
        The test; undefined for fewer than two groups with units, or where no unit, or every one, converted.

    Source:
        Pearson (1900), Philosophical Magazine 50, 157-175.
    """
    counted = [group for group in groups if group.n > 0]
    if len(counted) < 2:  # noqa: PLR2004 - a comparison is of two
        return Undefined("fewer than two groups have units")
    successes, total = sum(group.successes for group in counted), sum(group.n for group in counted)
    if successes in (0, total):
        return Undefined("no unit of any group converted" if successes == 0 else "every unit of all groups converted")
    rate = successes / total
    statistic = sum((group.rate - rate) ** 2 * group.n for group in counted) / (rate * (1 - rate))
    df = len(counted) - 1
    return Omnibus(statistic, df, float(chdtrc(df, statistic)), "chi-square over all groups")


def _log_choose(n: int, k: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def newcombe(control: Proportion, treatment: Proportion, *, level: float = 0.95) -> tuple[float, float]:
    """Newcombe's interval for the difference treatment - control: a hybrid of two Wilson intervals.

    It stays within [-1, 1] and holds its coverage near 0 and 1.

    Source:
        Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.
    """
    estimate = treatment.rate - control.rate
    c_lower, c_upper = wilson(control, level=level)
    t_lower, t_upper = wilson(treatment, level=level)
    return (
        estimate - sqrt((treatment.rate - t_lower) ** 2 + (c_upper - control.rate) ** 2),
        estimate + sqrt((t_upper - treatment.rate) ** 2 + (control.rate - c_lower) ** 2),
    )


def unpooled_interval(control: Proportion, treatment: Proportion, *, level: float = 0.95) -> tuple[float, float]:
    """Wald's interval for the difference treatment - control, as textbooks and many published tests print it.

    estimate ± z sqrt(p_c (1 - p_c)/n_c + p_t (1 - p_t)/n_t). Its coverage falls short
    near 0 and 1; newcombe is the one to decide by.
    """
    estimate = treatment.rate - control.rate
    half = float(ndtri((1 + level) / 2)) * unpooled_standard_error(control, treatment)
    return estimate - half, estimate + half


def unpooled_standard_error(control: Proportion, treatment: Proportion) -> float:
    """Standard error of the difference, sqrt(p_c (1 - p_c)/n_c + p_t (1 - p_t)/n_t)."""
    return sqrt(control.variance / control.n + treatment.variance / treatment.n)


def wilson(group: Proportion, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for one proportion; n > 0 (Wilson 1927)."""
    z = float(ndtri((1 + level) / 2))
    centre = (group.rate + z**2 / (2 * group.n)) / (1 + z**2 / group.n)
    half = z / (1 + z**2 / group.n) * sqrt(group.variance / group.n + z**2 / (4 * group.n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def cohens_h(control: Proportion, treatment: Proportion) -> float:
    """Cohen's h, 2 asin(sqrt(p_t)) - 2 asin(sqrt(p_c)); both n > 0 (Cohen 1988, chapter 6)."""
    return 2 * asin(sqrt(treatment.rate)) - 2 * asin(sqrt(control.rate))
