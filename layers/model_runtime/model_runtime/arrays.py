"""One feature's value that is an array: nested lists, as JSON writes them."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from model_runtime.values import FeatureType, Value, read_value, shown

Shape: TypeAlias = Sequence[int | None]
"""The length of each dimension, None where it may vary."""

_JSON_TYPES: dict[FeatureType, frozenset[type]] = {
    "float": frozenset({float, int}),
    "int": frozenset({int}),
    "bool": frozenset({bool}),
}


def flatten(value: object, shape: Shape) -> tuple[list[Any], tuple[int, ...]]:
    """Write nested lists out in row-major order.

    Args:
        value: What the caller gave.
        shape: The dimensions that it must have.

    Returns:
        The elements, unchecked, and the length of each dimension.

    Raises:
        ValueError: The lists are not nested so, or not equally long where they should be.
    """
    level: list[Any] = [value]
    lengths: list[int] = []
    for length in shape:
        if not all(isinstance(each, list) for each in level):
            got = "" if isinstance(value, list) else f", got {shown(value)}"
            raise ValueError(f"must be an array of the shape {written(shape)}{got}")
        found = {len(each) for each in level}
        if len(found) > 1 or (length is not None and found != {length}):
            raise ValueError(f"must be an array of the shape {written(shape)}")
        lengths.append(found.pop() if found else length or 0)
        level = list(chain.from_iterable(level))
    return level, tuple(lengths)


def read_elements(kind: FeatureType, elements: list[Any]) -> list[Value]:
    """Check each element against a type, as `read_value` does.

    Raises:
        ValueError: An element is of another type; the text says which.
    """
    # Most arrays are long and right, and what JSON gave is then what the type wants.
    if kind in _JSON_TYPES and kind != "float" and set(map(type, elements)) <= _JSON_TYPES[kind]:
        return elements
    if kind == "float" and set(map(type, elements)) <= _JSON_TYPES["float"]:
        numbers = _floats(elements)
        if numbers is not None:
            return numbers
    checked: list[Value] = []
    for index, element in enumerate(elements):
        try:
            checked.append(read_value(kind, element))
        except ValueError as error:
            raise ValueError(f"element {index} {error}") from None
    return checked


def to_array(kind: FeatureType, elements: list[Value], lengths: tuple[int, ...]) -> npt.NDArray[Any]:
    """Make an array of checked elements, wide enough for each of them."""
    return _flat(kind, elements).reshape(lengths)


def written(shape: Shape) -> str:
    """Write a shape in a message: [2, any]."""
    return f"[{', '.join('any' if length is None else str(length) for length in shape)}]"


def _floats(elements: list[Any]) -> list[Value] | None:
    try:
        array = np.array(elements, np.float64)
    except OverflowError:
        return None
    return array.tolist() if bool(np.isfinite(array).all()) else None


def _flat(kind: FeatureType, elements: list[Value]) -> npt.NDArray[Any]:
    if kind == "float":
        return np.array(elements, np.float64)
    if kind == "bool":
        return np.array(elements, np.bool_)
    if kind == "str":
        return np.array(elements, np.object_)
    try:
        return np.array(elements, np.int64)
    except OverflowError:
        return np.array(elements, np.uint64)
