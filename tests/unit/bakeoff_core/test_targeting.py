import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff_core.assignment import targeting
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
        ({"mail": {"$regex": "@example\\.(com|org)$"}}, {"mail": "ann@example.org"}, True),
        ({"mail": {"$regex": "@example\\.(com|org)$"}}, {"mail": "ann@example.net"}, False),
        ({"name": {"$regex": "(?i)^JOSÉ"}}, {"name": "josé maria"}, True),
        ({"name": {"$regex": "^1"}}, {"name": 1}, False),
        ({"name": {"$regex": ""}}, {}, False),
        ({"name": {"$not": {"$regex": "^bot"}}}, {"name": "bot-7"}, False),
        ({"name": {"$regex": "a"}}, {"name": "a" * 10_000}, True),
        ({"name": {"$regex": "a"}}, {"name": "a" * 10_001}, False),
        ({"app": {"$veq": "1.2"}}, {"app": "v1.2.0+build.7"}, True),
        ({"app": {"$veq": "1.2.0"}}, {"app": "1.2.0-rc.1"}, False),
        ({"app": {"$vne": "1.2.0"}}, {"app": "1.2.1"}, True),
        ({"app": {"$vne": "1.2.0"}}, {"app": "1.2"}, False),
        ({"app": {"$vne": "1.2.0"}}, {}, True),
        ({"app": {"$vgt": "1.9.0"}}, {"app": "1.10.0"}, True),
        ({"app": {"$vgt": "1.10.0"}}, {"app": "1.10.0"}, False),
        ({"app": {"$vgte": "1.10.0"}}, {"app": "1.10.0"}, True),
        ({"app": {"$vgte": "1.10.0"}}, {"app": "1.10.0-beta"}, False),
        ({"app": {"$vlt": "2.0.0-beta.11"}}, {"app": "2.0.0-beta.2"}, True),
        ({"app": {"$vlt": "2.0.0-1"}}, {"app": "2.0.0-alpha"}, False),
        ({"app": {"$vlt": "2"}}, {"app": "2.0.0"}, False),
        ({"app": {"$vlte": "2"}}, {"app": "2.0.0"}, True),
        ({"app": {"$vlte": "2"}}, {"app": "latest"}, False),
        ({"app": {"$vlte": "2"}}, {"app": 1}, False),
        ({"tags": {"$all": ["a", "b"]}}, {"tags": ["b", "c", "a"]}, True),
        ({"tags": {"$all": ["a", "b"]}}, {"tags": ["a"]}, False),
        ({"tags": {"$all": ["a"]}}, {"tags": "a"}, False),
        ({"marks": {"$all": [{"$gt": 5}, {"$lt": 2}]}}, {"marks": [1, 6]}, True),
        ({"marks": {"$all": [{"$gt": 5}, {"$lt": 2}]}}, {"marks": [3, 6]}, False),
        ({"marks": {"$elemMatch": {"$gt": 5, "$lt": 8}}}, {"marks": [1, 7]}, True),
        ({"marks": {"$elemMatch": {"$gt": 5, "$lt": 8}}}, {"marks": [1, 9]}, False),
        ({"orders": {"$elemMatch": {"sum": {"$gt": 5}, "paid": True}}}, {"orders": [{"sum": 6, "paid": True}]}, True),
        (
            {"orders": {"$elemMatch": {"sum": {"$gt": 5}, "paid": True}}},
            {"orders": [{"sum": 6, "paid": False}, {"sum": 1, "paid": True}, 9]},
            False,
        ),
        ({"orders": {"$elemMatch": {"paid": True}}}, {"orders": {"paid": True}}, False),
        ({"tags": {"$size": 2}}, {"tags": ["a", "b"]}, True),
        ({"tags": {"$size": 2}}, {"tags": "ab"}, False),
        ({"tags": {"$size": {"$gte": 1}}}, {"tags": []}, False),
        ({"x": {"$type": "string"}}, {"x": "1"}, True),
        ({"x": {"$type": "number"}}, {"x": 1.5}, True),
        ({"x": {"$type": "number"}}, {"x": True}, False),
        ({"x": {"$type": "boolean"}}, {"x": False}, True),
        ({"x": {"$type": "array"}}, {"x": []}, True),
        ({"x": {"$type": "object"}}, {"x": {}}, True),
        ({"x": {"$type": "null"}}, {"x": None}, True),
        ({"x": {"$type": "null"}}, {}, False),
        ({"x": {"$type": "undefined"}}, {}, True),
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
        (
            {"$or": [{"a": 1}, {"user.age": {"$near": 3}}]},
            r"^user\.age: unknown operator \$near, known are \$all, \$and",
        ),
        ({"a": {"$regex": 1}}, r"^a: \$regex takes a pattern as a string"),
        ({"a": {"$regex": "("}}, r"^a: \$regex takes a pattern of RE2's syntax: missing \)"),
        ({"a": {"$regex": r"(a)\1"}}, r"\$regex takes a pattern of RE2's syntax: invalid escape sequence"),
        ({"a": {"$regex": "(?=a)"}}, r"\$regex takes a pattern of RE2's syntax: invalid perl operator"),
        ({"a": {"$regex": "a" * 501}}, r"\$regex takes a pattern of at most 500 characters"),
        ({"a": {"$regex": "((a{100}){100}){100}"}}, r"\$regex takes a pattern of RE2's syntax: .*"),
        ({"a": {"$veq": 1.2}}, r"\$veq takes a version as a string"),
        ({"a": {"$vgt": "latest"}}, r"^a: \$vgt takes a version, not a version such as"),
        ({"a": {"$all": "x"}}, r"\$all takes a list"),
        ({"a": {"$all": [{"$near": 1}]}}, r"unknown operator \$near"),
        ({"a": {"$elemMatch": [1]}}, r"\$elemMatch takes an object"),
        ({"a": {"$elemMatch": {"b": {"$near": 1}}}}, r"^a: b: unknown operator \$near"),
        ({"a": {"$size": True}}, r"\$size takes a whole number or an object of operators"),
        ({"a": {"$type": "text"}}, r"\$type takes one of string, number, boolean, array, object, null, undefined"),
        ({"a": {"$type": ["string"]}}, r"\$type takes one of string"),
    ],
)
def test_a_condition_that_means_nothing_is_refused(condition: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile_condition(condition)


def test_a_condition_may_be_nested_twenty_levels_deep_and_no_deeper() -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"a": 1} if levels == 1 else {"$not": nested(levels - 1)}

    assert compile_condition(nested(19))({"a": 1}) is True
    with pytest.raises(ValueError, match="must not be nested deeper than 20 levels"):
        compile_condition(nested(20))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(a|b)*a(a|b){300}$", "(?:a?){200}a{200}b"])
def test_no_pattern_runs_away(pattern: str) -> None:
    text = "a" * 9_999 + "c"
    started = time.process_time()
    assert compile_condition({"a": {"$regex": pattern}})({"a": text}) is False
    assert time.process_time() - started < 2


OPERATORS = [*targeting._OPERATORS, *targeting._COMBINE]
_names = st.sampled_from(["a", "b", "a.b", *OPERATORS])
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
_json = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3))


@given(condition=st.dictionaries(_names, _json, max_size=3), context=st.dictionaries(st.sampled_from("ab"), _json))
def test_whatever_can_be_written_down_is_refused_or_decides(condition: dict[str, Any], context: dict[str, Any]) -> None:
    try:
        compiled = compile_condition(condition)
    except ValueError:
        return
    assert compiled(context) in {True, False}
