"""Two proportions: is one group's conversion rate different from another's?"""

from dataclasses import dataclass
from math import asin, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, ndtri

from stats.difference import Difference, Undefined

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


def compare_proportions(control: Proportion, treatment: Proportion, *, level: float = 0.95) -> Difference | Undefined:
    """Compare two proportions: z test, or Fisher's exact test where an expected count is below 5.

    Args:
        control: Control group.
        treatment: Treatment group.
        level: Coverage of the interval, in (0, 1).

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
            p_value=fisher_exact(control, treatment),
            method="Fisher exact; Newcombe interval",
        )
    return two_proportion_z(control, treatment, level=level)


def two_proportion_z(control: Proportion, treatment: Proportion, *, level: float = 0.95) -> Difference | Undefined:
    """Compare two proportions with the two-sided pooled z test.

    z = (p_t - p_c) / sqrt(p (1 - p) (1/n_c + 1/n_t)), with p the pooled rate.

    Args:
        control: Control group; n > 0.
        treatment: Treatment group; n > 0.
        level: Coverage of the interval, in (0, 1).

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
        p_value=float(2 * ndtr(-abs(estimate / standard_error))),
        method="two-proportion z, pooled; Newcombe interval",
        standard_error=standard_error,
        statistic=estimate / standard_error,
    )


def fisher_exact(control: Proportion, treatment: Proportion) -> float:
    """Two-sided p of Fisher's exact test: the probability of all tables no likelier than this one.

    Given the margins, the control's successes are hypergeometric. The sum runs over
    every table with these margins, so it suits sparse tables.

    Args:
        control: Control group; n > 0.
        treatment: Treatment group; n > 0.

    Returns:
        The p-value, in (0, 1].

    Source:
        Fisher (1935), Journal of the Royal Statistical Society 98, 39-82.
    """
    successes = control.successes + treatment.successes
    outcomes = np.arange(max(0, successes - treatment.n), min(control.n, successes) + 1, dtype=np.float64)
    log_mass = _log_choose(control.n, outcomes) + _log_choose(treatment.n, successes - outcomes)
    mass = np.exp(log_mass - log_mass.max())
    observed = mass[int(control.successes - outcomes[0])]
    return min(1.0, float(mass[mass <= observed * (1 + _TIE_TOLERANCE)].sum() / mass.sum()))


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
