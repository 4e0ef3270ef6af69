"""Thompson sampling: how much traffic each arm of a bandit deserves, given what its units did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, xlog1py, xlogy

from stats.quadrature import on_panels

_Numbers: TypeAlias = NDArray[np.float64]

_PANEL_ENDS = np.array([-12.0, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12, 18, 27, 40])  # standard deviations
_POINTS_A_PANEL = 16


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """What an arm's units did.

    Attributes:
        exposures: Units exposed.
        matured: Those of them whose attribution window is over.
        rewards: Those of the matured ones that were rewarded within it.
    """

    exposures: int
    matured: int
    rewards: int


@dataclass(frozen=True, slots=True)
class Beta:
    """A Beta distribution of an arm's reward rate; both parameters are 1 or more."""

    a: float
    b: float


def posterior(arm: ArmCounts) -> Beta:
    """Infer an arm's reward rate from a uniform prior: Beta(1 + rewards, 1 + failures).

    Only matured units count, whether they were rewarded or not: successes that counted at once while
    failures still wait would favour the arm whose rewards come sooner. Rewards are clipped to the
    matured units, so that no count of failures is below 0.
    """
    rewards = min(arm.rewards, arm.matured)
    return Beta(1 + rewards, 1 + arm.matured - rewards)


def probability_best(posteriors: Sequence[Beta]) -> list[float]:
    """Each arm's probability of having the highest reward rate.

    P_i = ∫ f_i(x) ∏_(j≠i) F_j(x) dx over [0, 1], with f and F density and distribution function of the
    posteriors: by Gauss-Legendre quadrature on panels that follow every posterior's standard deviation, so
    that the same input gives the same output.

    Args:
        posteriors: At least one.

    Returns:
        Probabilities in the same order, which together are 1.
    """
    a = np.array([[each.a] for each in posteriors], dtype=np.float64)
    b = np.array([[each.b] for each in posteriors], dtype=np.float64)
    x, weights = _grid(a, b)
    densities = np.exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b))
    below = np.asarray(betainc(a, b, x), dtype=np.float64)
    best = np.array(
        [
            float(weights @ (density * np.delete(below, index, axis=0).prod(axis=0)))
            for index, density in enumerate(densities)
        ]
    )
    return [float(each) for each in best / best.sum()]


def thompson_weights(
    arms: Sequence[ArmCounts], configured: Sequence[float], *, floor: float, minimum_exposures: int
) -> list[float]:
    """Weigh the arms by their probabilities of being best, above a floor.

    w_i = floor + (1 - k floor) P_i over k arms. The floor is added, not clipped to: clipping and rescaling
    would push other arms below it. While an arm has fewer exposures than the minimum whose outcome is known,
    the configured weights stay.

    Args:
        arms: At least one.
        configured: The weights before the first reweighting; together 1.
        floor: The least weight of an arm, in [0, 1 / k].
        minimum_exposures: The matured units that every arm must have first.

    Returns:
        Weights in the same order, which together are 1.
    """
    if any(arm.matured < minimum_exposures for arm in arms):
        return list(configured)
    free = 1 - len(arms) * floor
    return [floor + free * best for best in probability_best([posterior(arm) for arm in arms])]


def _grid(a: _Numbers, b: _Numbers) -> tuple[_Numbers, _Numbers]:
    mean = a / (a + b)
    deviation = np.sqrt(mean * (1 - mean) / (a + b + 1))
    ends = np.unique(np.clip(np.concatenate([(mean + deviation * _PANEL_ENDS).ravel(), [0.0, 1.0]]), 0, 1))
    return on_panels(ends, _POINTS_A_PANEL)
