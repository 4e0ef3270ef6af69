from math import pi

import numpy as np
import pytest

from stats.quadrature import gauss_legendre, on_panels


@pytest.mark.parametrize("points", [1, 2, 16, 160])
def test_a_polynomial_of_one_degree_less_than_twice_the_points_is_integrated_exactly(points: int) -> None:
    nodes, weights = gauss_legendre(points)
    degree = 2 * points - 2  # the highest even one: odd ones are 0 by symmetry
    assert float(weights.sum()) == pytest.approx(2, rel=1e-13)
    assert float(weights @ nodes**degree) == pytest.approx(2 / (degree + 1), rel=1e-10)


def test_panels_of_different_widths_cover_what_lies_between_their_ends() -> None:
    nodes, weights = on_panels(np.array([0.0, 0.1, 2.0, pi]), 12)
    assert nodes.shape == weights.shape == (36,)
    assert (np.diff(nodes) > 0).all()
    assert float(weights @ np.sin(nodes)) == pytest.approx(2, rel=1e-13)
