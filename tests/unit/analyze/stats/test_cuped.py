"""CUPED, against least squares and by what it promises: the same difference, with less variance."""

import numpy as np
import pytest

from stats.cuped import METHOD, Adjustment, adjusted, adjustment
from stats.difference import Difference, Undefined
from stats.estimates import Estimate, compare_estimates
from stats.means import welch
from stats.paired import PairedMoments


def units(seed: int, n: int, effect: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    before = rng.gamma(2, 10, n)
    return 0.8 * before + rng.normal(0, 6, n) + effect, before


def moments(y: np.ndarray, x: np.ndarray) -> PairedMoments:
    return PairedMoments.of(zip(y.tolist(), x.tolist(), strict=True))


def test_theta_is_the_slope_over_all_units_and_means_are_those_of_adjusted_values() -> None:
    (c_y, c_x), (t_y, t_x) = units(1, 400, 0), units(2, 600, 1)
    y, x = np.concatenate([c_y, t_y]), np.concatenate([c_x, t_x])
    by = adjustment([moments(c_y, c_x), moments(t_y, t_x)])
    assert isinstance(by, Adjustment)
    assert by.theta == pytest.approx(np.polyfit(x, y, 1)[0], rel=1e-9)
    values = t_y - by.theta * (t_x - x.mean())
    found = adjusted(moments(t_y, t_x), by)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(values.mean(), rel=1e-12)
    assert found.variance == pytest.approx(values.var(ddof=1), rel=1e-9)


def test_less_variance_and_no_bias() -> None:
    differences, plain = [], []
    for seed in range(400):
        (c_y, c_x), (t_y, t_x) = units(2 * seed, 200, 0), units(2 * seed + 1, 200, 1.0)
        control, treatment = moments(c_y, c_x), moments(t_y, t_x)
        by = adjustment([control, treatment])
        assert isinstance(by, Adjustment)
        c, t = adjusted(control, by), adjusted(treatment, by)
        assert isinstance(c, Estimate)
        assert isinstance(t, Estimate)
        compared, unadjusted = compare_estimates(c, t, method=METHOD), welch(control.y, treatment.y)
        assert isinstance(compared, Difference)
        assert isinstance(unadjusted, Difference)
        differences.append(compared.estimate)
        plain.append(unadjusted.estimate)
    standard_error = float(np.std(differences)) / 20
    assert np.mean(differences) == pytest.approx(1.0, abs=4 * standard_error)
    # The values correlate with the covariate at 0.88, so that 1 - 0.88² = 0.22 of the variance is left.
    assert np.var(differences) / np.var(plain) == pytest.approx(0.22, abs=0.06)


def test_undefined_says_why() -> None:
    flat = PairedMoments.of([(1, 5), (2, 5)])
    assert adjustment([flat, flat]) == Undefined("the covariate does not vary")
    assert adjustment([PairedMoments.of([(1, 2)])]) == Undefined("there are fewer than two units")
    assert adjusted(PairedMoments.of([(1, 2)]), Adjustment(1, 1)) == Undefined("a group has fewer than two units")


def test_a_covariate_that_says_all_leaves_no_variance() -> None:
    group = PairedMoments.of([(1 / 3, 1), (2 / 3, 2), (1, 3)])
    by = adjustment([group])
    assert isinstance(by, Adjustment)
    found = adjusted(group, by)
    assert isinstance(found, Estimate)
    assert found.variance == 0
