"""The assigning function while AWS is down, slow or throttling."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.endpoint import Endpoint
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from moto import mock_aws
from urllib3 import HTTPResponse

import assign
from bakeoff_core.settings import Settings
from bakeoff_core.stores.experiments import Audit, DynamoExperimentStore
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.target_users import TargetUserLists
from tests.aws import create_experiments_table
from tests.support import NOON, experiment, http_event

USER = {"user_id": "user-1", "experiment_name": "checkout_button"}
THROTTLED = {
    "Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow down"},
    "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {}},
}


@dataclass
class Faults:
    """What each service suffers from: down, slow or throttling."""

    of: dict[str, str] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    def answer(self, service: str) -> tuple[Any, Exception | None] | None:
        self.calls[service] = self.calls.get(service, 0) + 1
        url = f"https://{service}.us-east-1.amazonaws.com"
        match self.of.get(service):
            case "down":
                return None, EndpointConnectionError(endpoint_url=url)
            case "slow":
                return None, ReadTimeoutError(endpoint_url=url)
            case "throttling":
                return (
                    AWSResponse(url, 400, HTTPHeaders(), HTTPResponse(BytesIO(b"{}"), preload_content=False)),
                    THROTTLED,
                ), None
            case _:
                return None


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Faults that the SDK meets in the place of an answer, so that its own retries are made.

    Only in this thread: another suite's stand-in may be polling in threads of its own.
    """
    faults, answered = Faults(), Endpoint._do_get_response  # type: ignore[attr-defined]
    suffering = threading.get_ident()

    def answer(endpoint: Endpoint, request: Any, operation_model: Any, context: Any) -> Any:
        here = threading.get_ident() == suffering
        fault = faults.answer(operation_model.service_model.service_name) if here else None
        return fault or answered(endpoint, request, operation_model, context)

    monkeypatch.setattr(Endpoint, "_do_get_response", answer)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    return faults


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        create_experiments_table()
        boto3.client("kinesis").create_stream(StreamName="events", ShardCount=1)
        boto3.client("s3").create_bucket(Bucket="models")
        boto3.client("sqs").create_queue(QueueName="fallback")
        put(experiment())
        yield


def put(configuration: Any) -> None:
    DynamoExperimentStore(boto3.resource("dynamodb").Table("experiments")).put(
        configuration, Audit("test", "create", NOON)
    )


@pytest.fixture
def function(aws: None) -> Any:
    settings = Settings(
        experiments_table="experiments",
        model_bucket="models",
        event_stream="events",
        fallback_queue=boto3.client("sqs").get_queue_url(QueueName="fallback")["QueueUrl"],
        configuration_max_age_seconds=0,
    )
    return assign._build_api(settings)


def post(function: Any, path: str = "/ab_test/assign", body: Any = USER) -> tuple[int, dict[str, Any]]:
    answer = function.resolve(http_event("POST", path, json.dumps(body)))
    return answer["statusCode"], json.loads(answer["body"])


def streamed() -> list[dict[str, Any]]:
    kinesis = boto3.client("kinesis")
    shard = kinesis.list_shards(StreamName="events")["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(StreamName="events", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
    return [json.loads(record["Data"]) for record in records]


def queued() -> list[dict[str, Any]]:
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="fallback")["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def metric(output: str, name: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in output.splitlines() if '"_aws"' in line]
    return [line for line in lines if name in line]


def test_while_all_is_well_the_exposure_is_on_the_stream(function: Any) -> None:
    status, answer = post(function)
    assert (status, answer["group_name"]) == (200, "treatment")
    assert [(event["user_id"], event["group_name"], event["propensity"]) for event in streamed()] == [
        ("user-1", "treatment", 0.5)
    ]
    assert queued() == []


@pytest.mark.parametrize("fault", ["down", "slow", "throttling"])
def test_the_last_known_configuration_serves_while_the_table_fails(
    function: Any, faults: Faults, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = post(function)
    put(experiment(version=1, status="stopped"))
    faults.of["dynamodb"] = fault
    assert post(function) == before
    (stale,) = metric(capsys.readouterr().out, "stale_configuration_total")
    assert (stale["experiment"], stale["stale_configuration_total"]) == ("checkout_button", [1.0])
    faults.of.clear()
    assert post(function)[1]["reason"] == "not_running"


@pytest.mark.parametrize("fault", ["down", "slow", "throttling"])
def test_a_configuration_that_was_never_read_is_missed(function: Any, faults: Faults, fault: str) -> None:
    faults.of["dynamodb"] = fault
    status, problem = post(function)
    assert (status, problem["detail"]) == (503, "the experiment table is unavailable at the moment")
    assert faults.calls["dynamodb"] == 2
    flag = post(function, "/ofrep/v1/evaluate/flags/checkout_button", {"context": {"targetingKey": "user-1"}})
    assert flag == (500, {"errorDetails": "the experiment table is unavailable at the moment"})


@pytest.mark.parametrize("fault", ["down", "slow", "throttling"])
def test_an_exposure_that_the_stream_refuses_goes_to_the_fallback_queue(
    function: Any, faults: Faults, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    faults.of["kinesis"] = fault
    status, answer = post(function)
    assert (status, answer["group_name"]) == (200, "treatment")
    assert faults.calls["kinesis"] == 2
    (event,) = queued()
    assert (event["event_type"], event["user_id"], event["group_name"]) == ("exposure", "user-1", "treatment")
    assert event["metadata"]["assignment_id"] == answer["assignment_id"]
    output = capsys.readouterr().out
    assert [line["fallback_queue_total"] for line in metric(output, "fallback_queue_total")] == [[1.0]]
    faults.of.clear()
    assert streamed() == []


def test_with_both_down_the_answer_goes_out_and_a_log_line_carries_the_exposure(
    function: Any, faults: Faults, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    faults.of |= {"kinesis": "down", "sqs": "down"}
    status, answer = post(function)
    assert (status, answer["group_name"]) == (200, "treatment")
    (lost,) = metric(capsys.readouterr().out, "event_rejected_total")
    assert (lost["event_type"], lost["event_rejected_total"]) == ("exposure", [1.0])
    (line,) = [record for record in caplog.records if "event" in vars(record)]
    assert (line.levelname, line.message) == ("ERROR", "event lost to stream and fallback queue")
    event = vars(line)["event"]
    assert (event["user_id"], event["group_name"], event["propensity"]) == ("user-1", "treatment", 0.5)
    assert "metadata" not in event


def test_target_users_out_of_reach_leave_the_last_known_ones(
    function: Any, faults: Faults, capsys: pytest.CaptureFixture[str]
) -> None:
    lists = TargetUserLists(S3ObjectStore(boto3.client("s3"), "models"))
    put(experiment(name="listed", target_user_list=lists.keep(["user-1"])))
    listed = USER | {"experiment_name": "listed"}
    assert post(function, body=listed)[1]["assigned"] is True
    put(experiment(name="listed", version=1, target_user_list=lists.keep(["user-2"])))
    put(experiment(name="unread", target_user_list=lists.keep(["user-3"])))
    faults.of["s3"] = "down"
    assert post(function, body=listed)[1]["assigned"] is True
    assert [line["experiment"] for line in metric(capsys.readouterr().out, "stale_configuration_total")] == ["listed"]
    status, problem = post(function, body=USER | {"experiment_name": "unread"})
    assert (status, problem["detail"]) == (503, "the object store is unavailable at the moment")
    status, flags = post(function, "/ofrep/v1/evaluate/flags", {"context": {"targetingKey": "user-1"}})
    assert [flag.get("reason", flag.get("errorCode")) for flag in flags["flags"]] == [
        "SPLIT",
        "TARGETING_MATCH",
        "GENERAL",
    ]
    faults.of.clear()
    assert post(function, body=listed)[1]["reason"] == "not_targeted"


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_an_answer_comes_in_time_while_the_stream_and_the_queue_never_answer(
    aws: None, black_hole: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", black_hole)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", black_hole)
    settings = Settings(
        experiments_table="experiments", event_stream="events", fallback_queue=f"{black_hole}/123456789012/fallback"
    )
    function = assign._build_api(settings)
    started = time.monotonic()
    assert post(function)[0] == 200
    assert time.monotonic() - started < 6
    assert "event lost to stream and fallback queue" in caplog.messages


def test_a_table_that_never_answers_is_given_up_in_time(
    aws: None, black_hole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", black_hole)
    function = assign._build_api(Settings(experiments_table="experiments"))
    started = time.monotonic()
    assert post(function)[0] == 503
    assert time.monotonic() - started < 6
