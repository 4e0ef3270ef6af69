"""What goes into a model and what comes out of it, as its owner declares it."""

from collections.abc import Iterator
from typing import Any, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from model_runtime.values import FeatureType, read_value

OnMissing: TypeAlias = Literal["error", "default", "nan"]
OnWrongType: TypeAlias = Literal["error", "default"]
OnOutOfRange: TypeAlias = Literal["error", "default", "clip"]
OnExtra: TypeAlias = Literal["error", "ignore"]

Bound: TypeAlias = int | FiniteFloat


class Document(BaseModel):
    """A part of a model's metadata."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class SparseDocument(Document):
    """A part that is written without what it leaves as it is by default: there may be thousands of it."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        return {
            name: value
            for name, value in written.items()
            if fields[name].is_required() or getattr(self, name) != fields[name].get_default()
        }


class Feature(SparseDocument):
    """One feature of the model, by the name that callers use.

    Attributes:
        name: The feature's name; its position in the schema where none is given.
        type: What a value is, or each element of it.
        shape: The dimensions of one row's value; empty for a single value, null where a length may vary.
        input: The model's input that the feature fills. Without it that is the input of the feature's own
            name, or the model's only one.
        batch_axis: The axis of that input which counts the rows.
        default: Stands in for a value where an action below says so. A single value fills a whole shape.
        minimum: The least number that is in range; without it that is the least that the input's type holds.
        maximum: The greatest number that is in range.
        categories: The only values that are in range.
        on_missing: What is done where the value is absent, null or NaN: `error` refuses the row, `default` takes
            the default, `nan` hands NaN to the model. Without it: the default where there is one, else an error.
        on_wrong_type: What is done with a value of another type.
        on_out_of_range: What is done with a value out of range; `clip` takes the nearest that is within.
    """

    name: str = Field(min_length=1)
    type: FeatureType
    shape: tuple[PositiveInt | None, ...] = ()
    input: str | None = Field(default=None, min_length=1)
    batch_axis: NonNegativeInt = 0
    default: JsonValue = None
    minimum: Bound | None = None
    maximum: Bound | None = None
    categories: tuple[bool | int | float | str, ...] | None = Field(default=None, min_length=1)
    on_missing: OnMissing | None = None
    on_wrong_type: OnWrongType = "error"
    on_out_of_range: OnOutOfRange = "error"

    @property
    def missing_action(self) -> OnMissing:
        """What is done where the value is missing."""
        return self.on_missing or ("error" if self.default is None else "default")

    @model_validator(mode="before")
    @classmethod
    def _values_of_the_type(cls, document: Any) -> Any:
        """Give the default and the categories the feature's type, so that 0 is 0.0 for a float."""
        if not isinstance(document, dict) or document.get("type") not in {"int", "float", "str", "bool"}:
            return document
        kind: FeatureType = document["type"]
        changed = dict(document)
        if document.get("default") is not None:
            changed["default"] = _typed(kind, document["default"], "default")
        if isinstance(document.get("categories"), list | tuple):
            changed["categories"] = [_typed(kind, each, "categories") for each in document["categories"]]
        return changed

    @model_validator(mode="after")
    def _declares_what_can_be_done(self) -> Self:
        numeric = self.type in {"int", "float"}
        if (self.minimum is not None or self.maximum is not None) and not numeric:
            raise ValueError("minimum and maximum are for numbers")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum must not be above maximum")
        if self.categories is not None and (self.minimum is not None or self.maximum is not None):
            raise ValueError("categories leave nothing for minimum and maximum to say")
        if self.on_out_of_range == "clip" and (not numeric or self.categories is not None):
            raise ValueError("on_out_of_range: clip is for numbers without categories")
        if self.on_missing == "nan" and self.type != "float":
            raise ValueError("on_missing: nan is for floats")
        for field in ("on_missing", "on_wrong_type", "on_out_of_range"):
            if getattr(self, field) == "default" and self.default is None:
                raise ValueError(f"{field}: there is no default")
        if self.batch_axis > len(self.shape):
            raise ValueError(f"batch_axis: must be at most {len(self.shape)}, the number of the shape's dimensions")
        self._check_default()
        return self

    def _check_default(self) -> None:
        if isinstance(self.default, list):
            _check_shape(self.default, self.shape)
        elif self.default is not None and None in self.shape:
            raise ValueError("default: a single value fills no shape of varying length")
        for value in _elements(self.default):
            low = self.minimum is not None and value < self.minimum
            high = self.maximum is not None and value > self.maximum
            if low or high or (self.categories is not None and value not in self.categories):
                raise ValueError("default: is out of range")


class InputSchema(SparseDocument):
    """The features in the order in which the model takes them; a feature without a name is called its position."""

    features: tuple[Feature, ...] = Field(min_length=1)
    on_extra: OnExtra = "error"

    @field_validator("features", mode="before")
    @classmethod
    def _positions_for_names(cls, features: Any) -> Any:
        if not isinstance(features, list | tuple):
            return features
        return [
            {"name": str(position), **feature} if isinstance(feature, dict) else feature
            for position, feature in enumerate(features)
        ]

    @field_validator("features")
    @classmethod
    def _names_are_unique(cls, features: tuple[Feature, ...]) -> tuple[Feature, ...]:
        names: set[str] = set()
        repeated: set[str] = set()
        for feature in features:
            (repeated if feature.name in names else names).add(feature.name)
        if repeated:
            raise ValueError(f"must name each feature once, but repeats {', '.join(sorted(repeated))}")
        return features


class OutputSchema(SparseDocument):
    """Which of the model's outputs are the prediction and the probabilities.

    Without a prediction output, the class of the highest probability is the prediction. Without a
    probability output, the model has no probabilities, as a regressor. Several prediction outputs make the
    prediction an object of them. `batch_axes` says which axis counts the rows where it is not the first.
    """

    prediction: str | tuple[str, ...] | None = None
    probabilities: str | None = None
    batch_axes: dict[str, NonNegativeInt] = {}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs that are read, the predictions' first."""
        predictions = (self.prediction,) if isinstance(self.prediction, str) else self.prediction or ()
        return predictions if self.probabilities is None else (*predictions, self.probabilities)

    @model_validator(mode="after")
    def _names_an_output(self) -> Self:
        if not self.outputs:
            raise ValueError("must name the output of the prediction or of the probabilities")
        if len(set(self.outputs)) != len(self.outputs):
            raise ValueError("must name each output once")
        if unread := sorted(self.batch_axes.keys() - set(self.outputs)):
            raise ValueError(f"batch_axes: {', '.join(unread)} is no output that is named here")
        return self


def _typed(kind: FeatureType, value: Any, field: str) -> Any:
    if isinstance(value, list):
        return [_typed(kind, each, field) for each in value]
    try:
        return read_value(kind, value)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def _elements(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _elements(each)
    elif value is not None:
        yield value


def _check_shape(value: Any, shape: tuple[int | None, ...]) -> None:
    if not shape:
        if isinstance(value, list):
            raise ValueError("default: has more dimensions than the shape")
        return
    if not isinstance(value, list) or shape[0] not in {None, len(value)}:
        raise ValueError("default: does not have the shape")
    for each in value:
        _check_shape(each, shape[1:])
