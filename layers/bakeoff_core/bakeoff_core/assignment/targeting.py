"""Targeting: which contexts an experiment is for, in GrowthBook's MongoDB-style condition language.

`{"country": {"$in": ["DE", "AT"]}, "age": {"$gte": 18}}` holds for a context whose attributes meet
every line. A plain value means equality; a dotted name reaches into nested objects.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Context: TypeAlias = Mapping[str, Any]
Condition: TypeAlias = Callable[[Context], bool]
_Test: TypeAlias = Callable[[Any], bool]

_ABSENT = object()


def compile_condition(document: Mapping[str, Any]) -> Condition:
    """Compile a condition into a predicate on contexts.

    Args:
        document: Attribute names or `$and`, `$or`, `$nor`, `$not`, each with what must hold.

    Returns:
        A function of the context; an empty document holds for every context.

    Raises:
        ValueError: An operator is unknown or its operand has the wrong form.
    """
    conditions = [_clause(key, operand) for key, operand in document.items()]
    return lambda context: all(condition(context) for condition in conditions)


def _clause(key: str, operand: Any) -> Condition:
    if key == "$not":
        inner = compile_condition(_object(key, operand))
        return lambda context: not inner(context)
    if key in _COMBINE:
        combine = _COMBINE[key]
        parts = [compile_condition(_object(key, part)) for part in _list(key, operand)]
        return lambda context: combine(part(context) for part in parts)
    if key.startswith("$"):
        raise ValueError(f"unknown operator {key}")
    test = _attribute_test(operand)
    path = key.split(".")
    return lambda context: test(_look_up(context, path))


def _attribute_test(operand: Any) -> _Test:
    if isinstance(operand, Mapping) and any(name.startswith("$") for name in operand):
        tests = [_operator_test(name, value) for name, value in operand.items()]
        return lambda value: all(test(value) for test in tests)
    return _operator_test("$eq", operand)


def _operator_test(name: str, operand: Any) -> _Test:
    make = _OPERATORS.get(name)
    if make is None:
        raise ValueError(f"unknown operator {name}, known are {', '.join(sorted([*_OPERATORS, *_COMBINE]))}")
    return make(name, operand)


def _equals(_name: str, operand: Any) -> _Test:
    return lambda value: _same(value, operand)


def _in(name: str, operand: Any) -> _Test:
    options = _list(name, operand)
    return lambda value: any(
        _same(candidate, option) for candidate in (value if isinstance(value, list) else [value]) for option in options
    )


def _compare(compare: Callable[[Any, Any], bool]) -> Callable[[str, Any], _Test]:
    def make(name: str, operand: Any) -> _Test:
        if isinstance(operand, bool) or not isinstance(operand, int | float | str):
            raise ValueError(f"{name} takes a number or a string")
        kind = str if isinstance(operand, str) else (int, float)
        return lambda value: isinstance(value, kind) and not isinstance(value, bool) and compare(value, operand)

    return make


def _exists(name: str, operand: Any) -> _Test:
    if not isinstance(operand, bool):
        raise ValueError(f"{name} takes true or false")
    return lambda value: (value is not _ABSENT and value is not None) is operand


def _negate(make: Callable[[str, Any], _Test]) -> Callable[[str, Any], _Test]:
    def negated(name: str, operand: Any) -> _Test:
        test = make(name, operand)
        return lambda value: not test(value)

    return negated


_COMBINE: dict[str, Callable[[Any], bool]] = {"$and": all, "$or": any, "$nor": lambda parts: not any(parts)}

_OPERATORS: dict[str, Callable[[str, Any], _Test]] = {
    "$eq": _equals,
    "$ne": _negate(_equals),
    "$in": _in,
    "$nin": _negate(_in),
    "$gt": _compare(operator.gt),
    "$gte": _compare(operator.ge),
    "$lt": _compare(operator.lt),
    "$lte": _compare(operator.le),
    "$exists": _exists,
    "$not": lambda _name, operand: _negate(lambda _inner, inner: _attribute_test(inner))("$not", operand),
}


def _same(value: Any, operand: Any) -> bool:
    # Python holds True == 1; JSON does not.
    if isinstance(value, bool) or isinstance(operand, bool):
        return value is operand
    if value is _ABSENT:
        return operand is None
    return bool(value == operand)


def _look_up(context: Context, path: Sequence[str]) -> Any:
    value: Any = context
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return _ABSENT
        value = value[step]
    return value


def _list(name: str, operand: Any) -> list[Any]:
    if not isinstance(operand, list):
        raise ValueError(f"{name} takes a list")
    return operand


def _object(name: str, operand: Any) -> Mapping[str, Any]:
    if not isinstance(operand, Mapping):
        raise ValueError(f"{name} takes an object")
    return operand
