"""What becomes of a value that is missing, of another type or out of range."""

import math
from typing import Any

import numpy as np
import pytest

from model_runtime.errors import ModelRefused
from model_runtime.features import FeatureReader
from model_runtime.rows import RowReader
from model_runtime.schema import Feature, InputSchema


def reader(**declared: Any) -> FeatureReader:
    return FeatureReader(Feature.model_validate({"name": "a"} | declared))


def refusal(read_by: FeatureReader, value: object) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        read_by.read(value)
    return str(caught.value)


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_missing_value_is_an_error_the_default_or_nan(nothing: object) -> None:
    assert refusal(reader(type="float"), nothing) == "is missing, and has no default"
    assert refusal(reader(type="float", default=1, on_missing="error"), nothing) == "is missing"
    assert reader(type="float", default=1).read(nothing) == 1.0
    kept = reader(type="float", on_missing="nan").read(nothing)
    assert isinstance(kept, float)
    assert math.isnan(kept)


def test_value_of_another_type_is_an_error_or_the_default() -> None:
    assert refusal(reader(type="int", default=3), "x") == "must be an integer, got 'x'"
    assert reader(type="int", default=3, on_wrong_type="default").read("x") == 3


def test_number_out_of_range_is_an_error_the_default_or_the_nearest() -> None:
    bounds: dict[str, Any] = {"type": "int", "minimum": -2, "maximum": 9, "default": 1}
    assert refusal(reader(**bounds), 10) == "must lie between -2 and 9, got 10"
    assert reader(**bounds, on_out_of_range="default").read(-3) == 1
    clipping = reader(**bounds, on_out_of_range="clip")
    assert [clipping.read(value) for value in (-3, -2, 9, 10)] == [-2, -2, 9, 9]
    assert refusal(reader(type="float", minimum=0), -1) == "must be at least 0, got -1.0"
    assert refusal(reader(type="float", maximum=0), 1) == "must be at most 0, got 1.0"


def test_integer_is_clipped_to_an_integer() -> None:
    clipping = reader(type="int", minimum=0.5, maximum=2.5, on_out_of_range="clip")
    assert [clipping.read(value) for value in (0, 1, 3)] == [1, 1, 2]


def test_value_that_is_no_category_is_an_error_or_the_default() -> None:
    categories: dict[str, Any] = {"type": "str", "categories": ["red", "green"], "default": "red"}
    assert reader(**categories).read("green") == "green"
    assert refusal(reader(**categories), "blue") == "must be one of 'green', 'red', got 'blue'"
    assert reader(**categories, on_out_of_range="default").read("blue") == "red"


def test_categories_of_numbers_are_all_that_is_in_range() -> None:
    feature = Feature.model_validate({"name": "rate", "type": "int", "categories": [8_000, 16_000]})
    rates = FeatureReader(feature, (-(2**63), 2**63 - 1))
    assert rates.read(8_000) == 8_000
    assert refusal(rates, 44_100) == "must be one of 8000, 16000, got 44100"
    several = FeatureReader(feature.model_copy(update={"shape": (2,)}), (-(2**63), 2**63 - 1))
    assert refusal(several, [8_000, 44_100]) == "must be one of 8000, 16000, got 44100"


@pytest.mark.parametrize("declared", [{"default": 300}, {"categories": [1, 300]}, {"shape": [2], "default": [1, 300]}])
def test_what_the_input_cannot_hold_may_not_be_declared(declared: dict[str, Any]) -> None:
    feature = Feature.model_validate({"name": "a", "type": "int"} | declared)
    with pytest.raises(ModelRefused, match="feature a declares 300, which the model's input cannot hold"):
        FeatureReader(feature, (0, 255))


def test_limits_of_the_input_narrow_the_range() -> None:
    feature = Feature.model_validate({"name": "a", "type": "int", "maximum": 1_000, "on_out_of_range": "clip"})
    assert FeatureReader(feature, (0, 255)).read(500) == 255
    assert FeatureReader(feature, (0, 5_000)).read(2_000) == 1_000


def test_array_has_its_shape() -> None:
    matrix = reader(type="float", shape=[2, None])
    value = matrix.read([[1, 2, 3], [4, 5, 6]])
    assert isinstance(value, np.ndarray)
    assert value.tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert refusal(matrix, 1) == "must be an array of the shape [2, any], got 1"
    assert refusal(matrix, [1, 2]) == "must be an array of the shape [2, any]"
    assert refusal(matrix, [[1], [2], [3]]) == "must be an array of the shape [2, any]"
    assert refusal(matrix, [[1], [2, 3]]) == "must be an array of the shape [2, any]"
    assert refusal(matrix, [[1], ["x"]]) == "element 1 must be a number, got 'x'"
    assert refusal(matrix, [[1], [10**400]]) == "element 1 must be a number, got a longer integer"


@pytest.mark.parametrize(
    ("kind", "elements", "dtype"),
    [
        ("int", [1, 2**62], np.int64),
        ("int", [1.0, 2], np.int64),
        ("int", [2**64 - 1], np.uint64),
        ("float", [1, 0.5], np.float64),
        ("bool", [True, False], np.bool_),
        ("str", ["a", "längst"], np.object_),
    ],
)
def test_array_holds_what_was_given(kind: str, elements: list[Any], dtype: type) -> None:
    value = reader(type=kind, shape=[None]).read(elements)
    assert isinstance(value, np.ndarray)
    assert value.dtype == dtype
    assert value.tolist() == elements


def test_elements_of_an_array_are_checked_like_values() -> None:
    bounds: dict[str, Any] = {"type": "float", "shape": [3], "minimum": 0, "maximum": 1, "default": 0.5}
    assert refusal(reader(**bounds), [0, 2, 3]) == "must lie between 0 and 1, got 2.0"
    clipped = reader(**bounds, on_out_of_range="clip").read([-1, 0.25, 3])
    assert np.asarray(clipped).tolist() == [0.0, 0.25, 1.0]
    assert np.asarray(reader(**bounds, on_out_of_range="default").read([-1, 0, 0])).tolist() == [0.5] * 3
    letters = reader(type="str", shape=[2], categories=["a", "b"])
    assert refusal(letters, ["a", "c"]) == "must be one of 'a', 'b', got 'c'"


def test_null_within_an_array_is_nan_where_that_stands_for_missing() -> None:
    assert refusal(reader(type="float", shape=[2]), [1, None]) == "element 1 must be a number, got null"
    holed = np.asarray(reader(type="float", shape=[2], on_missing="nan", minimum=1).read([None, 4]))
    assert math.isnan(holed[0])
    assert holed[1] == 4.0
    assert np.isnan(np.asarray(reader(type="float", shape=[2], on_missing="nan").read(None))).tolist() == [True, True]


def test_features_of_a_row_are_counted() -> None:
    schema = InputSchema.model_validate(
        {
            "features": [
                {"name": "a", "type": "int", "default": 0, "on_wrong_type": "default"},
                {"name": "b", "type": "int", "maximum": 9, "on_out_of_range": "clip"},
            ],
            "on_extra": "ignore",
        }
    )
    rows = RowReader(schema, {})
    assert [rows.read(row, "data") for row in ({"a": 1, "b": 10, "c": 1}, {"b": 1}, {"a": "x", "b": 2})] == [
        [1, 9],
        [0, 1],
        [0, 2],
    ]
    assert rows.take_usage() == {
        ("a", "given"): 1,
        ("a", "missing"): 1,
        ("a", "wrong_type"): 1,
        ("b", "given"): 2,
        ("b", "out_of_range"): 1,
    }
    assert rows.take_usage() == {}


def test_single_array_may_stand_for_the_row() -> None:
    rows = RowReader(InputSchema.model_validate({"features": [{"name": "x", "type": "int", "shape": [3]}]}), {})
    for given in ([1, 2, 3], [[1, 2, 3]], {"x": [1, 2, 3]}):
        (value,) = rows.read(given, "data")
        assert np.asarray(value).tolist() == [1, 2, 3]
