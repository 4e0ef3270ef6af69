"""Drift: are values distributed now as they were in the training sample?

Both functions compare counts in the same bins. Neither sees a value, so differences within a bin go unseen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, kolmogorov

from stats.difference import Undefined

Level: TypeAlias = Literal["stable", "moderate", "large"]

MODERATE_FROM = 0.1
LARGE_FROM = 0.25
_CHANCE = 0.05
_PRIOR = 0.5  # added to every bin, so that an empty one leaves the index finite


@dataclass(frozen=True, slots=True)
class StabilityIndex:
    """A population stability index.

    Attributes:
        value: The index; 0 where the shares are the same.
        chance: What samples of these sizes exceed once in twenty times although nothing drifted.
    """

    value: float
    chance: float

    @property
    def level(self) -> Level:
        """Whether the index is large by convention, and larger than chance explains."""
        if self.value < max(MODERATE_FROM, self.chance):
            return "stable"
        return "moderate" if self.value < LARGE_FROM else "large"


@dataclass(frozen=True, slots=True)
class KolmogorovSmirnov:
    """A two-sample Kolmogorov-Smirnov test on binned values.

    Attributes:
        statistic: The largest distance of the two distribution functions at the bins' bounds.
        p_value: Asymptotic, and of ties and bins on the safe side: too large, if anything.
    """

    statistic: float
    p_value: float


def population_stability_index(reference: Sequence[int], current: Sequence[int]) -> StabilityIndex | Undefined:
    """Measure how far counts have moved from those of a reference.

    PSI = Σ (q - p) ln(q / p) over the bins, with p and q the shares (n_i + 1/2) / (n + bins / 2) of the
    reference and of now: the symmetrised Kullback-Leibler divergence. Under 0.1 is called stable, from 0.25 on
    large. While nothing drifts, PSI is about (1/n + 1/m) times a chi-square of bins - 1 degrees of freedom, n
    and m the two totals; its 95 % quantile is `chance`.

    Args:
        reference: Counts per bin in the reference.
        current: Counts in the same bins now.

    Returns:
        The index; undefined without values on either side, or with a single bin.

    Source:
        Siddiqi (2006), Credit Risk Scorecards, for the index and its levels; Yurdakul and Naranjo (2020),
        Journal of Risk Model Validation 14(4), 89-100, for its distribution.
    """
    before, now = _counts(reference), _counts(current)
    if before.sum() == 0:
        return Undefined("no values in the training sample")
    if now.sum() == 0:
        return Undefined("no values")
    if len(before) < 2:  # noqa: PLR2004 - one bin holds everything, then and now
        return Undefined("the training sample has one value only")
    p, q = _shares(before), _shares(now)
    value = float(((q - p) * np.log(q / p)).sum())
    chance = float(chdtri(len(before) - 1, _CHANCE) * (1 / before.sum() + 1 / now.sum()))
    return StabilityIndex(value=value, chance=chance)


def kolmogorov_smirnov(reference: Sequence[int], current: Sequence[int]) -> KolmogorovSmirnov | Undefined:
    """Compare two distributions of numbers by their counts in the same ordered bins.

    D = max |F(c) - G(c)| over the bounds c between bins, which is at most the D of the values themselves. The
    p-value is Kolmogorov's limit Q(√(nm / (n + m)) D); for binned values it is conservative.

    Args:
        reference: Counts per bin, in order.
        current: Counts in the same bins now.

    Returns:
        The test; undefined without values on either side, or with a single bin.

    Source:
        Smirnov (1948), Annals of Mathematical Statistics 19, 279-281; Noether (1963), Biometrics 19, 612-616, for
        discrete distributions.
    """
    before, now = _counts(reference), _counts(current)
    n, m = float(before.sum()), float(now.sum())
    if n == 0:
        return Undefined("no values in the training sample")
    if m == 0:
        return Undefined("no values")
    if len(before) < 2:  # noqa: PLR2004 - one bin holds everything, then and now
        return Undefined("the training sample has one value only")
    statistic = float(np.abs(np.cumsum(before) / n - np.cumsum(now) / m)[:-1].max())
    return KolmogorovSmirnov(statistic=statistic, p_value=float(kolmogorov(sqrt(n * m / (n + m)) * statistic)))


def _counts(counts: Sequence[int]) -> npt.NDArray[np.float64]:
    return np.asarray(counts, dtype=np.float64)


def _shares(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = (counts + _PRIOR) / (counts.sum() + _PRIOR * len(counts))
    return shares
