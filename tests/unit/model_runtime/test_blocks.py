"""Rows that are read at once come out as rows that are read one by one, or not at all."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime.errors import InvalidFeatures
from model_runtime.rows import RowReader
from model_runtime.schema import InputSchema

FLOAT32 = (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))
INT64 = (int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max))
LIMITS = {"float": FLOAT32, "int": INT64}


def reader(kind: str, on_extra: str = "error", **changes: Any) -> RowReader:
    features = [{"name": name, "type": kind} for name in "abc"]
    features[0] |= changes
    schema = InputSchema.model_validate({"features": features, "on_extra": on_extra})
    return RowReader(schema, dict.fromkeys("abc", LIMITS[kind]))


def one_by_one(rows: RowReader, data: list[Any]) -> list[Any] | None:
    try:
        return [rows.read(row, "data") for row in data]
    except InvalidFeatures:
        return None


values: st.SearchStrategy[Any] = st.one_of(
    st.floats(allow_nan=False),
    st.integers(),
    st.sampled_from([0, 1, 1.0, -0.0, 1e39, 2**63, 10**400, True, None, "1", "x", [1.0], {}, float("nan")]),
)
plain = st.one_of(st.floats(-1e30, 1e30), st.integers(-(2**63), 2**63 - 1))
rows = st.one_of(
    st.lists(plain, min_size=3, max_size=3),
    st.lists(values, max_size=4),
    st.fixed_dictionaries(dict.fromkeys("cab", plain)),
    st.dictionaries(st.sampled_from("abcd"), values),
    values,
)


@given(st.sampled_from(["float", "int"]), st.sampled_from(["error", "ignore"]), st.lists(rows, min_size=1, max_size=4))
def test_a_block_holds_what_its_rows_hold(kind: str, on_extra: str, data: list[Any]) -> None:
    block = reader(kind, on_extra).read_block(data)
    if block is not None:
        assert block.tolist() == one_by_one(reader(kind, on_extra), data)
        assert block.dtype == (np.float64 if kind == "float" else np.int64)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys("bca", plain)), min_size=1, max_size=4))
def test_what_is_plain_and_right_is_read_at_once(data: list[Any]) -> None:
    positional = [[row[name] for name in "abc"] for row in data]
    for given_rows in (data, positional):
        block = reader("float").read_block(given_rows)
        assert block is not None
        assert block.tolist() == [[float(value) for value in row] for row in positional]


@pytest.mark.parametrize(
    "row",
    [
        [1.0, 2.0],
        [1.0, 2.0, True],
        [1.0, 2.0, None],
        [1.0, 2.0, "3"],
        [1.0, 2.0, float("nan")],
        [1.0, 2.0, 1e39],
        {"a": 1.0, "b": 2.0},
        {"a": 1.0, "b": 2.0, "d": 3.0},
        "abc",
        None,
    ],
)
def test_whatever_needs_a_closer_look_is_not(row: object) -> None:
    assert reader("float").read_block([[1.0, 2.0, 3.0], row]) is None


def test_a_features_own_range_counts() -> None:
    bounded = reader("float", minimum=0, maximum=1)
    assert bounded.read_block([[1.0, 9.0, 9.0]]) is not None
    assert bounded.read_block([[1.5, 9.0, 9.0]]) is None


def test_large_integers_are_compared_exactly() -> None:
    bounded = reader("int", maximum=2**53 + 1)
    assert bounded.read_block([[2**53 + 1, 0, 0]]) is not None
    assert bounded.read_block([[2**53 + 2, 0, 0]]) is None
    assert bounded.read_block([[0, 2**63 - 1, 0]]) is not None
    assert bounded.read_block([[0, 2**63, 0]]) is None
    halves = reader("int", minimum=0.5, maximum=1.5)
    assert [halves.read_block([[value, 0, 0]]) is not None for value in (0, 1, 2)] == [False, True, False]


def test_names_of_no_feature_are_passed_over_where_the_schema_says_so() -> None:
    data = [{"d": 4.0, "c": 3.0, "b": 2.0, "a": 1.0}]
    block = reader("float", "ignore").read_block(data)
    assert block is not None
    assert block.tolist() == [[1.0, 2.0, 3.0]]
    assert reader("float").read_block(data) is None


@pytest.mark.parametrize(
    "features",
    [
        [{"name": "a", "type": "float"}],
        [{"name": "a", "type": "float"}, {"name": "b", "type": "int"}],
        [{"name": "a", "type": "float"}, {"name": "b", "type": "float", "shape": [2]}],
        [{"name": "a", "type": "int", "categories": [1, 2]}, {"name": "b", "type": "int"}],
        [{"name": "a", "type": "bool"}, {"name": "b", "type": "bool"}],
        [{"name": "a", "type": "str"}, {"name": "b", "type": "str"}],
    ],
)
def test_other_features_are_read_one_by_one(features: list[dict[str, Any]]) -> None:
    rows = RowReader(InputSchema.model_validate({"features": features}), {})
    assert rows.read_block([[1.0] * len(features)]) is None


def test_rows_of_a_block_count_as_used() -> None:
    used = reader("float")
    used.read_block([[1.0, 2.0, 3.0]] * 5)
    assert used.take_usage() == {(name, "given"): 5 for name in "abc"}


@given(
    kind=st.sampled_from(["float", "int"]),
    order=st.permutations("abc"),
    values=st.lists(st.lists(st.one_of(plain, values), min_size=3, max_size=3), min_size=2, max_size=4),
)
def test_objects_that_name_features_in_one_order_hold_what_they_name(
    kind: str, order: list[str], values: list[list[Any]]
) -> None:
    data = [dict(zip(order, row, strict=True)) for row in values]
    block, read = reader(kind).read_block(data), one_by_one(reader(kind), data)
    if block is not None:
        assert block.tolist() == read


@pytest.mark.parametrize("order", ["abc", "cab", "bca"])
def test_objects_in_one_order_are_read_at_once(order: str) -> None:
    rows = [dict(zip(order, (at, at + 1, at + 2), strict=True)) for at in (0, 10)]
    block = reader("int").read_block(rows)
    assert block is not None
    assert block.tolist() == [[row["a"], row["b"], row["c"]] for row in rows]


@pytest.mark.parametrize(
    "odd", [{"c": 1, "b": 2, "a": 3}, {"a": 1, "b": 2}, {"a": 1, "b": 2, "d": 3}, [3, 2, 1], None, "abc"]
)
def test_a_row_of_another_form_among_objects_in_one_order(odd: object) -> None:
    data = [{"a": 1, "b": 2, "c": 3}, odd, {"a": 4, "b": 5, "c": 6}]
    block, read = reader("int").read_block(data), one_by_one(reader("int"), data)
    assert (None if block is None else block.tolist()) == read


def test_objects_that_all_lack_a_feature_or_name_another_are_read_one_by_one() -> None:
    for names in ("abd", "ab", "abcd"):
        assert reader("int").read_block([dict.fromkeys(names, 1)] * 2) is None
    with_more = reader("int", on_extra="ignore").read_block([dict.fromkeys("dcab", 1)] * 2)
    assert with_more is not None
    assert with_more.tolist() == [[1, 1, 1]] * 2


def test_no_rows_are_no_block() -> None:
    assert reader("int").read_block([]) is None
