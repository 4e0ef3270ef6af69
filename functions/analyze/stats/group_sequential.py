"""Group-sequential tests: a planned number of looks, at each of which a boundary may be crossed."""

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from stats.difference import Undefined
from stats.quadrature import gauss_legendre

METHOD = "group-sequential z, Lan-DeMets spending of O'Brien-Fleming shape; repeated interval"

_Numbers: TypeAlias = NDArray[np.float64]

_POINTS = 160
_FARTHEST = 9.0  # standard deviations beyond which a double's normal tail no longer adds to 1
_BISECTIONS = 60
_SMALLEST_P = 1e-8
_P_STEPS = 24


@dataclass(frozen=True, slots=True)
class Looks:
    """When the looks so far were taken.

    Attributes:
        fractions: Information at each look over that of the last planned one, rising, in (0, 1].
        times: Where the spending function is read at each look, likewise: the elapsed shares of the planned time,
            or once more the information.
    """

    fractions: tuple[float, ...]
    times: tuple[float, ...]

    @classmethod
    def at(cls, *fractions: float) -> "Looks":
        """Looks at which the spending follows the information."""
        return cls(fractions, fractions)


@dataclass(frozen=True, slots=True)
class LookResult:
    """One look of a group-sequential test.

    Attributes:
        boundary: What |z| must reach; a one-sided test's z.
        crossed: Whether it did.
        lower: Lower bound of the repeated confidence interval.
        upper: Upper bound; both hold at all looks together.
        p_value: The smallest alpha at which the look would have crossed its boundary; not below 1e-8.
    """

    boundary: float
    crossed: bool
    lower: float
    upper: float
    p_value: float


def spent(alpha: float, fraction: float) -> float:
    """Probability of a false finding on one side that may be spent until a share of the information is there.

    2 - 2 Φ(z_(1 - alpha/2) / sqrt(t)), which resembles the boundaries of O'Brien and Fleming.

    Args:
        alpha: To be spent on this side in all.
        fraction: t, in (0, 1].

    Source:
        Lan and DeMets (1983), Biometrika 70, 659-663.
    """
    return float(2 * ndtr(ndtri(alpha / 2) / sqrt(fraction)))


def boundaries(looks: Looks, *, alpha: float = 0.05, sides: int = 2) -> tuple[float, ...]:
    """Compute the critical values of every look by recursive integration.

    The statistic's path B(t) = z sqrt(t) has independent normal increments. Its density among paths that have
    crossed no boundary yet is carried from look to look by Gauss-Legendre quadrature, and each look's boundary
    lets just so much of it cross as the spending function allows.

    Args:
        looks: The looks.
        alpha: Level of the whole test.
        sides: 2 for a symmetric test, which spends alpha / 2 on each side, or 1.

    Returns:
        A critical value of z per look.

    Source:
        Armitage, McPherson and Rowe (1969), Journal of the Royal Statistical Society A 132, 235-244; calendar
        time: Lan and DeMets (1989), Biometrics 45, 1017-1020.
    """
    return _boundaries(looks, alpha, sides)


def look(
    estimate: float,
    standard_error: float,
    looks: Looks,
    *,
    level: float = 0.95,
    sides: int = 2,
    sign: int = 1,
) -> LookResult | Undefined:
    """Judge the latest of the looks taken so far.

    Args:
        estimate: Treatment minus control.
        standard_error: Of it.
        looks: All looks so far, this one the last.
        level: Complement of the whole test's alpha, in (0, 1).
        sides: 2, or 1 for a test in one direction.
        sign: Of a one-sided test: 1 where the treatment should be greater, -1 where smaller.

    Returns:
        The look's result; undefined before the first look or without variance. The interval is two-sided in
        any case, estimate ± c se with the two-sided boundary c.

    Source:
        Jennison and Turnbull (2000), Group Sequential Methods, chapters 7 and 9 (repeated intervals and p-values).
    """
    if not looks.fractions:
        return Undefined("no planned look has come yet")
    if standard_error == 0:
        return Undefined("no variance to bound the difference with")
    z = estimate / standard_error
    statistic = abs(z) if sides == 2 else sign * z  # noqa: PLR2004 - two sides
    boundary = _boundaries(looks, 1 - level, sides)[-1]
    half = _boundaries(looks, 1 - level, 2)[-1] * standard_error
    return LookResult(
        boundary=boundary,
        crossed=statistic >= boundary,
        lower=estimate - half,
        upper=estimate + half,
        p_value=_p_value(statistic, looks, sides),
    )


def _p_value(statistic: float, looks: Looks, sides: int) -> float:
    # The alphas that are tried lie on one lattice, so that all comparisons share most of their boundaries.
    low, high = 0, 2**_P_STEPS
    while high - low > 2**8:
        middle = (low + high) // 2
        alpha = _SMALLEST_P ** (1 - middle / 2**_P_STEPS)
        crossed = statistic >= _boundaries(looks, alpha, sides)[-1]
        low, high = (low, middle) if crossed else (middle, high)
    return float(_SMALLEST_P ** (1 - high / 2**_P_STEPS))


@lru_cache(maxsize=4_096)
def _boundaries(looks: Looks, alpha: float, sides: int) -> tuple[float, ...]:
    two_sided = sides == 2  # noqa: PLR2004 - two sides
    side = alpha / sides
    found: list[float] = []
    points, density = np.zeros(1), np.ones(1)
    before, spent_before = 0.0, 0.0
    for fraction, time in zip(looks.fractions, looks.times, strict=True):
        step, root = sqrt(max(fraction - before, 1e-12)), sqrt(fraction)
        may_spend = max(0.0, spent(side, time) - spent_before)
        critical = _critical(points, density, step, root, may_spend, two_sided=two_sided)
        found.append(critical)
        reach = min(critical, _FARTHEST) * root
        points, density = _carry(points, density, step, -reach if two_sided else -_FARTHEST * root, reach)
        before, spent_before = fraction, spent_before + may_spend
    return tuple(found)


def _critical(
    points: _Numbers, density: _Numbers, step: float, root: float, may_spend: float, *, two_sided: bool
) -> float:
    """Find z so that the upper side's share of paths that cross it at this look is what may be spent."""
    low, high = -_FARTHEST if not two_sided else 0.0, _FARTHEST
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        crossing = float(density @ ndtr((points - middle * root) / step))
        low, high = (middle, high) if crossing > may_spend else (low, middle)
    return high


def _carry(points: _Numbers, density: _Numbers, step: float, low: float, high: float) -> tuple[_Numbers, _Numbers]:
    """Take the mass of the paths that stay between low and high one look further."""
    half = (high - low) / 2
    nodes, weights = gauss_legendre(_POINTS)
    new = low + half * (nodes + 1)
    kernel = np.exp(-(((new[:, None] - points) / step) ** 2) / 2) / (step * sqrt(2 * np.pi))
    return new, half * weights * (kernel @ density)
