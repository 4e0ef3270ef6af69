"""One feature of a row: checked, and replaced where its declaration says so."""

import math
from collections.abc import Sequence
from threading import Lock
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from model_runtime.arrays import Shape, flatten, read_elements, to_array
from model_runtime.errors import ModelRefused
from model_runtime.schema import Feature
from model_runtime.values import Value, read_value, shown

FeatureValue: TypeAlias = Value | npt.NDArray[Any]
Trouble: TypeAlias = Literal["missing", "wrong_type", "out_of_range"]

Interval: TypeAlias = tuple[float, float]
"""The least and the greatest number."""

_ANY_NUMBER: Interval = (-math.inf, math.inf)


class FeatureReader:
    """Reads one feature's values, and counts what was wrong with them.

    Args:
        feature: What is declared.
        limits: The least and the greatest number that the model's input holds.
        shape: The dimensions that the model's input asks for; the feature's own where it asks for none.

    Raises:
        ModelRefused: The input cannot hold the default or a category.
    """

    def __init__(self, feature: Feature, limits: Interval | None = None, shape: Shape | None = None) -> None:
        self.name = feature.name
        self._feature = feature
        self._shape = tuple(feature.shape if shape is None else shape)
        self._interval = _interval(feature, limits or _ANY_NUMBER)
        # Whatever is one of the categories is in range.
        self._numeric = (
            feature.type in {"int", "float"} and self._interval != _ANY_NUMBER and feature.categories is None
        )
        self._categories = None if feature.categories is None else frozenset(feature.categories)
        _check_fit(feature, limits or _ANY_NUMBER)
        self._default = self._made_default()
        self._troubles: dict[Trouble, int] = {}
        self._lock = Lock()

    @property
    def interval(self) -> Interval:
        """The least and the greatest number that is in range."""
        return self._interval

    def read(self, given: object) -> FeatureValue:
        """Check one value.

        Args:
            given: What the caller gave; None where that was nothing.

        Raises:
            ValueError: The value is refused; the text says what was wanted.
        """
        if given is None or (type(given) is float and given != given):  # noqa: PLR0124 - NaN is what differs from itself
            return self._missing()
        return self._read_array(given) if self._shape else self._read_value(given)

    def take_troubles(self) -> dict[Trouble, int]:
        """Say how often a value was missing, of another type or out of range since this was last asked."""
        with self._lock:
            troubles, self._troubles = self._troubles, {}
        return troubles

    def _read_value(self, given: object) -> FeatureValue:
        feature = self._feature
        try:
            value = read_value(feature.type, given)
        except ValueError as error:
            return self._replaced("wrong_type", feature.on_wrong_type, error)
        if self._numeric:
            low, high = self._interval
            if not low <= value <= high:  # type: ignore[operator] # a number, by its type
                return self._beyond(value)
        elif self._categories is not None and value not in self._categories:
            return self._replaced("out_of_range", feature.on_out_of_range, ValueError(self._wanted([value])))
        return value

    def _beyond(self, value: Value) -> FeatureValue:
        if self._feature.on_out_of_range == "clip":
            self._count("out_of_range")
            return self._clipped(value)
        return self._replaced("out_of_range", self._feature.on_out_of_range, ValueError(self._wanted([value])))

    def _read_array(self, given: object) -> FeatureValue:
        feature = self._feature
        try:
            elements, lengths = flatten(given, self._shape)
            holes = [index for index, element in enumerate(elements) if element is None] if None in elements else []
            values = read_elements(feature.type, self._filled(elements, holes))
        except ValueError as error:
            return self._replaced("wrong_type", feature.on_wrong_type, error)
        if holes:
            self._count("missing")
        beyond = self._elements_beyond(values)
        if beyond:
            if feature.on_out_of_range != "clip":
                return self._replaced("out_of_range", feature.on_out_of_range, ValueError(self._wanted(beyond)))
            self._count("out_of_range")
            values = [self._clipped(value) for value in values]
        array = to_array(feature.type, values, lengths)
        if holes:
            array.reshape(-1)[holes] = math.nan
        return array

    def _filled(self, elements: list[Any], holes: Sequence[int]) -> list[Any]:
        if not holes or self._feature.missing_action != "nan":
            return elements  # a null is then of another type
        # NaN passes no check, so until the others have passed theirs a value that passes takes its place.
        filler = next(iter(self._categories or (max(self._interval[0], min(0.0, self._interval[1])),)))
        filled = list(elements)
        for index in holes:
            filled[index] = filler
        return filled

    def _elements_beyond(self, values: Sequence[Value]) -> list[Value]:
        if self._numeric and values:
            low, high = self._interval
            if low <= min(values) and max(values) <= high:  # type: ignore[operator] # numbers, by their type
                return []
            return [value for value in values if not low <= value <= high]  # type: ignore[operator]
        if self._categories is not None:
            return [value for value in values if value not in self._categories]
        return []

    def _missing(self) -> FeatureValue:
        action = self._feature.missing_action
        if action == "nan":
            self._count("missing")
            return np.full(self._nan_shape(), math.nan) if self._shape else math.nan
        no_default = "" if self._feature.default is not None else ", and has no default"
        return self._replaced("missing", action, ValueError(f"is missing{no_default}"))

    def _nan_shape(self) -> tuple[int, ...]:
        # A length that may vary is 1 where there is nothing that says otherwise.
        return tuple(length or 1 for length in self._shape)

    def _replaced(self, trouble: Trouble, action: str, error: ValueError) -> FeatureValue:
        self._count(trouble)
        if action != "default" or self._default is None:
            raise error
        return self._default

    def _count(self, trouble: Trouble) -> None:
        with self._lock:
            self._troubles[trouble] = self._troubles.get(trouble, 0) + 1

    def _clipped(self, value: Value) -> Value:
        low, high = self._interval
        if self._feature.type == "int":
            low, high = math.ceil(low) if low > -math.inf else low, math.floor(high) if high < math.inf else high
        return min(max(value, low), high)

    def _wanted(self, values: Sequence[Value]) -> str:
        if self._categories is not None:
            known = ", ".join(map(shown, sorted(self._categories)))
            return f"must be one of {known}, got {shown(values[0])}"
        low, high = self._interval
        if low == -math.inf:
            return f"must be at most {high:g}, got {shown(values[0])}"
        if high == math.inf:
            return f"must be at least {low:g}, got {shown(values[0])}"
        return f"must lie between {low:g} and {high:g}, got {shown(values[0])}"

    def _made_default(self) -> FeatureValue | None:
        default: Any = self._feature.default
        if default is None or not self._shape:
            return default  # type: ignore[no-any-return] # the schema made it a value of the feature's type
        if not isinstance(default, list):
            if None in self._shape:
                return None
            lengths = tuple(length for length in self._shape if length is not None)
            return to_array(self._feature.type, [default] * math.prod(lengths), lengths)
        elements, lengths = flatten(default, self._shape)
        return to_array(self._feature.type, elements, lengths)


def _check_fit(feature: Feature, limits: Interval) -> None:
    declared: list[Any] = [feature.default, *(feature.categories or ())]
    while declared:
        value = declared.pop()
        if isinstance(value, list):
            declared.extend(value)
        elif isinstance(value, int | float) and not limits[0] <= value <= limits[1]:
            raise ModelRefused(f"feature {feature.name} declares {shown(value)}, which the model's input cannot hold")


def _interval(feature: Feature, limits: Interval) -> Interval:
    low = limits[0] if feature.minimum is None else max(limits[0], feature.minimum)
    high = limits[1] if feature.maximum is None else min(limits[1], feature.maximum)
    return low, high
