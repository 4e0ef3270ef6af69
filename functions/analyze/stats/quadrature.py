"""Gauss-Legendre quadrature, whose nodes are worked out when something is first integrated."""

from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_Numbers: TypeAlias = NDArray[np.float64]


@cache
def gauss_legendre(points: int) -> tuple[_Numbers, _Numbers]:
    """Find the nodes between -1 and 1, and their weights, which sum to 2.

    Args:
        points: How many.

    Returns:
        Nodes and weights, shape (points,) each.
    """
    nodes, weights = np.polynomial.legendre.leggauss(points)
    nodes.flags.writeable = weights.flags.writeable = False  # all callers share them
    return nodes, weights


def on_panels(ends: _Numbers, points: int) -> tuple[_Numbers, _Numbers]:
    """Lay nodes on panels side by side.

    Args:
        ends: Where panels end, in order, shape (panels + 1,).
        points: How many nodes each panel has.

    Returns:
        Nodes and weights, shape (panels * points,) each.
    """
    nodes, weights = gauss_legendre(points)
    half, centre = np.diff(ends)[:, None] / 2, (ends[:-1] + ends[1:])[:, None] / 2
    return (centre + half * nodes).ravel(), (half * weights).ravel()
