"""What is packed is what numpy makes of it, and whatever is no number is left alone."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime.packing import packed

KINDS: dict[str, tuple[type, ...]] = {"f": (int, float), "i": (int,), "u": (int,)}
numbers = st.one_of(
    st.sampled_from([0, 1, 0.0, 1.0, -0.0, 127, 128, -128, 255, 256, 65_504.0, 65_520.0, 3.5e38, 2**53 + 1]),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1, 1, width=32),
)
others = st.sampled_from([True, False, None, "1", "", [], [1.0], {}, {"a": 1}])
dtypes = st.sampled_from(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]).map(np.dtype)


def fits(value: Any, dtype: np.dtype[Any]) -> bool:
    if type(value) not in KINDS[dtype.kind]:
        return False
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return bool(np.isfinite(np.array(value, np.float64).astype(dtype)))
    return bool(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)


@given(values=st.lists(numbers, max_size=6), dtype=dtypes)
def test_numbers_are_packed_as_numpy_makes_them(values: list[Any], dtype: np.dtype[Any]) -> None:
    made = packed(values, dtype)
    if made is None:
        assert not all(fits(value, dtype) for value in values)
    else:
        assert made.dtype == dtype
        with np.errstate(over="ignore"):
            assert made.tobytes() == np.array(values, dtype).tobytes()


@pytest.mark.parametrize(("value", "dtype"), [(1.0, "i8"), (256, "u1"), (-1, "u8"), (2**63, "i8"), (10**400, "f8")])
def test_a_number_that_the_array_cannot_hold(value: float, dtype: str) -> None:
    assert packed([0, value], dtype) is None


@given(values=st.lists(numbers, max_size=4), other=others, at=st.integers(0, 4), dtype=dtypes)
def test_nothing_is_packed_beside_what_is_no_number(values: list[Any], other: Any, at: int, dtype: Any) -> None:
    assert packed([*values[:at], other, *values[at:]], dtype) is None


@pytest.mark.parametrize("dtype", ["?", "O", "S1"])
def test_what_holds_no_numbers_is_not_packed(dtype: str) -> None:
    assert packed([1, 0], dtype) is None


def test_packed_numbers_can_be_changed() -> None:
    made = packed([1.5, 2.5], np.float64)
    assert made is not None
    made += 1
    assert made.tolist() == [2.5, 3.5]
