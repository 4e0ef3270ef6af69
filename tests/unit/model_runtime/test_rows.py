"""Rows against a schema."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime.errors import FeatureError, InvalidFeatures
from model_runtime.rows import RowReader
from model_runtime.schema import InputSchema

SCHEMA = InputSchema.model_validate(
    {
        "features": [
            {"name": "position", "type": "int"},
            {"name": "colour", "type": "str"},
            {"name": "affinity", "type": "float", "default": 0},
            {"name": "member", "type": "bool", "default": False},
        ]
    }
)
READER = RowReader(SCHEMA, {"position": (-128, 127)})


def errors_of(data: object) -> list[FeatureError]:
    with pytest.raises(InvalidFeatures) as caught:
        READER.read(data, "data[3]")
    return list(caught.value.errors)


def test_named_features_come_in_the_order_of_the_schema() -> None:
    data = {"member": True, "affinity": 2, "colour": "red", "position": 3}
    assert READER.read(data, "data") == [3, "red", 2.0, True]


def test_missing_and_null_features_take_their_default() -> None:
    row = READER.read({"colour": "red", "position": 3, "member": None}, "data")
    assert row == [3, "red", 0.0, False]
    assert isinstance(row[2], float)


def test_array_is_in_the_order_of_the_schema() -> None:
    assert READER.read([3, "red", None, True], "data") == [3, "red", 0.0, True]


def test_every_error_is_named() -> None:
    assert errors_of({"colour": 7, "affinity": "x", "colur": "red"}) == [
        FeatureError("data[3].colur", "is not a feature of the model"),
        FeatureError("data[3].position", "is missing, and has no default"),
        FeatureError("data[3].colour", "must be a string, got 7"),
        FeatureError("data[3].affinity", "must be a number, got 'x'"),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "must not be empty"),
        ([], "must not be empty"),
        (None, "must be an object of named features or an array of values, got null"),
        ("red", "must be an object of named features or an array of values, got 'red'"),
        ([3, "red"], "must hold 4 values (position, colour, affinity, member), got 2"),
    ],
)
def test_data_of_another_form_is_refused(data: object, message: str) -> None:
    assert errors_of(data) == [FeatureError("data[3]", message)]


def test_positional_value_is_named_as_its_feature() -> None:
    assert errors_of([3, "red", "x", True]) == [FeatureError("data[3].affinity", "must be a number, got 'x'")]


def test_number_that_the_tensor_cannot_hold_is_refused() -> None:
    assert errors_of({"position": 128, "colour": "red"}) == [
        FeatureError("data[3].position", "must lie between -128 and 127, got 128")
    ]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMED = st.fixed_dictionaries({}, optional=dict.fromkeys(("position", "colour", "affinity", "member"), ANYTHING))


@given(data=ANYTHING | NAMED)
def test_any_json_is_read_or_refused_by_name(data: object) -> None:
    outcome: list[type] | tuple[FeatureError, ...]
    try:
        outcome = [type(value) for value in READER.read(data, "data")]
    except InvalidFeatures as error:
        outcome = error.errors
    if isinstance(outcome, list):
        assert outcome == [int, str, float, bool]
    else:
        assert outcome
        assert all(each.loc.startswith("data") for each in outcome)
