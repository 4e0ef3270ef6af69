"""Queries on Athena: moto's for what it does, stubbed answers for what it does not (paging, failures, bytes)."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.stub import Stubber
from moto import mock_aws
from moto.athena.models import athena_backends

from bakeoff_core.errors import DependencyUnavailable
from engine.athena_queries import (
    AthenaPlace,
    AthenaQueries,
    Limits,
    QueryFailed,
    QueryTooExpensive,
    QueryTooSlow,
)

PLACE = AthenaPlace(workgroup="primary", database="lake", output="s3://results/athena/")


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def moto_client() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("athena", region_name="us-east-1")


@pytest.fixture
def stub() -> Iterator[Stubber]:
    with Stubber(boto3.client("athena", region_name="us-east-1")) as stubber:
        yield stubber


def queries(client: Any, time: Time, limits: Limits | None = None, place: AthenaPlace = PLACE) -> AthenaQueries:
    return AthenaQueries(client, place, limits or Limits(), monotonic=time.monotonic, sleep=time.sleep)


def row(*values: str | None) -> dict[str, Any]:
    return {"Data": [{} if value is None else {"VarCharValue": value} for value in values]}


def execution(state: str, scanned: int = 0, **status: Any) -> dict[str, Any]:
    return {
        "QueryExecution": {"Status": {"State": state} | status, "Statistics": {"DataScannedInBytes": scanned}},
    }


def started(stub: Stubber, execution_id: str = "query-1") -> None:
    stub.add_response(
        "start_query_execution",
        {"QueryExecutionId": execution_id},
        {
            "QueryString": "SELECT 1",
            "QueryExecutionContext": {"Database": "lake"},
            "WorkGroup": "primary",
            "ResultConfiguration": {"OutputLocation": "s3://results/athena/"},
        },
    )


def polled(stub: Stubber, answer: dict[str, Any], execution_id: str = "query-1") -> None:
    stub.add_response("get_query_execution", answer, {"QueryExecutionId": execution_id})


def stopped(stub: Stubber) -> None:
    stub.add_response("stop_query_execution", {}, {"QueryExecutionId": "query-1"})


def page(stub: Stubber, rows: list[dict[str, Any]], token: str | None = None, after: str | None = None) -> None:
    parameters = {"QueryExecutionId": "query-1"} | ({"NextToken": after} if after else {})
    answer: dict[str, Any] = {"ResultSet": {"Rows": rows}} | ({"NextToken": token} if token else {})
    stub.add_response("get_query_results", answer, parameters)


def test_rows_come_as_text_without_the_heading(moto_client: Any, time: Time) -> None:
    column = {"CatalogName": "hive", "Name": "n", "Type": "integer"}
    results = {"results": [{"rows": [row("n", "v"), row("1", None)], "column_info": [column]}]}
    requests.post("http://motoapi.amazonaws.com/moto-api/static/athena/query-results", json=results, timeout=5)
    assert list(queries(moto_client, time).rows("SELECT n FROM t")) == [("1", None)]
    (ran,) = athena_backends["123456789012"]["us-east-1"].executions.values()
    assert ran.query == "SELECT n FROM t"
    assert ran.config["OutputLocation"] == f"s3://results/athena/{ran.id}.csv"
    context: Any = ran.context
    assert context == {"Database": "lake"}


def test_a_query_that_somebody_cancelled_has_failed(moto_client: Any, time: Time) -> None:
    backend = athena_backends["123456789012"]["us-east-1"]
    start = moto_client.start_query_execution

    def start_and_cancel(**parameters: Any) -> Any:
        answer = start(**parameters)
        backend.executions[answer["QueryExecutionId"]].status = "CANCELLED"
        return answer

    moto_client.start_query_execution = start_and_cancel
    with pytest.raises(QueryFailed):
        queries(moto_client, time).rows("SELECT 1")


def test_a_workgroup_with_its_own_output_needs_no_other(stub: Stubber, time: Time) -> None:
    stub.add_response(
        "start_query_execution",
        {"QueryExecutionId": "query-1"},
        {
            "QueryString": "SELECT 1",
            "QueryExecutionContext": {"Database": "lake"},
            "WorkGroup": "analysis",
        },
    )
    polled(stub, execution("SUCCEEDED"))
    page(stub, [row("n")])
    assert list(queries(stub.client, time, place=AthenaPlace("analysis", "lake")).rows("SELECT 1")) == []


def test_it_waits_ever_longer_and_reads_every_page(stub: Stubber, time: Time) -> None:
    started(stub)
    for state in ("QUEUED", "RUNNING", "RUNNING", "SUCCEEDED"):
        polled(stub, execution(state))
    page(stub, [row("n"), row("1")], token="more")
    page(stub, [row("2"), row("3")], after="more")
    assert list(queries(stub.client, time).rows("SELECT 1")) == [("1",), ("2",), ("3",)]
    assert time.pauses == pytest.approx([0.1, 0.15, 0.225])
    stub.assert_no_pending_responses()


def test_a_query_that_reads_too_much_is_stopped(stub: Stubber, time: Time) -> None:
    started(stub)
    polled(stub, execution("RUNNING", scanned=1_000))
    polled(stub, execution("RUNNING", scanned=1_001))
    stopped(stub)
    with pytest.raises(QueryTooExpensive, match="read 1,001 bytes, above the limit of 1,000"):
        queries(stub.client, time, Limits(bytes_scanned=1_000)).rows("SELECT 1")
    stub.assert_no_pending_responses()


def test_a_query_that_takes_too_long_is_stopped(stub: Stubber, time: Time) -> None:
    started(stub)
    for _ in range(4):
        polled(stub, execution("RUNNING"))
    stopped(stub)
    with pytest.raises(QueryTooSlow, match=r"longer than 0\.5 seconds"):
        queries(stub.client, time, Limits(seconds=0.5)).rows("SELECT 1")
    assert time.now <= 0.5
    stub.assert_no_pending_responses()


def test_a_fault_of_athenas_own_is_tried_again_once(stub: Stubber, time: Time) -> None:
    started(stub)
    polled(stub, execution("FAILED", AthenaError={"Retryable": True}))
    started(stub)
    polled(stub, execution("FAILED", AthenaError={"Retryable": True}))
    with pytest.raises(QueryFailed, match="Amazon Athena is unavailable"):
        queries(stub.client, time).rows("SELECT 1")
    stub.assert_no_pending_responses()


def test_a_faulty_query_is_not_tried_again(stub: Stubber, time: Time) -> None:
    started(stub)
    polled(stub, execution("FAILED", StateChangeReason="SYNTAX_ERROR: secret", AthenaError={"Retryable": False}))
    with pytest.raises(QueryFailed) as caught:
        queries(stub.client, time).rows("SELECT 1")
    assert "secret" not in str(caught.value)
    stub.assert_no_pending_responses()


def test_a_refused_call_is_a_dependency_that_is_unavailable(stub: Stubber, time: Time) -> None:
    stub.add_client_error("start_query_execution", "ThrottlingException", http_status_code=400)
    with pytest.raises(DependencyUnavailable, match="Amazon Athena"):
        queries(stub.client, time).rows("SELECT 1")


def test_when_polling_fails_the_query_is_stopped(stub: Stubber, time: Time) -> None:
    started(stub)
    stub.add_client_error("get_query_execution", "InternalServerException", http_status_code=500)
    stopped(stub)
    with pytest.raises(DependencyUnavailable):
        queries(stub.client, time).rows("SELECT 1")
    stub.assert_no_pending_responses()
