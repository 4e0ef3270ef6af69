"""What is known of a model version: its features, its outputs, and a row that proves it."""

from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    FiniteFloat,
    JsonValue,
    NonNegativeFloat,
    PositiveInt,
    StringConstraints,
    model_validator,
)

from model_runtime.distributions import TrainingSample
from model_runtime.schema import Document, Feature, InputSchema, OutputSchema

__all__ = ["Feature", "InputSchema", "Label", "ModelMetadata", "OutputSchema", "Probe"]

Label = bool | int | float | str

_VERSION_PATTERN = r"^[A-Za-z0-9._-]{1,128}:[A-Za-z0-9._-]{1,128}$"


class Probe(Document):
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


class ModelMetadata(Document):
    """A model version's metadata, as `metadata.json` holds them beside `model.onnx`.

    `class_labels` are in the order of the probabilities. `max_batch_size` is the most
    rows that one request may hold; `min_memory_mb` is the least memory of a function that may load the model.

    `feature_pipeline` is another published version, `name:version`, whose outputs are this model's inputs: of the
    same names, or the only one for the only one. A request's `data` go through it; `features` are those of the
    input schema here, and go around it. The probe row is of that kind: it proves this model alone.
    """

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    created_at: AwareDatetime
    framework: str
    description: str = ""
    input_schema: InputSchema
    output_schema: OutputSchema
    class_labels: tuple[Label, ...] | None = Field(default=None, min_length=2)
    performance_metrics: Numbers = Field(default={})
    feature_importance: Numbers = Field(default={})
    dependencies: dict[str, str] = Field(default={})
    probe: Probe
    training_sample: TrainingSample | None = None
    max_batch_size: PositiveInt | None = None
    min_memory_mb: PositiveInt | None = None
    feature_pipeline: Annotated[str, StringConstraints(pattern=_VERSION_PATTERN)] | None = None

    @model_validator(mode="after")
    def _probabilities_have_labels(self) -> Self:
        if self.output_schema.probabilities is not None and self.class_labels is None:
            raise ValueError("class_labels: must name the classes of the probabilities, in their order")
        return self

    @model_validator(mode="after")
    def _pipeline_is_another_version(self) -> Self:
        if self.feature_pipeline == f"{self.name}:{self.version}":
            raise ValueError("feature_pipeline: must be another version")
        return self
