"""What is known of a model version: its features, its outputs, and a row that proves it."""

from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    NonNegativeFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from model_runtime.distributions import TrainingSample
from model_runtime.values import FeatureType, Value, read_value

Label = bool | int | float | str


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Feature(_Document):
    """One input of the model, by the name that callers use.

    A feature with a default may be left out of a request; one without may not.
    """

    name: str = Field(min_length=1)
    type: FeatureType
    default: bool | int | float | str | None = None

    @field_validator("default")
    @classmethod
    def _fits_the_type(cls, default: Value | None, info: ValidationInfo) -> Value | None:
        kind = info.data.get("type")
        return default if default is None or kind is None else read_value(kind, default)


class InputSchema(_Document):
    """The features in the order in which the model takes them."""

    features: tuple[Feature, ...] = Field(min_length=1)

    @field_validator("features")
    @classmethod
    def _names_are_unique(cls, features: tuple[Feature, ...]) -> tuple[Feature, ...]:
        names = [feature.name for feature in features]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"must name each feature once, but repeats {', '.join(repeated)}")
        return features


class OutputSchema(_Document):
    """Which of the model's outputs are the prediction and the probabilities.

    Without a prediction output, the class of the highest probability is the prediction. Without a
    probability output, the model has no probabilities, as a regressor.
    """

    prediction: str | None = None
    probabilities: str | None = None

    @model_validator(mode="after")
    def _names_an_output(self) -> Self:
        if self.prediction is None and self.probabilities is None:
            raise ValueError("must name the output of the prediction or of the probabilities")
        return self


class Probe(_Document):
    """A row of features and what the model must answer to it.

    Probabilities and real-valued predictions may differ by the tolerance, absolute and relative.
    """

    features: dict[str, JsonValue]
    prediction: JsonValue
    probabilities: tuple[FiniteFloat, ...] | None = None
    tolerance: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] = 1e-5


def _no_booleans_among_numbers(value: Any) -> Any:
    if isinstance(value, dict) and any(isinstance(entry, bool) for entry in value.values()):
        raise ValueError("must hold numbers only")
    return value


Numbers = Annotated[dict[str, FiniteFloat], BeforeValidator(_no_booleans_among_numbers)]


class ModelMetadata(_Document):
    """A model version's metadata, as `metadata.json` holds them beside `model.onnx`.

    `class_labels` are in the order of the probabilities. `max_batch_size` is the most
    rows that one request may hold; `min_memory_mb` is the least memory of a function that may load the model.
    """

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    created_at: AwareDatetime
    framework: str
    description: str = ""
    input_schema: InputSchema
    output_schema: OutputSchema
    class_labels: tuple[Label, ...] | None = Field(default=None, min_length=2)
    performance_metrics: Numbers = {}
    feature_importance: Numbers = {}
    dependencies: dict[str, str] = {}
    probe: Probe
    training_sample: TrainingSample | None = None
    max_batch_size: PositiveInt | None = None
    min_memory_mb: PositiveInt | None = None

    @model_validator(mode="after")
    def _probabilities_have_labels(self) -> Self:
        if self.output_schema.probabilities is not None and self.class_labels is None:
            raise ValueError("class_labels: must name the classes of the probabilities, in their order")
        return self
