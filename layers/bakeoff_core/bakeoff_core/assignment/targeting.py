"""Targeting: which contexts an experiment is for, in GrowthBook's MongoDB-style condition language.

`{"country": {"$in": ["DE", "AT"]}, "age": {"$gte": 18}}` holds for a context whose attributes meet
every line. A plain value means equality; a dotted name reaches into nested objects.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from bakeoff_core.assignment.patterns import compile_pattern
from bakeoff_core.assignment.versions import Version

Context: TypeAlias = Mapping[str, Any]
Condition: TypeAlias = Callable[[Context], bool]
_Test: TypeAlias = Callable[[Any], bool]

_ABSENT = object()
_DEEPEST = 20


def compile_condition(document: Mapping[str, Any]) -> Condition:
    """Compile a condition into a predicate on contexts.

    Args:
        document: Attribute names or `$and`, `$or`, `$nor`, `$not`, each with what must hold.

    Returns:
        A function of the context; an empty document holds for every context.

    Raises:
        ValueError: An operator is unknown, its operand has the wrong form, or the nesting is too deep; it
            says of which attribute.
    """
    if _depth(document) > _DEEPEST:
        raise ValueError(f"must not be nested deeper than {_DEEPEST} levels")
    return _condition(document)


def _condition(document: Mapping[str, Any]) -> Condition:
    match [_clause(key, operand) for key, operand in document.items()]:
        case [_Attribute(name, test), _Attribute(other_name, other_test)]:
            return lambda context: test(context.get(name, _ABSENT)) and other_test(context.get(other_name, _ABSENT))
        case conditions:
            return _both_of(conditions) or (lambda context: all(condition(context) for condition in conditions))


def _both_of(tests: Sequence[Callable[[Any], bool]]) -> Callable[[Any], bool] | None:
    """Spare one or two tests, which is what most conditions have, the cost of a generator."""
    match tests:
        case [only]:
            return only
        case [first, second]:
            return lambda value: first(value) and second(value)
        case _:
            return None


@dataclass(frozen=True, slots=True)
class _Attribute:
    """What must hold for an attribute of the context itself; two of them are what most conditions are made of."""

    name: str
    test: _Test

    def __call__(self, context: Context) -> bool:
        return self.test(context.get(self.name, _ABSENT))


def _clause(key: str, operand: Any) -> Condition:
    if key == "$not":
        inner = _condition(_object(key, operand))
        return lambda context: not inner(context)
    if key in _COMBINE:
        combine = _COMBINE[key]
        parts = [_condition(_object(key, part)) for part in _list(key, operand)]
        return lambda context: combine(part(context) for part in parts)
    if key.startswith("$"):
        raise ValueError(f"unknown operator {key}")
    with _saying(f"{key}: "):
        test = _attribute_test(operand)
    path = key.split(".")
    return (lambda context: test(_look_up(context, path))) if len(path) > 1 else _Attribute(key, test)


@contextmanager
def _saying(where: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{where}{error}") from None


def _attribute_test(operand: Any) -> _Test:
    if _has_operators(operand):
        tests = [_operator_test(name, value) for name, value in operand.items()]
        return _both_of(tests) or (lambda value: all(test(value) for test in tests))
    return _operator_test("$eq", operand)


def _has_operators(operand: Any) -> bool:
    return isinstance(operand, Mapping) and any(name.startswith("$") for name in operand)


def _operator_test(name: str, operand: Any) -> _Test:
    make = _OPERATORS.get(name)
    if make is None:
        raise ValueError(f"unknown operator {name}, known are {', '.join(sorted({*_OPERATORS, *_COMBINE}))}")
    return make(name, operand)


def _equals(_name: str, operand: Any) -> _Test:
    return lambda value: _same(value, operand)


def _in(name: str, operand: Any) -> _Test:
    options = _list(name, operand)

    def holds_one(value: Any) -> bool:
        candidates = value if isinstance(value, list) else [value]
        return any(_same(candidate, option) for candidate in candidates for option in options)

    texts = frozenset(option for option in options if isinstance(option, str))
    # A text is the same as texts alone, and those are found at once.
    return lambda value: value in texts if type(value) is str else holds_one(value)


def _compare(compare: Callable[[Any, Any], bool]) -> Callable[[str, Any], _Test]:
    def make(name: str, operand: Any) -> _Test:
        if isinstance(operand, bool) or not isinstance(operand, int | float | str):
            raise ValueError(f"{name} takes a number or a string")
        kinds = (str,) if isinstance(operand, str) else (int, float)
        return lambda value: type(value) in kinds and compare(value, operand)

    return make


def _compare_versions(compare: Callable[[Any, Any], bool]) -> Callable[[str, Any], _Test]:
    def make(name: str, operand: Any) -> _Test:
        if not isinstance(operand, str):
            raise ValueError(f"{name} takes a version as a string")
        with _saying(f"{name} takes a version, "):
            wanted = Version.parse(operand)

        def test(value: Any) -> bool:
            try:
                return isinstance(value, str) and compare(Version.parse(value), wanted)
            except ValueError:
                return False

        return test

    return make


def _regex(name: str, operand: Any) -> _Test:
    if not isinstance(operand, str):
        raise ValueError(f"{name} takes a pattern as a string")
    with _saying(f"{name} "):
        matches = compile_pattern(operand)
    return lambda value: isinstance(value, str) and matches(value)


def _all(name: str, operand: Any) -> _Test:
    tests = [_attribute_test(wanted) for wanted in _list(name, operand)]
    return lambda value: isinstance(value, list) and all(any(map(test, value)) for test in tests)


def _element_match(name: str, operand: Any) -> _Test:
    test: _Test = (
        _attribute_test(operand) if _has_operators(operand) else _of_object(_condition(_object(name, operand)))
    )
    return lambda value: isinstance(value, list) and any(map(test, value))


def _of_object(condition: Condition) -> _Test:
    return lambda value: isinstance(value, Mapping) and condition(value)


def _size(name: str, operand: Any) -> _Test:
    if not _has_operators(operand) and (isinstance(operand, bool) or not isinstance(operand, int)):
        raise ValueError(f"{name} takes a whole number or an object of operators")
    test = _attribute_test(operand)
    return lambda value: isinstance(value, list) and test(len(value))


def _type(name: str, operand: Any) -> _Test:
    if not isinstance(operand, str) or operand not in _TYPES:
        raise ValueError(f"{name} takes one of {', '.join(_TYPES)}")
    return _TYPES[operand]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, _Test] = {
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, Mapping),
    "null": lambda value: value is None,
    "undefined": lambda value: value is _ABSENT,
}


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
    "$type": _type,
    "$regex": _regex,
    "$all": _all,
    "$elemMatch": _element_match,
    "$size": _size,
    "$veq": _compare_versions(operator.eq),
    "$vne": _negate(_compare_versions(operator.eq)),
    "$vgt": _compare_versions(operator.gt),
    "$vgte": _compare_versions(operator.ge),
    "$vlt": _compare_versions(operator.lt),
    "$vlte": _compare_versions(operator.le),
    "$not": lambda _name, operand: _negate(lambda _inner, inner: _attribute_test(inner))("$not", operand),
}


def _same(value: Any, operand: Any) -> bool:
    # Python holds True == 1; JSON does not.
    if isinstance(value, bool) or isinstance(operand, bool):
        return value is operand
    if value is _ABSENT:
        return operand is None
    return bool(value == operand)


def _depth(document: Any) -> int:
    deepest, stack = 0, [(document, 1)]
    while stack:
        value, depth = stack.pop()
        deepest = max(deepest, depth)
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        stack.extend((each, depth + 1) for each in inner)
    return deepest


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
