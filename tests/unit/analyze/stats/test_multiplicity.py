"""Adjusted p-values, against tea-tasting's figures and statsmodels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from stats.multiplicity import benjamini_hochberg, holm

families = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_benjamini_hochberg_of_tea_tasting() -> None:
    assert benjamini_hochberg([0.005, 0.06, 0.007, 0.04, 0.01, 0.03]) == pytest.approx(
        [0.02, 0.06, 0.02, 0.048, 0.02, 0.045]
    )


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


@given(families)
def test_equal_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1].tolist())


def test_no_family_is_no_p_value() -> None:
    assert holm([]) == benjamini_hochberg([]) == []
