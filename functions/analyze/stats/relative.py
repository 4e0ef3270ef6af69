"""Relative differences: by what share does a group differ from the control?"""

from dataclasses import dataclass
from math import sqrt

from scipy.special import stdtr, stdtrit

from stats.difference import Difference, Undefined
from stats.means import welch_satterthwaite

_SMALLEST_N = 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """A group's mean or rate, with the variance of one unit's value behind it."""

    value: float
    variance: float
    n: int


def relative_difference(control: Estimate, treatment: Estimate, *, level: float = 0.95) -> Difference | Undefined:
    """Compare two means or rates as (b - a) / |a|, by the delta method.

    Var = Vb/nb/a² + Va/na b²/a⁴, with the degrees of freedom of the absolute difference
    (Welch and Satterthwaite), a the control's value and b the treatment's.

    Args:
        control: The baseline.
        treatment: What is compared with it.
        level: Coverage of the interval, in (0, 1).

    Returns:
        The relative difference as a share; undefined where the baseline's own interval
        contains 0, since the ratio then has no usable distribution.
    """
    if min(control.n, treatment.n) < _SMALLEST_N:
        return Undefined("a group has fewer than two units")
    c, t = control.variance / control.n, treatment.variance / treatment.n
    if abs(control.value) <= float(stdtrit(control.n - 1, (1 + level) / 2)) * sqrt(c):
        return Undefined("the control's interval contains 0")
    if c + t == 0:
        return Undefined("the values do not vary in either group")
    estimate = (treatment.value - control.value) / abs(control.value)
    ratio = treatment.value / control.value
    standard_error = sqrt(t + c * ratio**2) / abs(control.value)
    if standard_error == 0:
        return Undefined("the relative difference has no variance")
    df = welch_satterthwaite(c, control.n, t, treatment.n)
    half = float(stdtrit(df, (1 + level) / 2)) * standard_error
    return Difference(
        estimate=estimate,
        lower=estimate - half,
        upper=estimate + half,
        p_value=float(2 * stdtr(df, -abs(estimate / standard_error))),
        method="delta method; t interval",
        standard_error=standard_error,
        statistic=estimate / standard_error,
        degrees_of_freedom=df,
    )
