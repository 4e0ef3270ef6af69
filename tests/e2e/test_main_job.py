"""What the demo does, smaller, over real HTTP; every count is known beforehand."""

import json
from collections import Counter, defaultdict
from io import StringIO
from typing import Any

import httpx
import pytest
from rich.console import Console

from bakeoff.api import Api
from bakeoff.demo.impressions import load_impressions
from bakeoff.demo.job import EXPERIMENT, Job, Sent, copy_reports, send
from bakeoff.demo.traffic import Target, send_events
from bakeoff.standin.source_events import kinesis_record
from bakeoff.standin.standin import Standin
from bakeoff_core.assignment.bucketing import bucket

VERSION_OF = {"control": "v1", "treatment_v2": "v2", "treatment_v3": "v3"}


@pytest.fixture(scope="module")
def sent(started: Standin, job: Job) -> Sent:
    sent = send(started, job, load_impressions(job.examples), Console(file=StringIO()))
    started.drain()
    answers = started.run_schedules()
    assert answers.keys() == {"CompactFunction", "DispatchFunction", "RefreshFunction"}
    # Other tests on the same stand-in may have experiments of their own that run.
    assert answers["DispatchFunction"]["tasks"] >= 3
    assert answers["DispatchFunction"]["failed"] == []
    started.drain()
    return sent


def test_every_function_writes_metrics_under_its_own_name(started: Standin, sent: Sent) -> None:
    for function, service in (
        ("AssignFunction", "assign"),
        ("DispatchFunction", "dispatch"),
        ("NotifyFunction", "notify"),
    ):
        lines = (started._logs / f"{function}.log").read_text().splitlines()
        assert {json.loads(line)["service"] for line in lines if line.startswith("{")} <= {service}
    written = (started._logs / "DispatchFunction.log").read_text()
    assert '"service":"dispatch"' in written


@pytest.fixture
def report(sent: Sent, api: Api) -> dict[str, Any]:
    return latest(api, EXPERIMENT)


def latest(api: Api, experiment: str) -> dict[str, Any]:
    document: dict[str, Any] = api.get(f"/ab_test/experiments/{experiment}/reports/latest/technical.json")
    return document


def counts(results: dict[str, Any], metric: str) -> dict[str, tuple[int, float]]:
    """Users, and conversions or the sum, by group."""
    found = {}
    for name, group in results["groups"].items():
        value = group["metrics"][metric]
        found[name] = (group["n"], value["conversions"] if value["kind"] == "conversion" else value["sum"])
    return found


@pytest.mark.parametrize(
    ("campaign", "clicks", "p_value"),
    [("all", {"random": 38, "bts": 42}, 0.654), ("men", {"random": 46, "bts": 69}, 0.0315)],
)
def test_the_logged_test_gives_the_published_clicks(
    sent: Sent, api: Api, campaign: str, clicks: dict[str, int], p_value: float
) -> None:
    results = latest(api, f"open_bandit_{campaign}")
    assert counts(results, "click_rate") == {group: (10_000, clicks[group]) for group in ("random", "bts")}
    assert results["comparisons"]["bts"]["click_rate"]["p_value"] == pytest.approx(p_value, rel=1e-2)
    assert results["sample_ratio"]["p_value"] == 1
    assert results["crossovers"] == 0
    assert results["data_quality"]["duplicate_events"] == 0


def test_every_group_is_the_one_of_the_hash_alone(sent: Sent, api: Api) -> None:
    salt = api.get(f"/ab_test/experiments/{EXPERIMENT}")["salt"]

    def expected(user_id: str) -> str:
        point = bucket(salt, "group", user_id)
        if point < 0.5:
            return "control"
        return "treatment_v2" if point < 0.8 else "treatment_v3"

    assert {visit.user_id: visit.group for visit in sent.visits} == {
        visit.user_id: expected(visit.user_id) for visit in sent.visits
    }
    assert {visit.group for visit in sent.visits} == VERSION_OF.keys()


def test_every_group_got_its_own_model(sent: Sent) -> None:
    assert {(visit.group, visit.model_version) for visit in sent.visits} == set(VERSION_OF.items())


def test_the_report_counts_what_was_sent(sent: Sent, report: dict[str, Any]) -> None:
    group_of = {visit.user_id: str(visit.group) for visit in sent.visits}
    users = Counter(group_of.values())
    converted: dict[str, Counter[str]] = {"click": Counter(), "purchase": Counter()}
    revenue: dict[str, float] = defaultdict(float)
    for event in sent.actions:
        converted[event["event_type"]][group_of[event["user_id"]]] += 1
        revenue[group_of[event["user_id"]]] += event.get("event_value", 0)

    assert len(sent.visits) == 300
    assert converted["click"].total() > converted["purchase"].total() > 0
    for metric, event_type in (("click_rate", "click"), ("purchase_rate", "purchase")):
        expected = {group: (n, converted[event_type][group]) for group, n in users.items()}
        assert counts(report, metric) == expected
    for group, (n, total) in counts(report, "revenue").items():
        assert n == users[group]
        assert total == pytest.approx(revenue[group])
    click = report["groups"]["control"]["metrics"]["click_rate"]
    assert click["rate"] == pytest.approx(click["conversions"] / users["control"])


def test_the_statistics_route_says_what_the_report_says(sent: Sent, api: Api, report: dict[str, Any]) -> None:
    for path in ("experiments", "experiment"):
        results = api.get(f"/ab_test/{path}/{EXPERIMENT}/stats")
        for metric in ("click_rate", "purchase_rate"):
            assert counts(results, metric) == counts(report, metric)


def test_reports_are_written_listed_and_downloaded(
    sent: Sent, api: Api, http: httpx.Client, standin: Standin, job: Job
) -> None:
    made = api.post(f"/ab_test/experiments/{EXPERIMENT}/reports")
    listed = api.get(f"/ab_test/experiments/{EXPERIMENT}/reports")["reports"]
    assert listed[0] == made
    html = httpx.get(http.get(made["links"]["executive.html"]).headers["location"])
    assert html.headers["content-type"] == "text/html; charset=utf-8"
    assert "treatment_v3" in html.text
    copies = [copy for _uri, copy in copy_reports(standin, EXPERIMENT, job.reports)]
    assert sorted(copy.name for copy in copies) == [
        f"{kind}.{form}" for kind in ("dashboard", "executive", "technical") for form in ("html", "json", "md")
    ]
    assert (job.reports / EXPERIMENT / "latest" / "executive.md").read_text().startswith("# recommendation")


def test_nothing_changes_when_a_batch_is_delivered_again(sent: Sent, api: Api, standin: Standin) -> None:
    before = statistics(api)
    event = kinesis_event(standin, records=1_000)
    assert standin.invoke("DeliverFunction", event) == {"batchItemFailures": []}
    keys = object_keys(standin)
    assert standin.invoke("DeliverFunction", event) == {"batchItemFailures": []}
    assert object_keys(standin) == keys
    assert statistics(api) == before


def test_nothing_changes_when_events_are_sent_again(sent: Sent, api: Api, standin: Standin) -> None:
    before = statistics(api)
    assert send_events(Target(standin.url, standin.keys["client"]), sent.actions, lambda _sent: None) == len(
        sent.actions
    )
    standin.drain()
    assert statistics(api) == before


def test_models_in_use_stay(sent: Sent, http: httpx.Client) -> None:
    answer = http.post("/models/unload", json={"model_name": "recommendation", "model_version": "v2"})
    assert answer.status_code == 409
    assert EXPERIMENT in answer.json()["detail"]


def statistics(api: Api) -> dict[tuple[str, str], dict[str, tuple[int, float]]]:
    """Users, conversions and sums; cents are exact where the last bit of a sum depends on the order of the events."""
    found = {}
    for name in (EXPERIMENT, "open_bandit_all", "open_bandit_men"):
        results = api.get(f"/ab_test/experiments/{name}/stats?refresh=true")
        for metric in results["metrics"]:
            found[name, metric["name"]] = {
                group: (n, round(value, 2)) for group, (n, value) in counts(results, metric["name"]).items()
            }
    return found


def object_keys(standin: Standin) -> list[str]:
    pages = standin.client("s3").get_paginator("list_objects_v2").paginate(Bucket=standin.resources["EventBucket"])
    return [entry["Key"] for page in pages for entry in page["Contents"]]


def kinesis_event(standin: Standin, records: int) -> dict[str, Any]:
    """The first records of the stream, as Lambda hands them over."""
    kinesis, stream = standin.client("kinesis"), standin.resources["EventStream"]
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    found = kinesis.get_records(ShardIterator=iterator["ShardIterator"], Limit=records)["Records"]
    arn = f"arn:aws:kinesis:us-east-1:123456789012:stream/{stream}"
    return {"Records": [kinesis_record(record, shard=shard, stream_arn=arn, region="us-east-1") for record in found]}
