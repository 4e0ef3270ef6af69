from typing import Any

import pytest

from bakeoff_core.assignment.targeting import compile_condition


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({}, {}, True),
        ({"country": "DE"}, {"country": "DE"}, True),
        ({"country": "DE"}, {"country": "AT"}, False),
        ({"country": "DE"}, {}, False),
        ({"country": None}, {}, True),
        ({"premium": True}, {"premium": 1}, False),
        ({"visits": 1}, {"visits": True}, False),
        ({"visits": 1}, {"visits": 1.0}, True),
        ({"tags": ["a", "b"]}, {"tags": ["a", "b"]}, True),
        ({"device": {"os": "ios"}}, {"device": {"os": "ios"}}, True),
        ({"device.os": "ios"}, {"device": {"os": "ios"}}, True),
        ({"device.os": "ios"}, {"device": "ios"}, False),
        ({"age": {"$eq": 18}}, {"age": 18}, True),
        ({"age": {"$ne": 18}}, {"age": 18}, False),
        ({"age": {"$ne": 18}}, {}, True),
        ({"age": {"$gt": 18}}, {"age": 18}, False),
        ({"age": {"$gte": 18}}, {"age": 18}, True),
        ({"age": {"$lt": 18}}, {"age": 17.5}, True),
        ({"age": {"$lte": 18}}, {"age": 19}, False),
        ({"age": {"$gte": 18, "$lt": 30}}, {"age": 30}, False),
        ({"age": {"$gte": 18}}, {"age": "20"}, False),
        ({"age": {"$gte": 0}}, {"age": True}, False),
        ({"age": {"$gte": 0}}, {}, False),
        ({"day": {"$gte": "2026-01-01"}}, {"day": "2026-03-01"}, True),
        ({"country": {"$in": ["DE", "AT"]}}, {"country": "AT"}, True),
        ({"country": {"$in": ["DE", "AT"]}}, {"country": "CH"}, False),
        ({"country": {"$in": []}}, {"country": "CH"}, False),
        ({"tags": {"$in": ["a"]}}, {"tags": ["b", "a"]}, True),
        ({"country": {"$nin": ["DE", "AT"]}}, {"country": "AT"}, False),
        ({"country": {"$nin": ["DE", "AT"]}}, {}, True),
        ({"country": {"$exists": True}}, {"country": None}, False),
        ({"country": {"$exists": True}}, {"country": "DE"}, True),
        ({"country": {"$exists": False}}, {}, True),
        ({"age": {"$not": {"$gt": 18}}}, {"age": 18}, True),
        ({"age": {"$not": {"$gt": 18}}}, {"age": 19}, False),
        ({"$and": [{"a": 1}, {"b": 2}]}, {"a": 1, "b": 2}, True),
        ({"$and": [{"a": 1}, {"b": 2}]}, {"a": 1}, False),
        ({"$or": [{"a": 1}, {"b": 2}]}, {"b": 2}, True),
        ({"$or": [{"a": 1}, {"b": 2}]}, {"b": 3}, False),
        ({"$nor": [{"a": 1}, {"b": 2}]}, {"b": 3}, True),
        ({"$nor": [{"a": 1}, {"b": 2}]}, {"b": 2}, False),
        ({"$not": {"a": 1}}, {"a": 1}, False),
        ({"$not": {"a": 1}}, {"a": 2}, True),
        ({"$or": [{"a": 1}, {"$not": {"b": {"$in": [2, 3]}}}]}, {"b": 4}, True),
    ],
)
def test_condition(condition: dict[str, Any], context: dict[str, Any], holds: bool) -> None:  # noqa: FBT001 - a table
    assert compile_condition(condition)(context) is holds


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"age": {"$near": 3}}, r"unknown operator \$near"),
        ({"age": {"$gt": 3, "limit": 4}}, "unknown operator limit"),
        ({"$xor": []}, r"unknown operator \$xor"),
        ({"age": {"$gt": None}}, r"\$gt takes a number or a string"),
        ({"age": {"$gt": True}}, r"\$gt takes a number or a string"),
        ({"age": {"$in": "DE"}}, r"\$in takes a list"),
        ({"age": {"$exists": 1}}, r"\$exists takes true or false"),
        ({"$or": {"a": 1}}, r"\$or takes a list"),
        ({"$or": [1]}, r"\$or takes an object"),
        ({"$not": [1]}, r"\$not takes an object"),
        ({"age": {"$not": {"$near": 3}}}, r"unknown operator \$near"),
    ],
)
def test_a_condition_that_means_nothing_is_refused(condition: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile_condition(condition)
