"""What each feature type accepts."""

import math

import pytest

from model_runtime.values import FeatureType, Value, read_value, shown


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("int", 3, 3),
        ("int", 3.0, 3),
        ("int", -(2**62), -(2**62)),
        ("float", 3, 3.0),
        ("float", 0.1, 0.1),
        ("str", "", ""),
        ("str", "süß", "süß"),
        ("bool", False, False),
    ],
)
def test_accepts(kind: FeatureType, given: object, expected: Value) -> None:
    value = read_value(kind, given)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("int", "3", "must be an integer, got '3'"),
        ("int", 3.5, "must be an integer, got 3.5"),
        ("int", True, "must be an integer, got true"),
        ("int", math.inf, "must be an integer, got inf"),
        ("float", math.nan, "must be a number, got nan"),
        ("float", -math.inf, "must be a number, got -inf"),
        ("float", False, "must be a number, got false"),
        ("float", 10**400, "must be a number, got a longer integer"),
        ("float", [1.0], "must be a number, got an array"),
        ("float", {"a": 1}, "must be a number, got an object"),
        ("str", 3, "must be a string, got 3"),
        ("str", "\ud800", r"must be a string, got '\\ud800'"),
        ("str", "a\0b", r"must be a string, got 'a\\x00b'"),
        ("bool", 1, "must be true or false, got 1"),
        ("bool", None, "must be true or false, got null"),
    ],
)
def test_refuses(kind: FeatureType, given: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        read_value(kind, given)


def test_long_values_are_shortened_in_messages() -> None:
    assert shown("x" * 1_000) == "'" + "x" * 79 + "…"
