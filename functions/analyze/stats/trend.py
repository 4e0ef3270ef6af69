"""Trend: does a daily value rise or fall over time?"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt

from scipy.special import stdtrit

from stats.difference import Undefined
from stats.estimates import t_p_value

_FEWEST_DAYS = 3


@dataclass(frozen=True, slots=True)
class Trend:
    """A least-squares line through daily values.

    Attributes:
        slope: Change per day.
        standard_error: Of the slope.
        lower: Lower bound of its interval.
        upper: Upper bound of its interval.
        p_value: Two-sided, of a slope of 0.
        direction: "up" or "down" where the slope is significant, else "no trend".
    """

    slope: float
    standard_error: float
    lower: float
    upper: float
    p_value: float
    direction: str


def trend(days: Sequence[float], values: Sequence[float], *, level: float = 0.95) -> Trend | Undefined:
    """Fit a line through daily values by least squares.

    slope = Σ(d - mean d)(v - mean v) / Σ(d - mean d)², se² = Σ residual² / (n - 2) / Σ(d - mean d)², and
    t = slope / se with n - 2 degrees of freedom. Days are taken as independent and equally exact.

    Args:
        days: When, counted from any day; days may be missing.
        values: One for each.
        level: Coverage of the interval, in (0, 1); a slope is significant below its complement.

    Returns:
        The trend; undefined for fewer than three days or where the values do not scatter about the line.

    Source:
        Draper and Smith (1998), Applied Regression Analysis, chapter 1.
    """
    n = len(days)
    if n < _FEWEST_DAYS:
        return Undefined("fewer than three days")
    day, value = fsum(days) / n, fsum(values) / n
    spread = fsum((d - day) ** 2 for d in days)
    slope = fsum((d - day) * (v - value) for d, v in zip(days, values, strict=True)) / spread
    residual = fsum((v - value - slope * (d - day)) ** 2 for d, v in zip(days, values, strict=True))
    noise = 1e-24 * fsum((v - value) ** 2 for v in values)
    if residual <= noise:
        return Undefined("the daily values do not scatter")
    error = sqrt(residual / (n - 2) / spread)
    p_value = t_p_value(slope / error, n - 2)
    half = float(stdtrit(n - 2, (1 + level) / 2)) * error
    significant = "up" if slope > 0 else "down"
    return Trend(slope, error, slope - half, slope + half, p_value, significant if p_value < 1 - level else "no trend")
