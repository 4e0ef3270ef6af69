"""Adjusted p-values, against tea-tasting's figures and statsmodels."""

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from stats.multiplicity import benjamini_hochberg, benjamini_hochberg_alphas, holm, holm_alphas

families = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_benjamini_hochberg_of_tea_tasting() -> None:
    assert benjamini_hochberg([0.005, 0.06, 0.007, 0.04, 0.01, 0.03]) == pytest.approx(
        [0.02, 0.06, 0.02, 0.048, 0.02, 0.045]
    )


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def by_statsmodels(p_values: list[float], method: str) -> list[float]:
    # It collects garbage each time, which takes longer than everything else by far.
    with patch("gc.collect"):
        adjusted: list[float] = multipletests(p_values, method=method)[1].tolist()
    return adjusted


@given(families)
def test_equal_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(by_statsmodels(p_values, "holm"))
    assert benjamini_hochberg(p_values) == pytest.approx(by_statsmodels(p_values, "fdr_bh"))


def test_no_family_is_no_p_value() -> None:
    assert holm([]) == benjamini_hochberg([]) == []


def test_levels_by_hand() -> None:
    assert holm_alphas([0.04, 0.01, 0.03], 0.05) == pytest.approx([0.05 / 2, 0.05 / 3, 0.05 / 2])
    assert holm_alphas([0.02, 0.01, 0.03], 0.05) == pytest.approx([0.05 / 2, 0.05 / 3, 0.05])
    assert benjamini_hochberg_alphas([0.04, 0.01, 0.9, 0.02], 0.05) == pytest.approx([0.025] * 4)
    assert benjamini_hochberg_alphas([0.6, 0.9], 0.05) == pytest.approx([0.025] * 2)
    assert holm_alphas([], 0.05) == benjamini_hochberg_alphas([], 0.05) == []


@given(families, st.floats(0.001, 0.5))
def test_a_p_value_is_at_most_its_level_where_the_adjusted_one_is_at_most_alpha(
    p_values: list[float], alpha: float
) -> None:
    for adjust, levels in ((holm, holm_alphas), (benjamini_hochberg, benjamini_hochberg_alphas)):
        for p_value, adjusted, level in zip(p_values, adjust(p_values), levels(p_values, alpha), strict=True):
            if abs(adjusted - alpha) > 1e-12:
                assert (p_value <= level) == (adjusted <= alpha)
