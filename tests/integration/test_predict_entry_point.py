"""The prediction function's routes, from API Gateway's event to its answer, against moto's AWS."""

import base64
import importlib
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from bakeoff.publishing import publish
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.experiments import Audit, DynamoExperimentStore
from bakeoff_core.stores.models import DynamoModelRegistry
from bakeoff_core.stores.objects import S3ObjectStore
from tests.support import LambdaContextFake

EXAMPLES = Path(__file__).parents[2] / "examples" / "models" / "recommendation"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
FEATURES: dict[str, Any] = json.loads((EXAMPLES / "v1" / "metadata.json").read_text())["probe"]["features"]


class Function:
    """The function as API Gateway invokes it."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        answer = self.answer(method, path, body, **headers)
        return answer["statusCode"], json.loads(answer["body"])

    def answer(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"content-type": "application/json", **headers},
            "requestContext": {"stage": "$default", "http": {"method": method, "path": path}},
            "body": body if isinstance(body, str) else None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer: dict[str, Any] = self._handler(event, LambdaContextFake())
        return answer


def create_table(name: str) -> Any:
    return boto3.resource("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "name", "AttributeType": "S"},
            {"AttributeName": "item", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}],
    )


def experiment(name: str, *groups: dict[str, Any], **changes: Any) -> Experiment:
    document = {"name": name, "groups": groups, "status": "running", "created_at": NOW, "updated_at": NOW}
    return Experiment.model_validate(document | changes)


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    environment = {
        "BAKEOFF_EXPERIMENTS_TABLE": "experiments",
        "BAKEOFF_MODELS_TABLE": "models",
        "BAKEOFF_MODEL_BUCKET": "models",
        "BAKEOFF_EVENT_STREAM": "events",
        "BAKEOFF_CONFIGURATION_MAX_AGE_SECONDS": "0",
        "BAKEOFF_SHADOW_BUDGET_SECONDS": "5",
        "POWERTOOLS_METRICS_NAMESPACE": "Bakeoff",
    }
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("tmp")))
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setenv("BAKEOFF_FALLBACK_QUEUE", boto3.client("sqs").create_queue(QueueName="fallback")["QueueUrl"])
        boto3.client("s3").create_bucket(Bucket="models")
        boto3.client("kinesis").create_stream(StreamName="events", ShardCount=1)
        experiments = DynamoExperimentStore(create_table("experiments"))
        registry = DynamoModelRegistry(create_table("models"))
        for version, alias in (("v1", "champion"), ("v2", None), ("v3", None)):
            publish(
                "recommendation",
                version,
                (EXAMPLES / version / "model.onnx").read_bytes(),
                json.loads((EXAMPLES / version / "metadata.json").read_text()),
                registry=registry,
                objects=S3ObjectStore(boto3.client("s3"), "models"),
                clock=lambda: NOW,
                alias=alias,
            )
        control = {"name": "control", "weight": 0, "model_name": "recommendation", "model_version": "v1"}
        treatment = {"name": "treatment", "weight": 1, "model_name": "recommendation", "model_version": "v2"}
        for created in (
            experiment("ranking", control, treatment),
            experiment(
                "shadowed",
                control,
                treatment | {"shadow_model_name": "recommendation", "shadow_model_version": "v1"},
            ),
            experiment("unsampled", control, treatment, sample_rate=0),
            experiment("broken", control, treatment | {"model_version": "v9"}),
            experiment("pricing", {"name": "control", "weight": 1}, {"name": "cheap", "weight": 1}),
        ):
            experiments.put(created, Audit("test", "create", NOW))
        yield Function(importlib.reload(importlib.import_module("predict")).handler)


def recorded() -> list[dict[str, Any]]:
    kinesis = boto3.client("kinesis")
    shard = kinesis.list_shards(StreamName="events")["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName="events", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    return [
        json.loads(record["Data"]) for record in kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    ]


def test_root_names_the_service(function: Function) -> None:
    status, body = function.call("GET", "/")
    assert status == 200
    assert (body["service"], body["status"]) == ("bakeoff", "running")
    assert set(body) == {"service", "version", "status", "timestamp"}


def test_every_answer_carries_the_request_id_and_the_time(function: Function) -> None:
    headers = function.answer("GET", "/health", **{"x-request-id": "abc"})["headers"]
    assert headers["X-Request-ID"] == "abc"
    assert float(headers["X-Process-Time"]) >= 0


def test_health_counts_models(function: Function) -> None:
    status, body = function.call("GET", "/health")
    assert status == 200
    assert (body["status"], body["model_count"], body["healthy_model_count"]) == ("healthy", 3, 3)


def test_models_are_listed(function: Function) -> None:
    status, body = function.call("GET", "/models")
    assert status == 200
    assert [model["model_key"] for model in body["models"]] == [
        f"recommendation:{version}" for version in ("v1", "v2", "v3")
    ]
    assert body["models"][0]["metadata"]["input_schema"]["features"][0] == {"name": "position", "type": "int"}


def test_model_is_loaded_unloaded_and_loaded_again(function: Function) -> None:
    request = {"model_name": "recommendation", "model_version": "v3"}
    assert function.call("POST", "/models/load", request)[1]["status"] == "ready"
    assert function.call("POST", "/models/unload", request)[1]["status"] == "offline"
    status, problem = function.call("POST", "/predict", request | {"data": FEATURES})
    assert (status, problem["detail"]) == (503, "model recommendation:v3 is unavailable: it was taken offline")
    assert function.call("POST", "/models/load", request)[1]["status"] == "ready"
    assert function.call("POST", "/predict", request | {"data": FEATURES})[0] == 200


def test_model_of_a_running_experiment_stays(function: Function) -> None:
    status, problem = function.call("POST", "/models/unload", {"model_name": "recommendation", "model_version": "v2"})
    assert status == 409
    assert "running experiment" in problem["detail"]


def test_prediction(function: Function) -> None:
    request = {"model_name": "recommendation", "data": FEATURES, "request_id": "r-1"}
    status, body = function.call("POST", "/predict", request)
    assert status == 200
    assert body["probabilities"] == pytest.approx([0.9956381, 0.0043619], abs=1e-6)
    assert body.pop("latency_ms") > 0
    assert datetime.fromisoformat(body.pop("timestamp")).tzinfo == UTC
    body.pop("probabilities")
    assert body == {
        "request_id": "r-1",
        "prediction": 0,
        "model_name": "recommendation",
        "model_version": "v1",
        "experiment_group": None,
    }


def test_array_in_the_schemas_order_and_features_instead_of_data(function: Function) -> None:
    named = function.call("POST", "/predict", {"model_name": "recommendation", "features": FEATURES})[1]
    request: dict[str, Any] = {"model_name": "recommendation", "data": list(FEATURES.values())}
    assert function.call("POST", "/predict", request)[1]["probabilities"] == named["probabilities"]
    request = {"model_name": "recommendation", "data": {"position": 9}, "features": FEATURES}
    assert function.call("POST", "/predict", request)[1]["probabilities"] == named["probabilities"]


def test_batch_prediction(function: Function) -> None:
    rows = [FEATURES, FEATURES | {"affinity": "x"}, FEATURES]
    status, body = function.call("POST", "/batch_predict", {"model_name": "recommendation", "data": rows})
    assert status == 200
    assert (body["total"], body["success"], body["failed"]) == (3, 2, 1)
    assert body["results"][1] == {"error": "data[1].affinity: must be a number, got 'x'", "index": 1}
    assert body["results"][0]["probabilities"] == body["results"][2]["probabilities"]


def test_experiment_prediction_records_exposure_and_prediction(function: Function) -> None:
    request = {"user_id": "user-77", "experiment_name": "ranking", "features": FEATURES, "context": {"country": "JP"}}
    status, body = function.call("POST", "/ab_test/predict", request)
    assert status == 200
    assert (body["experiment_group"], body["model_version"], body["fallback"]) == ("treatment", "v2", False)
    exposure, prediction = [event for event in recorded() if event.get("user_id") == "user-77"]
    assert (exposure["event_type"], prediction["event_type"]) == ("exposure", "prediction")
    for event in (exposure, prediction):
        assert (event["experiment_name"], event["group_name"], event["config_version"]) == ("ranking", "treatment", 1)
    assert prediction["model_version"] == "v2"
    assert prediction["metadata"]["features"] == FEATURES
    assert prediction["metadata"]["probabilities"] == body["probabilities"]


def test_unit_outside_the_experiment_gets_the_control_model_and_no_group(function: Function) -> None:
    request = {"user_id": "user-78", "experiment_name": "unsampled", "features": FEATURES}
    status, body = function.call("POST", "/ab_test/predict", request)
    assert status == 200
    assert (body["experiment_group"], body["model_version"]) == (None, "v1")
    assert [event for event in recorded() if event.get("user_id") == "user-78"] == []


def test_failing_model_gives_way_to_the_control(function: Function) -> None:
    request = {"user_id": "user-79", "experiment_name": "broken", "features": FEATURES}
    status, body = function.call("POST", "/ab_test/predict", request)
    assert status == 200
    assert (body["experiment_group"], body["model_version"], body["fallback"]) == ("treatment", "v1", True)


def test_experiment_without_models_points_to_assign(function: Function) -> None:
    request = {"user_id": "user-80", "experiment_name": "pricing", "features": FEATURES}
    status, problem = function.call("POST", "/ab_test/predict", request)
    assert status == 409
    assert "/ab_test/assign" in problem["detail"]


def test_body_may_come_in_base64(function: Function) -> None:
    handler = function._handler
    event = {
        "version": "2.0",
        "rawPath": "/predict",
        "rawQueryString": "",
        "headers": {},
        "requestContext": {"stage": "$default", "http": {"method": "POST", "path": "/predict"}},
        "body": base64.b64encode(json.dumps({"model_name": "recommendation", "data": FEATURES}).encode()).decode(),
        "isBase64Encoded": True,
    }
    assert handler(event, LambdaContextFake())["statusCode"] == 200


GOOD = {"model_name": "recommendation", "data": FEATURES}
GOOD_IN_EXPERIMENT = {"user_id": "u", "experiment_name": "ranking", "features": FEATURES}


@pytest.mark.parametrize(
    ("path", "body", "status", "loc"),
    [
        ("/predict", None, 400, "body"),
        ("/predict", "{", 400, "body"),
        ("/predict", [], 400, "body"),
        ("/predict", '{"model_name": "recommendation", "data": {"affinity": NaN}}', 400, "body"),
        ("/predict", GOOD | {"model_name": "a/b"}, 400, "model_name"),
        ("/predict", GOOD | {"data": None}, 400, "data"),
        ("/predict", GOOD | {"data": {}}, 400, "data"),
        ("/predict", GOOD | {"data": "x"}, 400, "data"),
        ("/predict", GOOD | {"data": FEATURES | {"position": 1.5}}, 400, "data.position"),
        ("/predict", GOOD | {"data": FEATURES | {"position": 2**70}}, 400, "data.position"),
        ("/predict", GOOD | {"data": FEATURES | {"affinity": 1e39}}, 400, "data.affinity"),
        ("/predict", GOOD | {"features": FEATURES | {"colour": "red"}}, 400, "features.colour"),
        ("/predict", GOOD | {"version": "v1"}, 400, "version"),
        ("/predict", GOOD | {"request_id": ""}, 400, "request_id"),
        ("/predict", GOOD | {"model_version": "v9"}, 404, None),
        ("/batch_predict", GOOD, 400, "data"),
        ("/batch_predict", GOOD | {"data": []}, 400, "data"),
        ("/batch_predict", GOOD | {"data": [1] * 10_001}, 413, None),
        ("/ab_test/predict", GOOD_IN_EXPERIMENT | {"user_id": ""}, 400, "user_id"),
        ("/ab_test/predict", GOOD_IN_EXPERIMENT | {"features": None}, 400, "features"),
        ("/ab_test/predict", GOOD_IN_EXPERIMENT | {"features": {}}, 400, "features"),
        ("/ab_test/predict", GOOD_IN_EXPERIMENT | {"context": []}, 400, "context"),
        ("/ab_test/predict", GOOD_IN_EXPERIMENT | {"experiment_name": "nowhere"}, 404, None),
        ("/models/load", {}, 400, "model_name"),
        ("/models/load", {"model_name": "pricing"}, 404, None),
        ("/models/unload", {"model_name": "recommendation", "model_version": 1}, 400, "model_version"),
    ],
)
def test_bad_input_is_refused_and_named(function: Function, path: str, body: Any, status: int, loc: str | None) -> None:
    answer = function.answer("POST", path, body)
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["status"]) == (status, status)
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    if loc is not None:
        assert [error["loc"] for error in problem["errors"]] == [loc]
    assert "Traceback" not in answer["body"]


def test_features_missing_from_a_request_are_all_named(function: Function) -> None:
    _, problem = function.call("POST", "/predict", GOOD | {"data": {"affinity": 1}})
    assert [error["loc"] for error in problem["errors"]] == [f"data.{name}" for name in FEATURES if name != "affinity"]


def columns(features: dict[str, Any]) -> list[dict[str, Any]]:
    """The features as the inference protocol's tensors, one a feature."""
    datatypes: dict[type, str] = {str: "BYTES", int: "INT64", float: "FP32"}
    schema = json.loads((EXAMPLES / "v1" / "metadata.json").read_text())["input_schema"]["features"]
    kinds = {"str": str, "int": int, "float": float}
    return [
        {
            "name": feature["name"],
            "shape": [1, 1],
            "datatype": datatypes[kinds[feature["type"]]],
            "data": [features[feature["name"]]],
        }
        for feature in schema
    ]


def test_tensors_get_what_features_get(function: Function) -> None:
    status, body = function.call("POST", "/v2/models/recommendation/infer", {"inputs": columns(FEATURES), "id": "i-1"})
    assert status == 200
    assert (body["model_name"], body["model_version"], body["id"]) == ("recommendation", "v1", "i-1")
    outputs = {output["name"]: output for output in body["outputs"]}
    predicted = function.call("POST", "/predict", GOOD)[1]
    assert outputs["probabilities"]["data"] == predicted["probabilities"]
    assert outputs["label"]["data"] == [predicted["prediction"]]


def test_inference_in_an_experiment_is_recorded_with_its_shadow(function: Function) -> None:
    request = {
        "inputs": columns(FEATURES),
        "parameters": {"user_id": "user-90", "country": "JP"},
        "outputs": [{"name": "label"}],
    }
    status, body = function.call("POST", "/v2/models/shadowed/infer", request)
    assert status == 200
    assert body["parameters"] == {"experiment": "shadowed", "group": "treatment", "fallback": False}
    exposure, prediction = [event for event in recorded() if event.get("user_id") == "user-90"]
    assert exposure["metadata"]["context"] == {"country": "JP"}
    assert prediction["metadata"]["features"]["position"] == [[FEATURES["position"]]]
    assert prediction["metadata"]["prediction"] == {"label": [0]}
    shadow = prediction["metadata"]["shadow"]
    assert (shadow["model_name"], shadow["model_version"], shadow["prediction"]) == (
        "recommendation",
        "v1",
        {"label": [0]},
    )


def test_unit_outside_an_experiment_infers_with_the_control(function: Function) -> None:
    request = {"inputs": columns(FEATURES), "parameters": {"user_id": "user-91"}}
    status, body = function.call("POST", "/v2/models/unsampled/infer", request)
    assert (status, body["model_version"], body["parameters"]) == (200, "v1", {"experiment": "unsampled"})


@pytest.mark.parametrize(
    ("path", "parameters", "status", "message"),
    [
        ("models/pricing/infer", {"user_id": "u"}, 409, "POST /ab_test/assign"),
        ("models/nowhere/infer", {"user_id": "u"}, 404, "no experiment is called 'nowhere'"),
        ("models/ranking/versions/v1/infer", {"user_id": "u"}, 400, "those have no versions here"),
        ("models/ranking/infer", {"user_id": ""}, 400, "user_id: must not be empty"),
        ("models/ranking/infer", {"user_id": 1.5}, 400, "user_id: must be a string or an integer"),
        ("models/ranking/infer", {}, 404, "no model 'ranking'"),
    ],
)
def test_inference_that_cannot_be_is_refused(
    function: Function, path: str, parameters: Any, status: int, message: str
) -> None:
    answer = function.call("POST", f"/v2/{path}", {"inputs": columns(FEATURES), "parameters": parameters})
    assert answer[0] == status
    assert list(answer[1]) == ["error"]
    assert message in answer[1]["error"]


def test_server_is_not_ready_without_its_registry(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    assert function.call("GET", "/v2/health/ready") == (200, {"ready": True})

    def fail(_self: object) -> None:
        raise DependencyUnavailable("the model registry")

    monkeypatch.setattr(DynamoModelRegistry, "list", fail)
    assert function.call("GET", "/v2/health/ready") == (
        503,
        {"error": "the model registry is unavailable at the moment"},
    )
    assert function.call("GET", "/v2/health/live") == (200, {"live": True})
