"""Rows of named or ordered features, checked by the model's schema."""

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Literal, TypeAlias

from model_runtime.arrays import Shape
from model_runtime.blocks import Block, BlockReader
from model_runtime.errors import FeatureError, InvalidFeatures
from model_runtime.features import FeatureReader, FeatureValue, Interval
from model_runtime.schema import InputSchema
from model_runtime.values import shown

_NAMES_SHOWN = 20

Limits = Mapping[str, Interval]
"""The least and the greatest number that a feature's tensor holds."""

Row: TypeAlias = list[FeatureValue] | Block
"""One value per feature, in the schema's order; of a block, its row."""

Usage: TypeAlias = dict[tuple[str, Literal["given", "missing", "wrong_type", "out_of_range"]], int]
"""How often each feature was given as it should be, and how often it was not."""


class RowReader:
    """Reads rows against a schema, and counts which features they hold.

    Args:
        schema: The features, in the model's order.
        limits: Bounds of the numeric features, by name.
        shapes: Dimensions that the model's inputs ask of features, by name.
    """

    def __init__(self, schema: InputSchema, limits: Limits, shapes: Mapping[str, Shape] | None = None) -> None:
        features = schema.features
        self._names = tuple(feature.name for feature in features)
        self._known = frozenset(self._names)
        self._ignores_extra = schema.on_extra == "ignore"
        self._readers = tuple(
            FeatureReader(feature, limits.get(feature.name), (shapes or {}).get(feature.name)) for feature in features
        )
        self._block = BlockReader.of(schema, [reader.interval for reader in self._readers])
        self._only_array = len(features) == 1 and bool(features[0].shape)
        self._rows = 0
        self._lock = Lock()

    def read(self, data: object, loc: str) -> list[FeatureValue]:
        """Order, complete and check one row.

        Args:
            data: An object of named features, or an array in the schema's order. A model with a single
                feature that is an array takes that array, too.
            loc: Where the row stands in the request, for messages.

        Returns:
            The values in the schema's order.

        Raises:
            InvalidFeatures: Names every feature that is missing, unknown, of another type or out of range,
                unless its declaration says what is to be done then.
        """
        named, errors = self._named(data, loc)
        row: list[FeatureValue] = []
        for reader in self._readers:
            try:
                row.append(reader.read(named.get(reader.name)))
            except ValueError as error:
                errors.append(FeatureError(f"{loc}.{reader.name}", str(error)))
        with self._lock:
            self._rows += 1
        if errors:
            raise InvalidFeatures(errors)
        return row

    def read_block(self, rows: Sequence[object]) -> Block | None:
        """Read rows at once, where their features are all single numbers and nothing is wrong with any of them.

        Returns:
            The values, or None where the rows must be read one by one.
        """
        block = None if self._block is None else self._block.read(rows)
        if block is not None:
            with self._lock:
                self._rows += len(block)
        return block

    def take_usage(self) -> Usage:
        """Say how the features were used since this was last asked."""
        with self._lock:
            rows, self._rows = self._rows, 0
        usage: Usage = {}
        for reader in self._readers:
            troubles = reader.take_troubles()
            usage[reader.name, "given"] = max(0, rows - sum(troubles.values()))
            for trouble, times in troubles.items():
                usage[reader.name, trouble] = times
        return {key: times for key, times in usage.items() if times}

    def _named(self, data: object, loc: str) -> tuple[Mapping[str, object], list[FeatureError]]:
        if not isinstance(data, dict | list):
            msg = f"must be an object of named features or an array of values, got {shown(data)}"
            raise InvalidFeatures([FeatureError(loc, msg)])
        if not data:
            raise InvalidFeatures([FeatureError(loc, "must not be empty")])
        if isinstance(data, list):
            return self._in_order(data, loc), []
        if self._ignores_extra or self._known.issuperset(data):
            return data, []
        unknown = [name for name in data if name not in self._known]
        return data, [FeatureError(f"{loc}.{name}", "is not a feature of the model") for name in unknown]

    def _in_order(self, data: Sequence[object], loc: str) -> Mapping[str, object]:
        if self._only_array and not (len(data) == 1 and isinstance(data[0], list)):
            return {self._names[0]: data}
        if len(data) != len(self._names):
            shown_names = ", ".join(self._names[:_NAMES_SHOWN]) + (", …" if len(self._names) > _NAMES_SHOWN else "")
            msg = f"must hold {len(self._names)} values ({shown_names}), got {len(data)}"
            raise InvalidFeatures([FeatureError(loc, msg)])
        return dict(zip(self._names, data, strict=True))
