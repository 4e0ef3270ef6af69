"""Relative differences: by what share does a group differ from the control?"""

from math import sqrt

from scipy.special import stdtrit

from stats.difference import Difference, Undefined
from stats.estimates import SMALLEST_N, Alternative, Estimate, t_difference, t_p_value, welch_satterthwaite

_SMALLEST, _LARGEST = 1e-100, 1e100  # values and ratios whose squares a double still holds

DELTA = "delta method; t interval"
FIELLER = "Fieller's theorem; t interval"


def relative_difference(
    control: Estimate, treatment: Estimate, *, level: float = 0.95, alternative: Alternative = "two_sided"
) -> Difference | Undefined:
    """Compare two means, rates or ratios as (b - a) / |a|, by the delta method.

    Var = Vb/nb/a² + Va/na b²/a⁴, with the degrees of freedom of the absolute difference
    (Welch and Satterthwaite), a the control's value and b the treatment's.

    Args:
        control: The baseline.
        treatment: What is compared with it.
        level: Coverage of the interval, in (0, 1).
        alternative: Of the test; the interval is two-sided in any case.

    Returns:
        The relative difference as a share; undefined where the baseline's own interval
        contains 0, since the ratio then has no usable distribution.
    """
    if (undefined := _unusable(control, treatment, level)) is not None:
        return undefined
    c, t = control.variance / control.n, treatment.variance / treatment.n
    estimate = (treatment.value - control.value) / abs(control.value)
    ratio = treatment.value / control.value
    standard_error = sqrt(t + c * ratio**2) / abs(control.value)
    if standard_error == 0:
        return Undefined("the relative difference has no variance")
    df = welch_satterthwaite(c, control.n, t, treatment.n)
    return t_difference(estimate, standard_error, df, level=level, alternative=alternative, method=DELTA)


def fieller(
    control: Estimate, treatment: Estimate, *, level: float = 0.95, alternative: Alternative = "two_sided"
) -> Difference | Undefined:
    """Compare two means, rates or ratios as (b - a) / |a|, with Fieller's interval.

    All ratios r that a t test of b - r a = 0 does not refuse: with g = t² Va/na / a²,
    (b/a ± t/|a| sqrt((1 - g) Vb/nb + (b/a)² Va/na)) / (1 - g). It lies askew about the estimate, as the ratio's
    distribution does, and excludes 0 exactly where the test of b - a = 0 is significant, whose p-value it has
    (up to the degrees of freedom, which are those of the absolute difference throughout).

    Args:
        control: The baseline.
        treatment: What is compared with it.
        level: Coverage of the interval, in (0, 1).
        alternative: Of the test; the interval is two-sided in any case.

    Returns:
        The relative difference as a share; undefined where the baseline's own interval contains 0 (g >= 1),
        since the interval is then unbounded.

    Source:
        Fieller (1954), Journal of the Royal Statistical Society B 16, 175-185.
    """
    if (undefined := _unusable(control, treatment, level)) is not None:
        return undefined
    a, ratio = abs(control.value), treatment.value / control.value
    c, t = control.variance / control.n, treatment.variance / treatment.n
    df = welch_satterthwaite(c, control.n, t, treatment.n)
    statistic = (treatment.value - control.value) / sqrt(c + t)
    quantile = float(stdtrit(df, (1 + level) / 2))
    g = quantile**2 * c / a**2
    if g >= 1:
        return Undefined("the control's interval contains 0")
    half = quantile / a * sqrt((1 - g) * t + ratio**2 * c) / (1 - g)
    centre = ratio / (1 - g)
    bounds = sorted((1 if control.value > 0 else -1) * (bound - 1) for bound in (centre - half, centre + half))
    return Difference(
        estimate=(treatment.value - control.value) / a,
        lower=bounds[0],
        upper=bounds[1],
        p_value=t_p_value(statistic, df, alternative),
        method=FIELLER,
        statistic=statistic,
        degrees_of_freedom=df,
    )


def _unusable(control: Estimate, treatment: Estimate, level: float) -> Undefined | None:
    if min(control.n, treatment.n) < SMALLEST_N:
        return Undefined("a group has fewer than two units")
    c, t = control.variance / control.n, treatment.variance / treatment.n
    if abs(control.value) <= float(stdtrit(control.n - 1, (1 + level) / 2)) * sqrt(c):
        return Undefined("the control's interval contains 0")
    if c + t == 0:
        return Undefined("the values do not vary in either group")
    if abs(control.value) < _SMALLEST or abs(control.value) * _LARGEST < abs(treatment.value):
        return Undefined("the control's value is too close to 0")
    return None
