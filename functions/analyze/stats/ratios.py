"""Ratios of two totals: clicks per impression, revenue per order, with the user as the unit."""

from scipy.special import stdtrit

from stats.difference import Difference, Undefined
from stats.estimates import SMALLEST_N, Alternative, Estimate, compare_estimates
from stats.paired import PairedMoments

_SMALLEST, _LARGEST = 1e-100, 1e100  # means and ratios whose squares a double still holds

METHOD = "Welch t on the ratios, delta method; t interval"


def ratio_estimate(group: PairedMoments) -> Estimate | Undefined:
    """Estimate Σy / Σx, with the variance of one unit's part in it by the delta method.

    R = Σy / Σx; V = (V_y - 2 R C_xy + R² V_x) / mean(x)², the variance of the linearised y - R x over the mean
    of x. A user's several clicks and impressions go together, which a proportion of impressions would ignore.

    Args:
        group: The group's statistics.

    Returns:
        The ratio; undefined below two units, or where the denominator's interval (Student's, 95 %) contains 0.

    Source:
        Deng, Knoblich and Lu (2018), Applying the delta method in metric analytics, KDD, arXiv 1803.06336.
    """
    if group.n < SMALLEST_N:
        return Undefined("a group has fewer than two units")
    x, y = group.x, group.y
    half = float(stdtrit(group.n - 1, 0.975)) * (x.variance / group.n) ** 0.5
    if abs(x.mean) <= half:
        return Undefined("the denominator's interval contains 0")
    if abs(x.mean) < _SMALLEST or abs(x.mean) * _LARGEST < abs(y.mean):
        return Undefined("the denominator is too close to 0")
    ratio = y.total / x.total
    variance = (y.variance - 2 * ratio * group.covariance + ratio**2 * x.variance) / x.mean**2
    # Where y is a fixed multiple of x nothing varies, and rounding may leave a trace of either sign.
    noise = 1e-12 * (y.variance + ratio**2 * x.variance) / x.mean**2
    return Estimate(ratio, variance if variance > noise else 0.0, group.n)


def compare_ratios(
    control: PairedMoments,
    treatment: PairedMoments,
    *,
    level: float = 0.95,
    alternative: Alternative = "two_sided",
) -> Difference | Undefined:
    """Compare two ratios of totals with Welch's t test on their delta-method variances.

    Args:
        control: Control group.
        treatment: Treatment group.
        level: Coverage of the interval, in (0, 1).
        alternative: Of the test; the interval is two-sided in any case.

    Returns:
        The difference treatment - control; undefined where a group's ratio is, or where neither varies.
    """
    c, t = ratio_estimate(control), ratio_estimate(treatment)
    if isinstance(c, Undefined):
        return c
    if isinstance(t, Undefined):
        return t
    return compare_estimates(c, t, level=level, alternative=alternative, method=METHOD)
