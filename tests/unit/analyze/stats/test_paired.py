"""Two numbers per unit: sums against numpy, and merging."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.paired import PairedMoments

numbers = st.floats(-1e6, 1e6, allow_nan=False)
pairs = st.lists(st.tuples(numbers, numbers), max_size=40)


def test_equals_numpy() -> None:
    rng = np.random.default_rng(20_260_111)
    y, x = rng.gamma(2, 5, 500), rng.normal(3, 2, 500)
    found = PairedMoments.of(zip(y.tolist(), x.tolist(), strict=True))
    covariance = np.cov(y, x)
    assert found.y.variance == pytest.approx(covariance[0, 0], rel=1e-12)
    assert found.x.variance == pytest.approx(covariance[1, 1], rel=1e-12)
    assert found.covariance == pytest.approx(covariance[0, 1], rel=1e-9)


@given(pairs, pairs)
def test_merging_equals_one_pass(first: list[tuple[float, float]], second: list[tuple[float, float]]) -> None:
    merged, whole = PairedMoments.of(first).merge(PairedMoments.of(second)), PairedMoments.of(first + second)
    assert merged.n == whole.n
    for name in ("total_y", "m2_y", "total_x", "m2_x", "comoment"):
        assert getattr(merged, name) == pytest.approx(getattr(whole, name), rel=1e-9, abs=1e-2)


def test_nothing_cancels_far_from_zero() -> None:
    far = PairedMoments.of((1e9 + y, 1e9 + x) for y, x in ((1.0, 2.0), (2.0, 4.0), (3.0, 6.0)))
    assert (far.y.variance, far.x.variance, far.covariance) == (1.0, 4.0, 2.0)
    halves = PairedMoments.of([(1e9 + 1, 1e9 + 2)]).merge(PairedMoments.of([(1e9 + 2, 1e9 + 4), (1e9 + 3, 1e9 + 6)]))
    assert halves.covariance == 2.0
