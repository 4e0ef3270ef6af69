"""What the hot routes answer, as models for the OpenAPI document.

The hot routes write their answers as plain dictionaries, which costs them nothing; that the two agree is tested by
sending generated requests to every route and checking each answer against the document.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from bakeoff_core.assignment.assigner import Reason
from bakeoff_core.stores.models import ModelStatus
from bakeoff_core.validation import Name

Probability = Annotated[float, Field(gt=0, le=1)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class ErrorOfField(_Answer):
    """One field that is wrong, and why."""

    loc: str
    msg: str


class Problem(_Answer):
    """What went wrong, as RFC 9457 says it."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: Annotated[list[ErrorOfField], Field(description="The fields of a bad body, and why.")] = []


class GatewayMessage(_Answer):
    """API Gateway's own answer to a request that no function saw or answered."""

    message: str


class Service(_Answer):
    """Who answers here."""

    service: Literal["bakeoff"]
    version: str
    status: Literal["running"]
    timestamp: AwareDatetime


class Health(_Answer):
    """How many model versions are ready; one that is unhealthy makes the whole `degraded`."""

    status: Literal["healthy", "degraded"]
    timestamp: AwareDatetime
    uptime_seconds: Annotated[float, Field(ge=0)]
    model_count: Annotated[int, Field(ge=0)]
    healthy_model_count: Annotated[int, Field(ge=0)]


class RegisteredModel(_Answer):
    """A registered model version and its present standing."""

    model_key: Annotated[str, Field(description="`name:version`")]
    status: ModelStatus
    reason: str | None
    registered_at: AwareDatetime
    loaded_at: AwareDatetime | None
    sha256: str
    size_bytes: Annotated[int, Field(ge=0)]
    metadata: dict[str, JsonValue]


class RegisteredModels(_Answer):
    """Every registered model version."""

    models: list[RegisteredModel]


class PredictionAnswer(_Answer):
    """A prediction.

    Attributes:
        probabilities: In the order of the model's class labels; null where the model has none.
        model_version: The version that predicted, also where an alias was asked for.
        experiment_group: The group within an experiment; null outside one.
    """

    request_id: str
    prediction: JsonValue
    probabilities: list[float] | None
    model_name: Name
    model_version: Name
    latency_ms: Annotated[float, Field(ge=0)]
    timestamp: AwareDatetime
    experiment_group: Name | None


class ExperimentPredictionAnswer(PredictionAnswer):
    """A prediction within an experiment.

    Attributes:
        fallback: Whether the control's model answered because the group's own could not.
    """

    fallback: bool


class PredictedRow(_Answer):
    """The prediction of one row."""

    index: Annotated[int, Field(ge=0)]
    prediction: JsonValue
    probabilities: list[float] | None


class RefusedRow(_Answer):
    """A row that could not be predicted, and why."""

    index: Annotated[int, Field(ge=0)]
    error: str


class BatchAnswer(_Answer):
    """Predictions of many rows; a bad row has its error in its place."""

    request_id: str
    model_name: Name
    model_version: Name
    latency_ms: Annotated[float, Field(ge=0)]
    timestamp: AwareDatetime
    experiment_group: None
    total: Annotated[int, Field(ge=0)]
    success: Annotated[int, Field(ge=0)]
    failed: Annotated[int, Field(ge=0)]
    results: list[PredictedRow | RefusedRow]


class AssignmentAnswer(_Answer):
    """The group of a unit, or the reason why it has none.

    Attributes:
        propensity: The probability with which a unit gets this group; null without a group, and where it was forced.
    """

    experiment_name: Name
    assigned: bool
    reason: Reason
    group_name: Name | None
    assignment_id: str | None
    model_name: Name | None
    model_version: Name | None
    parameters: dict[str, JsonValue]
    propensity: Probability | None
    config_version: Annotated[int, Field(ge=1)]


class AcceptedEvent(_Answer):
    """An event that was taken."""

    index: Annotated[int, Field(ge=0)]
    event_id: str
    status: Literal["accepted"]


class RejectedEvent(_Answer):
    """An event that was not taken, and why; one with an id may be sent again with it."""

    index: Annotated[int, Field(ge=0)]
    event_id: str | None
    status: Literal["rejected"]
    errors: list[ErrorOfField]


class EventsAnswer(_Answer):
    """What became of each event."""

    accepted: Annotated[int, Field(ge=0)]
    rejected: Annotated[int, Field(ge=0)]
    results: list[AcceptedEvent | RejectedEvent]


class FlagEvaluation(_Answer):
    """An experiment as a feature flag, for one unit; without a value the application's own default holds."""

    key: str
    reason: Literal["DISABLED", "UNKNOWN", "TARGETING_MATCH", "SPLIT"]
    variant: str
    metadata: dict[str, str | int | float | bool]
    value: JsonValue = None


class FlagFailure(_Answer):
    """A flag that cannot be evaluated, and why."""

    key: str
    errorCode: str  # noqa: N815 - OFREP's spelling
    errorDetails: str  # noqa: N815


class FlagEvaluations(_Answer):
    """Every experiment as a feature flag, for one unit."""

    flags: list[FlagEvaluation | FlagFailure]


class EvaluationError(_Answer):
    """What was wrong with an evaluation."""

    key: str | None = None
    errorCode: str | None = None  # noqa: N815
    errorDetails: str  # noqa: N815


class InferenceServer(_Answer):
    """This server, in the words of the Open Inference Protocol."""

    name: str
    version: str
    extensions: list[str]


class Live(_Answer):
    """Whether the server runs."""

    live: bool


class Ready(_Answer):
    """Whether the server can answer."""

    ready: bool


class Tensor(_Answer):
    """What a model takes or gives."""

    name: str
    datatype: str
    shape: list[Annotated[int, Field(ge=-1)]]


class ModelDescription(_Answer):
    """A model, in the words of the Open Inference Protocol."""

    name: Name
    versions: list[Name]
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


class ModelReady(_Answer):
    """Whether a model version can answer."""

    name: Name
    version: Name
    ready: bool


class OutputTensor(_Answer):
    """What a model gave: its elements, or how many bytes of them follow the JSON."""

    name: str
    datatype: str
    shape: list[Annotated[int, Field(ge=0)]]
    data: list[JsonValue] | None = None
    parameters: dict[str, JsonValue] | None = None


class InferenceAnswer(_Answer):
    """What a model made of the inputs."""

    model_name: Name
    model_version: Name
    id: str
    parameters: dict[str, JsonValue] | None = None
    outputs: list[OutputTensor]


class InferenceError(_Answer):
    """What went wrong, as the Open Inference Protocol says it."""

    error: str
