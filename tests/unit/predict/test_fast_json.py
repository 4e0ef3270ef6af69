"""Bodies that are read the fast way come out as those that are read the usual way."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff_core.errors import InvalidInput
from bakeoff_core.http import parse
from fast_json import parse_numbers
from prediction_bodies import PredictRequest

numbers = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**64 - 1))
rows = st.lists(st.one_of(numbers, st.text(st.characters(exclude_categories=["Cs"])), st.booleans(), st.none()))


def outcome(read: Any, body: str | bytes | None) -> Any:
    try:
        return read(PredictRequest, body).model_dump()
    except InvalidInput as error:
        return [(each.loc, each.msg) for each in error.errors]


@given(row=rows)
def test_numbers_come_out_to_the_last_bit(row: list[Any]) -> None:
    body = json.dumps({"model_name": "m", "data": row})
    read = parse_numbers(PredictRequest, body)
    assert repr(read.data) == repr(row)


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "[]",
        "{",
        '"text"',
        '{"model_name": "m", "data": [NaN]}',
        '{"model_name": "m", "data": [Infinity]}',
        '{"model_name": "m", "data": [1e999]}',
        '{"model_name": "m", "data": "\\ud800"}',
        '{"model_name": "m", "data": "\ud800"}',
        b'{"model_name": "m\xff"}',
        '{"model_name": 1, "data": [1]}',
        '{"model_name": "m", "data": [1], "more": 2}',
        '{"model_name": "m", "model_name": "n", "data": [1]}',
        '{"model_name": "m", "data": ' + "[" * 2_000 + "]" * 2_000 + "}",
    ],
)
def test_what_is_wrong_is_said_in_the_same_words(body: str | bytes | None) -> None:
    assert outcome(parse_numbers, body) == outcome(parse, body)


def test_a_text_that_has_no_characters_is_refused() -> None:
    for body in ("\ud800", '{"model_name": "\ud800", "data": [1]}'):
        with pytest.raises(InvalidInput, match="must be valid JSON"):
            parse_numbers(PredictRequest, body)


def test_an_integer_beyond_64_bits_is_the_nearest_float() -> None:
    assert parse_numbers(PredictRequest, f'{{"model_name": "m", "data": [{2**70}]}}').data == [float(2**70)]
