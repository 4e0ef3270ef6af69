"""Families of tests: p-values that hold although several hypotheses were tested."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the chance of any false finding in the family holds.

    The k-th smallest of m is multiplied by m - k + 1 and raised to those before it.

    Args:
        p_values: In any order.

    Returns:
        Adjusted p-values in the same order, at most 1.

    Source:
        Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(value) for value in adjusted]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the expected share of false findings among the findings holds.

    The k-th smallest of m is multiplied by m / k and lowered to those after it.

    Args:
        p_values: In any order.

    Returns:
        Adjusted p-values in the same order, at most 1.

    Source:
        Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return [float(value) for value in adjusted]


def holm_alphas(p_values: Sequence[float], alpha: float) -> list[float]:
    """Find the level at which Holm's procedure judges each p-value, given all the others.

    alpha / (m - r), with r of the other p-values rejected by the step-down procedure without it: its adjusted p-value
    is at most alpha just where it is itself at most that level. An interval with that level's complement as its
    coverage excludes 0 just where the adjusted p-value decides.

    Args:
        p_values: In any order.
        alpha: Level of the whole family.
    """
    m = len(p_values)
    levels: list[float] = []
    for index in range(m):
        others = sorted([*p_values[:index], *p_values[index + 1 :]])
        rejected = 0
        while rejected < m - 1 and others[rejected] <= alpha / (m - rejected):
            rejected += 1
        levels.append(alpha / (m - rejected))
    return levels


def benjamini_hochberg_alphas(p_values: Sequence[float], alpha: float) -> list[float]:
    """Find the level at which Benjamini and Hochberg's procedure judges every p-value.

    alpha max(R, 1) / m, with R rejections in all. Intervals of the findings at that level hold their false coverage
    rate: the expected share of them that miss the truth is at most alpha.

    Args:
        p_values: In any order.
        alpha: Of the whole family.

    Source:
        Benjamini and Yekutieli (2005), Journal of the American Statistical Association 100, 71-81.
    """
    m = len(p_values)
    rejected = sum(p_value <= alpha for p_value in benjamini_hochberg(p_values))
    return [alpha * max(rejected, 1) / max(m, 1)] * m
