"""Heterogeneity: does an effect differ between segments, or is its scatter what chance makes of one effect?"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from scipy.special import chdtrc

from stats.difference import Undefined


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Cochran's test that several effects are the same."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


def heterogeneity(effects: Sequence[tuple[float, float]]) -> Heterogeneity | Undefined:
    """Test whether independent effects are all the same.

    Q = Σ w (d - mean)² with w = 1/se² and the mean weighted alike, chi-square with one degree of freedom less
    than there are effects.

    Args:
        effects: Estimates with their standard errors.

    Returns:
        The test; undefined for fewer than two effects with a standard error above 0.

    Source:
        Cochran (1954), Biometrics 10, 101-129.
    """
    weighted = [(estimate, 1 / error**2) for estimate, error in effects if error > 0]
    if len(weighted) < 2:  # noqa: PLR2004 - one effect cannot differ
        return Undefined("fewer than two segments have an effect with a standard error")
    total = fsum(weight for _, weight in weighted)
    mean = fsum(estimate * weight for estimate, weight in weighted) / total
    statistic = fsum(weight * (estimate - mean) ** 2 for estimate, weight in weighted)
    df = len(weighted) - 1
    return Heterogeneity(statistic, df, float(chdtrc(df, statistic)))
