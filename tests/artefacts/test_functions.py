"""Each built function answers a real event, with its layers and the runtime's own packages and nothing else."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakeoff_core.experiments.model import Experiment
from scripts.built_functions import Deployment
from scripts.emulator import EmulatedFunction
from scripts.example_data import EXPERIMENT, put_events, put_experiment, put_key, put_model
from tests.conftest import PROJECT_ROOT

pytestmark = [pytest.mark.build, pytest.mark.timeout(1200)]

Emulate = Callable[[str], EmulatedFunction]
ReadEvent = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def experiment(deployment: Deployment) -> Experiment:
    """A running experiment in which everybody takes part."""
    return put_experiment(deployment)


@pytest.fixture(scope="session")
def model(deployment: Deployment) -> dict[str, Any]:
    """A published example model; its metadata."""
    return put_model(deployment)


@pytest.fixture(scope="session")
def observed(deployment: Deployment, experiment: Experiment) -> dict[str, tuple[int, int]]:
    """Events in the event bucket; users and users who clicked, by group."""
    return put_events(deployment, experiment)


@pytest.mark.usefixtures("experiment")
def test_assign(emulate: Emulate, event: ReadEvent) -> None:
    answer = emulate("AssignFunction").invoke(event("assign"))
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["experiment_name"], body["assigned"]) == (200, EXPERIMENT, True)
    assert body["group_name"] in {"control", "treatment"}
    assert body["propensity"] == 0.5


@pytest.mark.usefixtures("experiment")
def test_experiments(emulate: Emulate, event: ReadEvent) -> None:
    answer = emulate("ExperimentsFunction").invoke(event("experiments"))
    assert answer["statusCode"] == 200
    assert [experiment["name"] for experiment in json.loads(answer["body"])] == [EXPERIMENT]


@pytest.mark.usefixtures("experiment")
def test_predict(emulate: Emulate, event: ReadEvent, model: dict[str, Any]) -> None:
    function = emulate("PredictFunction")

    health = function.invoke(event("predict-health"))
    assert (health["statusCode"], json.loads(health["body"])["model_count"]) == (200, 1)

    answer = function.invoke(event("predict"))
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["model_version"]) == (200, "v1")
    assert body["prediction"] == model["probe"]["prediction"]
    assert body["probabilities"] == pytest.approx(model["probe"]["probabilities"], abs=1e-6)


def test_ingest(emulate: Emulate, event: ReadEvent, deployment: Deployment) -> None:
    answer = emulate("IngestFunction").invoke(event("ingest"))
    assert answer["statusCode"] == 202
    assert json.loads(answer["body"])["results"] == [{"index": 0, "event_id": "example-click-1", "status": "accepted"}]
    assert "example-click-1" in [received["event_id"] for received in records(deployment)]


def test_deliver(emulate: Emulate, event: ReadEvent, deployment: Deployment) -> None:
    answer = emulate("DeliverFunction").invoke(event("deliver"))
    assert answer == {"batchItemFailures": []}
    arrived = "events/dt=2026-01-15/hour=10/"
    keys = [
        key for key in objects(deployment, "EventBucket", arrived) if "49590338271490256608559692538361571095" in key
    ]
    assert len(keys) == 1
    (line,) = gzip.decompress(read_object(deployment, "EventBucket", keys[0])).splitlines()
    delivered = json.loads(line)
    assert (delivered["event_id"], delivered["event_value"]) == ("example-purchase-1", 25.5)


def test_analyze(
    emulate: Emulate, event: ReadEvent, deployment: Deployment, observed: dict[str, tuple[int, int]]
) -> None:
    function = emulate("AnalyzeFunction")
    answer = function.invoke(event("analyze-direct"))
    assert ([report["experiment"] for report in answer["reports"]], answer["failed"]) == ([EXPERIMENT], [])
    assert function.invoke(event("analyze")) == {"batchItemFailures": []}
    latest = f"reports/{EXPERIMENT}/latest/"
    assert objects(deployment, "ReportBucket", latest) == [
        f"{latest}{kind}.{form}" for kind in ("dashboard", "executive", "technical") for form in ("html", "json", "md")
    ]
    report = read_object(deployment, "ReportBucket", f"{latest}technical.json")
    assert users_and_clicks(json.loads(report)) == observed


@pytest.mark.usefixtures("experiment")
def test_refresh(emulate: Emulate, event: ReadEvent) -> None:
    answer = emulate("RefreshFunction").invoke(event("refresh"))
    assert answer == {"epochs": {}, "failed": []}


def test_compact(emulate: Emulate, event: ReadEvent, deployment: Deployment) -> None:
    hour = "dt=2026-01-14/hour=09/"
    line = {"event_id": "e1", "event_type": "click", "user_id": "u1", "schema_version": 1}
    times = dict.fromkeys(("timestamp", "received_at"), "2026-01-14T09:30:00.000000Z")
    deployment.client("s3").put_object(
        Bucket=deployment.names["EventBucket"],
        Key=f"events/{hour}shardId-000000000000-8-9.ndjson.gz",
        Body=gzip.compress(f"{json.dumps(line | times)}\n".encode()),
    )
    answer = emulate("CompactFunction").invoke(event("compact"))
    assert (answer["failed"], answer["finished"]) == ([], True)
    (key,) = objects(deployment, "EventBucket", f"compacted/{hour}")
    assert read_object(deployment, "EventBucket", key).startswith(b"PAR1")


def test_reports(emulate: Emulate, event: ReadEvent, observed: dict[str, tuple[int, int]]) -> None:
    answer = emulate("ReportsFunction").invoke(event("reports"))
    assert answer["statusCode"] == 200
    assert users_and_clicks(json.loads(answer["body"])) == observed


@pytest.mark.usefixtures("experiment")
def test_dispatch(emulate: Emulate, event: ReadEvent, deployment: Deployment) -> None:
    answer = emulate("DispatchFunction").invoke(event("dispatch"))
    assert (answer["tasks"], answer["failed"]) == (1, [])
    messages = deployment.client("sqs").receive_message(QueueUrl=deployment.names["AnalysisQueue"])["Messages"]
    assert [json.loads(message["Body"])["experiment"] for message in messages] == [EXPERIMENT]


def test_authorize(emulate: Emulate, event: ReadEvent, deployment: Deployment) -> None:
    function, request = emulate("AuthorizeFunction"), event("authorize")
    assert function.invoke(request) == {"isAuthorized": False}
    key = put_key(deployment, "read")
    answer = function.invoke({**request, "headers": {**request["headers"], "x-api-key": key}})
    assert (answer["isAuthorized"], answer["context"]["scopes"]) == (True, "read")


def test_notify(emulate: Emulate, event: ReadEvent, deployment: Deployment) -> None:
    notice = event("notify")
    body = json.loads(notice["Records"][0]["body"])
    body["recipients"][0]["topic_arn"] = deployment.names["AlertTopic"]
    notice["Records"][0]["body"] = json.dumps(body)
    assert emulate("NotifyFunction").invoke(notice) == {"batchItemFailures": []}
    sent = deployment.table("NotificationsTable").scan()["Items"]
    assert body["id"] in json.dumps(sent, default=str)


@pytest.mark.usefixtures("experiment", "model", "observed")
@pytest.mark.parametrize("path", sorted((PROJECT_ROOT / "events").glob("*.json")), ids=lambda path: path.stem)
def test_every_example_event_is_answered(emulate: Emulate, path: Path) -> None:
    function = f"{path.stem.partition('-')[0].capitalize()}Function"
    answer = emulate(function).invoke(json.loads(path.read_text()))
    assert answer.get("statusCode", 200) < 400
    assert answer.get("batchItemFailures", []) == []


def users_and_clicks(results: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """By group: the users, and those who clicked."""
    return {
        name: (group["n"], group["metrics"]["click_rate"]["conversions"]) for name, group in results["groups"].items()
    }


def records(deployment: Deployment) -> list[dict[str, Any]]:
    """Everything on the event stream."""
    kinesis = deployment.client("kinesis")
    stream = deployment.names["EventStream"]
    found: list[dict[str, Any]] = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found += [json.loads(record["Data"]) for record in kinesis.get_records(ShardIterator=iterator)["Records"]]
    return found


def read_object(deployment: Deployment, bucket: str, key: str) -> bytes:
    """An object in one of the template's buckets."""
    body: bytes = deployment.client("s3").get_object(Bucket=deployment.names[bucket], Key=key)["Body"].read()
    return body


def objects(deployment: Deployment, bucket: str, prefix: str) -> list[str]:
    """The keys in one of the template's buckets."""
    pages = deployment.client("s3").get_paginator("list_objects_v2")
    return [
        entry["Key"]
        for page in pages.paginate(Bucket=deployment.names[bucket], Prefix=prefix)
        for entry in page.get("Contents", [])
    ]
