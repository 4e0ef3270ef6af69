"""CUPED: differences that units brought along are taken out of what they did."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from stats.difference import Undefined
from stats.estimates import SMALLEST_N, Estimate
from stats.paired import PairedMoments

_NOTHING = 1e-200  # of the values' own variation; θ² could not be held in a double

METHOD = "CUPED; Welch t; t interval"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """How a covariate is taken out.

    Attributes:
        theta: What a unit's value is lowered by for each unit of the covariate above its mean.
        covariate_mean: The covariate's mean over the units of all groups.
    """

    theta: float
    covariate_mean: float


def adjustment(groups: Iterable[PairedMoments]) -> Adjustment | Undefined:
    """Find θ = cov(y, x) / var(x) over the units of all groups together.

    The covariate is from before the units met their groups, so that assignment cannot have changed it, and
    any θ leaves the difference of the means unbiased; this one makes its variance smallest.

    Args:
        groups: Per group the metric's values as y and the covariate's as x.

    Returns:
        θ and the mean; undefined below two units or where the covariate does not vary.

    Source:
        Deng, Xu, Kohavi and Walker (2013), Improving the sensitivity of online controlled experiments by
        utilizing pre-experiment data, WSDM.
    """
    whole = reduce(PairedMoments.merge, groups)
    if whole.n < SMALLEST_N:
        return Undefined("there are fewer than two units")
    if whole.m2_x <= _NOTHING * whole.m2_y:
        return Undefined("the covariate does not vary")
    return Adjustment(whole.comoment / whole.m2_x, whole.x.mean)


def adjusted(group: PairedMoments, by: Adjustment) -> Estimate | Undefined:
    """Estimate a group's mean with the covariate taken out.

    mean(y) - θ (mean(x) - mean of x over all groups), with the variance V_y - 2 θ C_xy + θ² V_x of one unit's
    adjusted value.

    Args:
        group: The group's statistics.
        by: From all groups.

    Returns:
        The adjusted mean; undefined below two units.
    """
    if group.n < SMALLEST_N:
        return Undefined("a group has fewer than two units")
    y, x = group.y, group.x
    variance = y.variance - 2 * by.theta * group.covariance + by.theta**2 * x.variance
    # Where the covariate says all, rounding may leave a trace of either sign.
    noise = 1e-12 * (y.variance + by.theta**2 * x.variance)
    return Estimate(y.mean - by.theta * (x.mean - by.covariate_mean), variance if variance > noise else 0.0, group.n)
