"""Rows of named or ordered features, checked by the model's schema."""

from collections.abc import Mapping

from model_runtime.errors import FeatureError, InvalidFeatures
from model_runtime.metadata import Feature, InputSchema
from model_runtime.values import Value, read_value, shown

Limits = Mapping[str, tuple[float, float]]
"""The least and the greatest number that a feature's tensor holds."""

Row = list[Value]
"""One value per feature, in the schema's order."""


class RowReader:
    """Reads rows against a schema.

    Args:
        schema: The features, in the model's order.
        limits: Bounds of the numeric features, by name.
    """

    def __init__(self, schema: InputSchema, limits: Limits) -> None:
        self._features = schema.features
        self._names = tuple(feature.name for feature in schema.features)
        self._known = frozenset(self._names)
        self._limits = limits

    def read(self, data: object, loc: str) -> Row:
        """Order, complete and check one row.

        Args:
            data: An object of named features, or an array in the schema's order. A feature that is
                absent or null takes its default.
            loc: Where the row stands in the request, for messages.

        Returns:
            The values in the schema's order.

        Raises:
            InvalidFeatures: Names every feature that is missing, unknown, of another type or out of range.
        """
        named, errors = self._named(data, loc)
        row: Row = []
        for feature in self._features:
            try:
                row.append(self._read(feature, named.get(feature.name)))
            except ValueError as error:
                errors.append(FeatureError(f"{loc}.{feature.name}", str(error)))
        if errors:
            raise InvalidFeatures(errors)
        return row

    def _named(self, data: object, loc: str) -> tuple[Mapping[str, object], list[FeatureError]]:
        if not isinstance(data, dict | list):
            msg = f"must be an object of named features or an array of values, got {shown(data)}"
            raise InvalidFeatures([FeatureError(loc, msg)])
        if not data:
            raise InvalidFeatures([FeatureError(loc, "must not be empty")])
        if isinstance(data, list):
            if len(data) != len(self._names):
                msg = f"must hold {len(self._names)} values ({', '.join(self._names)}), got {len(data)}"
                raise InvalidFeatures([FeatureError(loc, msg)])
            return dict(zip(self._names, data, strict=True)), []
        unknown = [name for name in data if name not in self._known]
        return data, [FeatureError(f"{loc}.{name}", "is not a feature of the model") for name in unknown]

    def _read(self, feature: Feature, given: object) -> Value:
        if given is None:
            if feature.default is None:
                raise ValueError("is missing, and has no default")
            return feature.default
        value = read_value(feature.type, given)
        limits = self._limits.get(feature.name)
        if limits is not None and not isinstance(value, str) and not limits[0] <= value <= limits[1]:
            raise ValueError(f"must lie between {limits[0]:g} and {limits[1]:g}, got {shown(value)}")
        return value
