"""Bodies of the prediction routes."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, WithJsonSchema

from bakeoff_core.errors import InvalidInput, PayloadTooLarge
from bakeoff_core.validation import FiniteJson, Name, UnitId
from model_runtime.outputs import Prediction
from model_serving import Answer, BatchAnswer

RequestId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


# The model's own schema says which of them it takes.
Values = Annotated[
    Any,
    WithJsonSchema(
        {"anyOf": [{"type": "object", "minProperties": 1}, {"type": "array", "minItems": 1}, {"type": "null"}]}
    ),
]
"""An object of named features, or an array."""

MAX_BODY_BYTES = 5 * 1024**2
"""A body that is in base64, as API Gateway hands over what is no text, is a third larger for Lambda."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class ModelRequest(_Body):
    """Which version is to be loaded or unloaded."""

    model_name: Name
    model_version: Name | None = None


class PredictRequest(_Body):
    """One row or many, and the model that is to predict them.

    The model's own schema checks the values, so they are taken as they come here.
    """

    model_name: Name
    model_version: Name | None = None
    data: Values = None
    features: Values = None
    request_id: RequestId | None = None

    @property
    def loc(self) -> str:
        """The name of the field that holds the values."""
        return "data" if self.features is None else "features"

    @property
    def engineered(self) -> bool:
        """Whether the values go around a feature pipeline."""
        return self.features is not None

    @property
    def values(self) -> object:
        """Engineered features where there are any, else the data.

        Raises:
            InvalidInput: There are neither.
        """
        if self.data is None and self.features is None:
            raise InvalidInput.of("data", "is required: an object of named features, or an array")
        return self.data if self.features is None else self.features

    @property
    def rows(self) -> list[object]:
        """The values as a list of rows.

        Raises:
            InvalidInput: They are missing, no array, or an empty one.
        """
        rows = self.values
        if not isinstance(rows, list):
            raise InvalidInput.of(self.loc, "must be an array of rows")
        if not rows:
            raise InvalidInput.of(self.loc, "must not be empty")
        return rows


class ExperimentPredictRequest(_Body):
    """Whose features are to be predicted, in which experiment."""

    user_id: UnitId
    experiment_name: Name
    features: Values
    context: dict[str, FiniteJson] = {}
    request_id: RequestId | None = None


def check_bytes(body: str | bytes) -> None:
    """Refuse a body that is too large.

    Raises:
        PayloadTooLarge: It is.
    """
    size = len(body) if isinstance(body, bytes) or body.isascii() else len(body.encode(errors="surrogatepass"))
    if size > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"body: at most {MAX_BODY_BYTES} bytes are accepted, got {size}")


def answer_body(answer: Answer, request_id: str, timestamp: str, experiment_group: str | None) -> dict[str, Any]:
    """Write the answer to a prediction request."""
    return {
        "request_id": request_id,
        "prediction": answer.prediction.prediction,
        "probabilities": answer.prediction.probabilities,
        "model_name": answer.model.name,
        "model_version": answer.model.version,
        "latency_ms": answer.latency_ms,
        "timestamp": timestamp,
        "experiment_group": experiment_group,
    }


def batch_answer_body(answer: BatchAnswer, request_id: str, timestamp: str) -> dict[str, Any]:
    """Write the answer to a batch request; a bad row has its error in its place."""
    results: list[dict[str, Any]] = [
        {"index": index, "prediction": outcome.prediction, "probabilities": outcome.probabilities}
        if isinstance(outcome, Prediction)
        else {"error": str(outcome), "index": index}
        for index, outcome in enumerate(answer.outcomes)
    ]
    failed = sum("error" in result for result in results)
    return {
        "request_id": request_id,
        "model_name": answer.model.name,
        "model_version": answer.model.version,
        "latency_ms": answer.latency_ms,
        "timestamp": timestamp,
        "experiment_group": None,
        "total": len(results),
        "success": len(results) - failed,
        "failed": failed,
        "results": results,
    }
