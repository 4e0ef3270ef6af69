"""Sample ratio: did the groups get the shares of units that were configured?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from stats.difference import Undefined

ALARM_BELOW = 0.001


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Observed against configured shares of units."""

    statistic: float
    degrees_of_freedom: int
    p_value: float

    @property
    def alarm(self) -> bool:
        """Whether the mismatch is too large for chance, so that no result can be trusted."""
        return self.p_value < ALARM_BELOW


def sample_ratio(counts: Sequence[int], weights: Sequence[float]) -> SampleRatio | Undefined:
    """Test unit counts against configured weights with Pearson's chi-square, over all groups.

    χ² = Σ (observed - expected)² / expected, with groups - 1 degrees of freedom. A
    group that got no unit takes part; one with weight 0 does not, unless it has units.

    Args:
        counts: Units per group.
        weights: Configured weights in the same order, on any scale.

    Returns:
        The test; undefined with no unit at all, or fewer than two groups with a weight.
    """
    observed, share = np.asarray(counts, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if observed.sum() == 0:
        return Undefined("no units")
    if bool(np.any(observed[share == 0] > 0)):
        return Undefined("a group with weight 0 has units")
    observed, share = observed[share > 0], share[share > 0]
    if len(observed) < 2:  # noqa: PLR2004 - a ratio is of two
        return Undefined("fewer than two groups have a weight")
    expected = share / share.sum() * observed.sum()
    statistic = float(((observed - expected) ** 2 / expected).sum())
    df = len(observed) - 1
    return SampleRatio(statistic=statistic, degrees_of_freedom=df, p_value=float(chdtrc(df, statistic)))
