"""Cochran's test of equal effects."""

import numpy as np
import pytest
from scipy.stats import chi2
from statsmodels.stats.meta_analysis import combine_effects

from stats.difference import Undefined
from stats.heterogeneity import Heterogeneity, heterogeneity


def test_equals_statsmodels() -> None:
    effects, errors = np.array([0.1, 0.3, -0.05, 0.2]), np.array([0.05, 0.1, 0.08, 0.02])
    found = heterogeneity(list(zip(effects.tolist(), errors.tolist(), strict=True)))
    oracle = combine_effects(effects, errors**2)
    assert isinstance(found, Heterogeneity)
    assert found.statistic == pytest.approx(oracle.q, rel=1e-9)
    assert found.degrees_of_freedom == 3
    assert found.p_value == pytest.approx(chi2.sf(oracle.q, 3), rel=1e-9)


def test_one_effect_cannot_differ() -> None:
    assert heterogeneity([(0.1, 0.2), (0.3, 0.0)]) == Undefined(
        "fewer than two segments have an effect with a standard error"
    )
