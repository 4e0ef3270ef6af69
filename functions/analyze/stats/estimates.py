"""Two estimates compared by a t test, whatever they estimate: means, ratios, adjusted means."""

from dataclasses import dataclass
from math import sqrt
from typing import Literal, TypeAlias

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from stats.difference import Difference, Undefined

Alternative: TypeAlias = Literal["two_sided", "greater", "less"]
"""What a test holds against "no difference": a difference, a larger treatment, or a smaller one."""

SMALLEST_N = 2
"""A variance needs two units."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A group's mean, rate or ratio, with the variance of one unit's part in it: the estimate's is variance / n."""

    value: float
    variance: float
    n: int


def compare_estimates(
    control: Estimate,
    treatment: Estimate,
    *,
    level: float = 0.95,
    alternative: Alternative = "two_sided",
    method: str,
) -> Difference | Undefined:
    """Compare two independent estimates with Welch's t test.

    t = (b - a) / se, se = sqrt(Va/na + Vb/nb), with the degrees of freedom of Welch and Satterthwaite;
    interval (b - a) ± t_(df) se, two-sided at the level whatever the alternative.

    Args:
        control: a.
        treatment: b.
        level: Coverage of the interval, in (0, 1).
        alternative: Of the test.
        method: What the comparison is called.

    Returns:
        The difference b - a; undefined for a group of fewer than two units or where neither varies.
    """
    if min(control.n, treatment.n) < SMALLEST_N:
        return Undefined("a group has fewer than two units")
    c, t = control.variance / control.n, treatment.variance / treatment.n
    if c + t == 0:
        return Undefined("the values do not vary in either group")
    estimate = treatment.value - control.value
    standard_error = sqrt(c + t)
    df = welch_satterthwaite(c, control.n, t, treatment.n)
    return t_difference(estimate, standard_error, df, level=level, alternative=alternative, method=method)


def t_difference(
    estimate: float, standard_error: float, df: float, *, level: float, alternative: Alternative, method: str
) -> Difference:
    """Test a difference against t_(df), with the interval estimate ± t_(df) se; standard_error > 0.

    Args:
        estimate: The difference, absolute or relative.
        standard_error: Its standard error.
        df: Degrees of freedom.
        level: Coverage of the interval, in (0, 1).
        alternative: Of the test; the interval is two-sided in any case.
        method: What the comparison is called.
    """
    half = float(stdtrit(df, (1 + level) / 2)) * standard_error
    return Difference(
        estimate=estimate,
        lower=estimate - half,
        upper=estimate + half,
        p_value=t_p_value(estimate / standard_error, df, alternative),
        method=method,
        standard_error=standard_error,
        statistic=estimate / standard_error,
        degrees_of_freedom=df,
    )


def compare_by_normal(
    estimate: float,
    standard_error: float,
    *,
    level: float = 0.95,
    alternative: Alternative = "two_sided",
    method: str,
) -> Difference:
    """Test a difference whose estimate is about normal; standard_error > 0.

    z = estimate / se; interval estimate ± z_((1 + level)/2) se, two-sided whatever the alternative.
    """
    half = float(ndtri((1 + level) / 2)) * standard_error
    return Difference(
        estimate=estimate,
        lower=estimate - half,
        upper=estimate + half,
        p_value=normal_p_value(estimate / standard_error, alternative),
        method=method,
        standard_error=standard_error,
        statistic=estimate / standard_error,
    )


def welch_satterthwaite(c: float, n_c: int, t: float, n_t: int) -> float:
    """Degrees of freedom of a difference of two means whose squared standard errors are c and t, not both 0."""
    # Shares instead of squares of the variances themselves: tiny ones would underflow.
    share = c / (c + t)
    return 1 / (share**2 / (n_c - 1) + (1 - share) ** 2 / (n_t - 1))


def normal_p_value(z: float, alternative: Alternative = "two_sided") -> float:
    """P-value of a standard normal statistic."""
    match alternative:
        case "two_sided":
            return float(2 * ndtr(-abs(z)))
        case "greater":
            return float(ndtr(-z))
        case "less":
            return float(ndtr(z))


def t_p_value(t: float, df: float, alternative: Alternative = "two_sided") -> float:
    """P-value of a statistic with Student's t distribution."""
    match alternative:
        case "two_sided":
            return float(2 * stdtr(df, -abs(t)))
        case "greater":
            return float(stdtr(df, -t))
        case "less":
            return float(stdtr(df, t))
