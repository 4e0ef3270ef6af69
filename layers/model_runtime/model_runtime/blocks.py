"""Blocks: many rows of plain numbers, read and checked all at once."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from model_runtime.features import Interval
from model_runtime.packing import packed
from model_runtime.schema import Feature, InputSchema

Block: TypeAlias = npt.NDArray[Any]
"""Checked values, one row a row and one feature a column, in the schema's order."""

# What JSON gives for a feature of each type that holds numbers, none of which needs a closer look.
_TYPES: dict[str, frozenset[type]] = {"float": frozenset({float, int}), "int": frozenset({int})}
_DTYPES: dict[str, type[np.number[Any]]] = {"float": np.float64, "int": np.int64}
_FEWEST_FEATURES = 2
_FEWEST_ALIKE = 2  # rows; one alone is read by its names sooner than its order is found out
_LEAST, _GREATEST = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class BlockReader:
    """Reads rows whose features are all single numbers of one type, wherever nothing is wrong with any of them.

    Attributes:
        names: The features, in the schema's order.
        types: What their values may be.
        dtype: What holds them.
        lows: The least number of each feature.
        highs: The greatest.
        common: Both, where they are the same for all features, which is compared faster.
        in_order: The places of values that stand in the schema's order.
        ordered: The features, as the names of an object are listed.
        ignores_extra: Whether names of no feature are passed over.
        pick: Takes the values out of an object of named features, in the schema's order.
    """

    names: tuple[str, ...]
    types: frozenset[type]
    dtype: type[np.number[Any]]
    lows: Block
    highs: Block
    common: tuple[np.number[Any], np.number[Any]] | None
    in_order: list[int]
    ordered: list[str]
    ignores_extra: bool
    pick: Callable[[Any], tuple[object, ...]]

    @classmethod
    def of(cls, schema: InputSchema, intervals: Sequence[Interval]) -> Self | None:
        """Make a reader, or None where the features are not all single numbers of one type.

        Args:
            schema: The features.
            intervals: The least and the greatest number of each.
        """
        kinds = {feature.type for feature in schema.features}
        if len(schema.features) < _FEWEST_FEATURES or len(kinds) > 1 or not all(map(_is_number, schema.features)):
            return None
        (kind,) = kinds
        lows, highs = zip(*(_whole(interval) if kind == "int" else interval for interval in intervals), strict=True)
        dtype = _DTYPES[kind]
        names = tuple(feature.name for feature in schema.features)
        return cls(
            names=names,
            types=_TYPES[kind],
            dtype=dtype,
            lows=np.array(lows, dtype),
            highs=np.array(highs, dtype),
            common=(dtype(lows[0]), dtype(highs[0])) if len({*zip(lows, highs, strict=True)}) == 1 else None,
            in_order=list(range(len(names))),
            ordered=list(names),
            ignores_extra=schema.on_extra == "ignore",
            pick=itemgetter(*names),
        )

    def read(self, rows: Sequence[object]) -> Block | None:
        """Read rows.

        Args:
            rows: Each an object of named features or an array in the schema's order.

        Returns:
            Their values, or None where one of them must be looked at on its own: something is missing, unknown, of
            another type or out of range.
        """
        if not rows:
            return None
        columns = self._columns_of(rows)
        try:
            block = self._of_each(rows) if columns is None else self._of_all(rows, columns)
        except OverflowError:
            return None
        return block if block is not None and self._in_range(block) else None

    def _of_each(self, rows: Sequence[object]) -> Block | None:
        values: list[Sequence[object]] = []
        for row in rows:
            in_order = self._in_order(row)
            if in_order is None or not self.types.issuperset(map(type, in_order)):
                return None
            values.append(in_order)
        return np.array(values, self.dtype)

    def _of_all(self, rows: Sequence[Any], columns: list[int]) -> Block | None:
        """Read objects that all name the features in one order."""
        values = packed([*chain.from_iterable(map(dict.values, rows))], self.dtype)
        if values is None:
            return None
        block = values.reshape(len(rows), -1)
        return block if columns == self.in_order else block[:, columns]

    def _columns_of(self, rows: Sequence[Any]) -> list[int] | None:
        """Say where each feature stands in the values of objects that all name the features alone, in one order."""
        if len(rows) < _FEWEST_ALIKE or type(rows[0]) is not dict or len(rows[0]) != len(self.names):
            return None
        order = list(rows[0])
        if set(map(type, rows)) != {dict} or not all(map(order.__eq__, map(list, rows))):
            return None
        if order == self.ordered:
            return self.in_order
        places = {name: place for place, name in enumerate(order)}
        try:
            return [places[name] for name in self.names]
        except KeyError:
            return None

    def _in_range(self, block: Block) -> bool:
        # The extremes of what holds a NaN are NaN, which is in no range.
        if self.common is not None:
            low, high = self.common
            return bool(low <= np.minimum.reduce(block, axis=None) and np.maximum.reduce(block, axis=None) <= high)
        return bool(
            (self.lows <= np.minimum.reduce(block, axis=0)).all()
            and (np.maximum.reduce(block, axis=0) <= self.highs).all()
        )

    def _in_order(self, row: object) -> Sequence[object] | None:
        if type(row) is list:
            return row if len(row) == len(self.names) else None
        if type(row) is not dict or not (self.ignores_extra or len(row) == len(self.names)):
            return None
        try:
            return self.pick(row)
        except KeyError:
            return None


def _is_number(feature: Feature) -> bool:
    return feature.type in _TYPES and not feature.shape and feature.categories is None


def _whole(interval: Interval) -> tuple[int, int]:
    """Find the least and the greatest integer within, so that large ones are compared exactly."""
    low, high = interval
    return (
        _LEAST if low <= _LEAST else math.ceil(low),
        _GREATEST if high >= _GREATEST else math.floor(high),
    )
