"""The hot routes, which run without FastAPI and so cannot describe themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, TypeAdapter, WithJsonSchema

from assign import AssignRequest
from bakeoff_core.events.cloudevents import BATCH, STRUCTURED, CloudEvent
from bakeoff_core.events.intake import MAX_EVENTS_A_REQUEST
from bakeoff_core.events.model import EventRequest
from inference_protocol import LENGTH_HEADER, InferBody
from prediction_bodies import ExperimentPredictRequest, ModelRequest, PredictRequest
from scripts.openapi import answers

JSON = "application/json"
PROBLEM = "application/problem+json"
BYTES = "application/octet-stream"
HTML = "text/html"

Method = Literal["get", "post"]
Content = Mapping[str, Any]
"""What a body may be: a type, or an OpenAPI schema, by its media type."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route as the document tells of it.

    Attributes:
        method: Of HTTP.
        path: With its parameters in braces.
        name: The operation's id.
        summary: What it does, in one line.
        tag: The heading that it stands under.
        answers: What a success looks like, by status and media type.
        body: What is sent, by media type.
        refusals: The status codes that the route refuses requests with, besides those that every route has.
        error: What a refusal looks like, where it is no problem document.
        headers: Descriptions of the headers that it reads, by their names.
        description: What else there is to say.
    """

    method: Method
    path: str
    name: str
    summary: str
    tag: str
    answers: Mapping[int, Content]
    body: Content = field(default_factory=dict)
    refusals: Sequence[int] = ()
    error: type[BaseModel] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


Rows = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "array", "minItems": 1}, {"type": "null"}]})]


class BatchRequest(PredictRequest):
    """Many rows, and the model that is to predict them."""

    data: Rows = None
    features: Rows = None


_EVENTS: Content = {
    JSON: TypeAdapter(EventRequest | list[EventRequest]),
    STRUCTURED: CloudEvent,
    BATCH: TypeAdapter(list[CloudEvent]),
}

_RAW = {"type": "string", "format": "binary"}

_EVALUATION = {
    "type": "object",
    "required": ["context"],
    "properties": {
        "context": {
            "type": "object",
            "description": "What is known of the unit.",
            "required": ["targetingKey"],
            "properties": {
                "targetingKey": {
                    "description": "The unit.",
                    "anyOf": [{"type": "string", "minLength": 1, "maxLength": 512}, {"type": "integer"}],
                }
            },
        }
    },
}

_SERVICE = (
    Route(
        "get",
        "/",
        "read_service",
        "Say who answers here; to a browser, with the page to sign in at",
        "service",
        {200: {JSON: answers.Service, HTML: {"type": "string"}}},
    ),
    Route("get", "/health", "read_health", "Say how models are", "service", {200: {JSON: answers.Health}}),
)

_MODELS = (
    Route(
        "get", "/models", "list_models", "List every model version", "models", {200: {JSON: answers.RegisteredModels}}
    ),
    Route(
        "post",
        "/models/load",
        "load_model",
        "Fetch a model version, verify it and run its probe row",
        "models",
        {200: {JSON: answers.RegisteredModel}},
        body={JSON: ModelRequest},
        refusals=(404,),
    ),
    Route(
        "post",
        "/models/unload",
        "unload_model",
        "Take a model version offline",
        "models",
        {200: {JSON: answers.RegisteredModel}},
        body={JSON: ModelRequest},
        refusals=(404, 409),
    ),
)

_PREDICTIONS = (
    Route(
        "post",
        "/predict",
        "predict",
        "Predict one row",
        "predictions",
        {200: {JSON: answers.PredictionAnswer}},
        body={JSON: PredictRequest},
        refusals=(404,),
    ),
    Route(
        "post",
        "/batch_predict",
        "predict_batch",
        "Predict many rows in one run",
        "predictions",
        {200: {JSON: answers.BatchAnswer}},
        body={JSON: BatchRequest},
        refusals=(404,),
    ),
    Route(
        "post",
        "/ab_test/predict",
        "predict_in_experiment",
        "Assign a unit, predict with its group's model, and record both",
        "predictions",
        {200: {JSON: answers.ExperimentPredictionAnswer}},
        body={JSON: ExperimentPredictRequest},
        refusals=(404, 409),
    ),
)

_ASSIGNMENT = (
    Route(
        "post",
        "/ab_test/assign",
        "assign",
        "Say which group a unit is in, and record its exposure",
        "assignment",
        {200: {JSON: answers.AssignmentAnswer}},
        body={JSON: AssignRequest},
        refusals=(404,),
    ),
    Route(
        "post",
        "/ofrep/v1/evaluate/flags/{key}",
        "evaluate_flag",
        "Evaluate one experiment as a feature flag",
        "assignment",
        {200: {JSON: answers.FlagEvaluation}},
        body={JSON: _EVALUATION},
        refusals=(404,),
        error=answers.EvaluationError,
        description="OpenFeature Remote Evaluation (OFREP).",
    ),
    Route(
        "post",
        "/ofrep/v1/evaluate/flags",
        "evaluate_flags",
        "Evaluate every experiment as a feature flag",
        "assignment",
        {200: {JSON: answers.FlagEvaluations}, 304: {}},
        body={JSON: _EVALUATION},
        error=answers.EvaluationError,
        headers={"If-None-Match": "The ETag of an earlier answer; while it holds, the answer is 304."},
        description="OpenFeature Remote Evaluation (OFREP).",
    ),
)

_REPORTED = (
    Route(
        "post",
        "/ab_test/events",
        "report_events",
        f"Report what users did, up to {MAX_EVENTS_A_REQUEST} events",
        "events",
        {202: {JSON: answers.EventsAnswer}},
        body=_EVENTS,
        description="A resend with the same event_id counts once. CloudEvents come in their three forms.",
    ),
)


def _of_a_model(prefix: str, suffix: str, which: str) -> tuple[Route, ...]:
    about = f"a model{which}"
    return (
        Route(
            "get",
            prefix,
            f"describe_model{suffix}",
            f"Describe {about}",
            "inference",
            {200: {JSON: answers.ModelDescription}},
            refusals=(404,),
            error=answers.InferenceError,
        ),
        Route(
            "get",
            f"{prefix}/ready",
            f"check_model{suffix}",
            f"Say whether {about} can answer",
            "inference",
            {200: {JSON: answers.ModelReady}},
            refusals=(404,),
            error=answers.InferenceError,
        ),
        Route(
            "post",
            f"{prefix}/infer",
            f"infer{suffix}",
            f"Predict with {about}",
            "inference",
            {200: {JSON: answers.InferenceAnswer, BYTES: _RAW}},
            body={JSON: InferBody, BYTES: _RAW},
            refusals=(404, 409),
            error=answers.InferenceError,
            headers={LENGTH_HEADER: "How many bytes of the body are JSON, where raw tensors follow them."},
        ),
    )


_INFERENCE = (
    Route(
        "get",
        "/v2",
        "read_inference_server",
        "Describe the inference server",
        "inference",
        {200: {JSON: answers.InferenceServer}},
        error=answers.InferenceError,
    ),
    Route(
        "get",
        "/v2/",
        "read_inference_server_at_slash",
        "Describe the inference server",
        "inference",
        {200: {JSON: answers.InferenceServer}},
        error=answers.InferenceError,
    ),
    Route(
        "get",
        "/v2/health/live",
        "check_live",
        "Say whether the server runs",
        "inference",
        {200: {JSON: answers.Live}},
        error=answers.InferenceError,
    ),
    Route(
        "get",
        "/v2/health/ready",
        "check_ready",
        "Say whether the server can answer",
        "inference",
        {200: {JSON: answers.Ready}},
        error=answers.InferenceError,
    ),
    *_of_a_model("/v2/models/{model}", "", ", or with an experiment's where a unit is named"),
    *_of_a_model("/v2/models/{model}/versions/{version}", "_version", " version"),
)

HOT_ROUTES: tuple[Route, ...] = (*_SERVICE, *_MODELS, *_PREDICTIONS, *_ASSIGNMENT, *_REPORTED, *_INFERENCE)
"""Every route that is answered without FastAPI, save the one that refuses unknown paths below /v2."""
