"""A guardrail that a treatment really harms, from events in S3 to an experiment that is stopped, on moto."""

import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pytest
from moto import mock_aws

from analyze import Message, Worker, postpone_in
from background import Background
from bakeoff_core.assignment.assigner import Assigner
from bakeoff_core.errors import Conflict
from bakeoff_core.events.model import Event
from bakeoff_core.experiments.ending import Endings
from bakeoff_core.experiments.history import history_of
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.notifications import Notification
from bakeoff_core.stores.alerts import DynamoAlertStore
from bakeoff_core.stores.arms import InMemoryArmStore
from bakeoff_core.stores.aws import client, table
from bakeoff_core.stores.experiments import Audit, DynamoExperimentIndex, DynamoExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry
from bakeoff_core.stores.notifications import SqsNotificationQueue
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.overviews import DynamoOverviewStore
from bakeoff_core.stores.runs import DynamoRunStore
from bakeoff_core.stores.tasks import SqsTaskQueue
from dispatching import Dispatcher
from engine.duckdb_engine import duckdb_over
from experiments import winner_in
from looking import Looker
from monitoring import Monitor
from reporting import Reports
from rounds import Rounds
from tests.aws import create_experiments_table, create_table, serialise_moto
from tests.support import NOON, SettableClock, experiment

TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"
ERRORS: dict[str, Any] = {
    "name": "error_rate",
    "kind": "conversion",
    "event_type": "error",
    "direction": "decrease",
    "role": "guardrail",
}
RULES = {"auto_stop": {"guardrail_breached": True}, "looks_to_recover": 1, "look_every_minutes": 30}
USERS = 1_500  # a group


class Stack:
    """The tables, queues and buckets that a look touches, and what works on them."""

    def __init__(self) -> None:
        for name, keys in {
            "runs": ("experiment", "run"),
            "alerts": ("experiment", "item"),
        }.items():
            create_table(name, *keys)
        create_table("overviews", "name")
        create_experiments_table()
        self.s3, self.sqs = client("s3"), client("sqs")
        for bucket in ("event-bucket", "report-bucket"):
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_bucket_versioning(Bucket="report-bucket", VersioningConfiguration={"Status": "Enabled"})
        fifo = {"FifoQueue": "true", "VisibilityTimeout": "900"}
        self.tasks = self.sqs.create_queue(QueueName="tasks.fifo", Attributes=fifo)["QueueUrl"]
        self.notices = self.sqs.create_queue(QueueName="notices")["QueueUrl"]
        self._sent: set[str] = set()
        self.clock = SettableClock(NOON)
        self.experiments = DynamoExperimentStore(table("experiments"))
        self.alerts = DynamoAlertStore(table("alerts"))
        self.overviews = DynamoOverviewStore(table("overviews"))
        self.models = InMemoryModelRegistry()
        self.events = S3ObjectStore(self.s3, "event-bucket")
        runs = DynamoRunStore(table("runs"))
        queue = SqsNotificationQueue(self.sqs, self.notices)
        self.dispatcher = Dispatcher(
            DynamoExperimentIndex(table("experiments")),
            runs,
            SqsTaskQueue(self.sqs, self.tasks),
            self.clock,
            timedelta(0),
            lambda name, _: pytest.fail(name),
        )
        self.monitor = Monitor(self.alerts, self.experiments, self.models, queue, self.clock, TOPIC)
        rounds = Rounds(
            self.experiments,
            runs,
            Looker(self.models, Background(self.experiments, InMemoryArmStore())),
            self.monitor,
            Reports(S3ObjectStore(self.s3, "report-bucket")),
            self.overviews,
            queue,
            self.clock,
        )
        self.worker = Worker(
            self.experiments,
            rounds,
            partial(duckdb_over, self.events, memory_mb=512),
            self.clock,
            postpone_in(self.sqs, self.tasks),
            attempts=3,
        )

    def create(self, **changes: Any) -> Experiment:
        document: dict[str, Any] = {"metrics": ["click_rate", ERRORS], "start_time": NOON, "alert_rules": RULES}
        return self.experiments.put(experiment(**(document | changes)), Audit("ann", "create", NOON))

    def record(self, errors: dict[str, float], clicks: dict[str, float]) -> None:
        """Write the events of users who come over an hour, and who err and click at the rates of their groups."""
        generator, lines = np.random.default_rng(20261125), []
        for group in errors:
            for number in range(USERS):
                user, at = f"{group}-{number}", NOON + timedelta(seconds=number * 2)
                common = {"user_id": user, "timestamp": at, "received_at": at}
                exposed = {"experiment_name": "checkout_button", "group_name": group, "config_version": 1}
                lines.append(Event(event_id=f"x-{user}", event_type="exposure", **common, **exposed).to_line())
                for event_type, rates in (("error", errors), ("click", clicks)):
                    if generator.random() < rates[group]:
                        lines.append(Event(event_id=f"{event_type}-{user}", event_type=event_type, **common).to_line())
        body = gzip.compress(b"\n".join(lines) + b"\n")
        self.events.put("events/dt=2026-03-01/hour=12/s-1-2.ndjson.gz", body, "application/gzip")

    def round(self, **later: float) -> None:
        """Let time pass, hand out what is due, and work it off."""
        self.clock.now += timedelta(**later)
        self.dispatcher.run()
        self.clock.advance(20)
        while True:
            found = self.sqs.receive_message(
                QueueUrl=self.tasks, MessageSystemAttributeNames=["ApproximateReceiveCount"]
            ).get("Messages", [])
            if not found:
                return
            for each in found:
                message = {
                    "messageId": each["MessageId"],
                    "receiptHandle": each["ReceiptHandle"],
                    "body": each["Body"],
                    "attributes": each["Attributes"],
                }
                assert self.worker.work([Message.model_validate(message)]) == {"batchItemFailures": []}
                self.sqs.delete_message(QueueUrl=self.tasks, ReceiptHandle=each["ReceiptHandle"])

    def told(self) -> list[Notification]:
        """Take the notices that wait, in order, each once however often it was handed over."""
        told = []
        while found := self.sqs.receive_message(QueueUrl=self.notices, MaxNumberOfMessages=10).get("Messages", []):
            for each in found:
                notice = Notification.model_validate_json(each["Body"])
                if notice.id not in self._sent:
                    told.append(notice)
                self._sent.add(notice.id)
                self.sqs.delete_message(QueueUrl=self.notices, ReceiptHandle=each["ReceiptHandle"])
        return told


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    serialise_moto(monkeypatch)
    with mock_aws():
        yield Stack()


def test_real_harm_is_found_told_stopped_and_closed(stack: Stack) -> None:
    stack.create()
    stack.record(errors={"control": 0.02, "treatment": 0.12}, clicks={"control": 0.2, "treatment": 0.2})
    stack.round()  # the first time everything is due from then on
    assert stack.experiments.get("checkout_button").status == "running"
    stack.round(minutes=60)

    stopped = stack.experiments.get("checkout_button")
    assert (stopped.status, stopped.ended_at, stopped.serving_group) == ("stopped", stack.clock.now, None)
    line = history_of(stack.experiments.history("checkout_button"))[-1]
    evidence = line["evidence"]
    assert (line["actor"], line["action"], evidence["rule"]) == ("monitor", "stop", "guardrail_breached")
    assert (evidence["group"], evidence["metric"], evidence["verdict"]) == ("treatment", "error_rate", "reject")
    assert evidence["users"] == {"control": USERS, "treatment": USERS}
    assert evidence["control"] == pytest.approx(0.02, abs=0.01)
    assert evidence["treatment"] == pytest.approx(0.12, abs=0.02)
    assert 0 < evidence["interval"][0] < evidence["difference"] < evidence["interval"][1]
    assert {"field": "status", "before": "running", "after": "stopped"} in line["changes"]

    opened, over = stack.told()
    assert (opened.kind, over.kind) == ("alert_opened", "experiment_stopped")
    assert [recipient.type for recipient in opened.recipients] == ["sns"]
    assert "treatment is worse than the control on error_rate" in over.text
    (alert,) = stack.alerts.open_alerts(["checkout_button"])["checkout_button"]
    assert (alert.kind, alert.subject) == ("SAFETY_THRESHOLD_BREACHED", "treatment/error_rate")
    latest = stack.s3.get_object(Bucket="report-bucket", Key="reports/checkout_button/latest/technical.json")
    document = json.loads(latest["Body"].read())
    assert (document["status"], [each["kind"] for each in document["alerts"]]) == (
        "stopped",
        ["SAFETY_THRESHOLD_BREACHED"],
    )

    assigner = Assigner(stack.experiments, stack.clock)
    assert assigner.assign("checkout_button", "user-1", {}).reason == "not_running"
    # The last report on it closes the alert.
    stack.round(minutes=30)
    assert stack.alerts.open_alerts(["checkout_button"]) == {}
    assert [each.kind for each in stack.told()] == ["alert_recovered"]
    stack.round(hours=5)
    assert stack.told() == []
    assert [each.audit.action for each in stack.experiments.history("checkout_button")] == ["create", "stop"]


def test_no_harm_is_left_alone(stack: Stack) -> None:
    stack.create()
    stack.record(errors={"control": 0.05, "treatment": 0.05}, clicks={"control": 0.2, "treatment": 0.2})
    for _ in range(3):
        stack.round(minutes=30)
    assert stack.experiments.get("checkout_button").status == "running"
    assert stack.told() == []


def test_a_winner_serves_everybody_where_that_is_configured(stack: Stack) -> None:
    rules = {"auto_stop": {"winner": True}, "traffic_after_stop": "winner"}
    stack.create(alert_rules=rules)
    stack.record(errors={"control": 0.02, "treatment": 0.02}, clicks={"control": 0.2, "treatment": 0.32})
    stack.round()
    stack.round(minutes=60)
    stopped = stack.experiments.get("checkout_button")
    assert (stopped.status, stopped.serving_group) == ("stopped", "treatment")
    (notice,) = stack.told()
    assert notice.text.endswith("From now on treatment serves everybody.")
    answer = Assigner(stack.experiments, stack.clock).assign("checkout_button", "user-1", {}).to_json()
    assert (answer["assigned"], answer["parameters"]) == (False, {"colour": "green"})


def test_somebody_who_stops_it_themselves_gets_the_winner_of_the_latest_look(stack: Stack) -> None:
    stack.create(alert_rules={"traffic_after_stop": "winner"})
    stack.record(errors={"control": 0.02, "treatment": 0.02}, clicks={"control": 0.2, "treatment": 0.32})
    stack.round()
    stack.round(minutes=60)
    endings = Endings(stack.experiments, stack.models, stack.clock, winner_in(stack.overviews))
    assert endings.end("checkout_button", "stop", "ann").serving_group == "treatment"


def test_of_many_who_stop_at_once_one_does(stack: Stack) -> None:
    subject = stack.create()
    stack.record(errors={"control": 0.02, "treatment": 0.12}, clicks={"control": 0.2, "treatment": 0.2})
    stack.clock.advance(3_600)
    with stack.worker.open_engine() as engine:
        results = stack.worker.rounds.looker.look(engine, subject, stack.clock.now)
    endings = Endings(stack.experiments, stack.models, stack.clock, lambda _: None)

    def stop(number: int) -> str | None:
        if number % 2:
            stack.monitor.look(subject, results, stack.clock.now)
            return None
        try:
            return endings.end("checkout_button", "stop", f"ann-{number}").status
        except Conflict as error:
            return type(error).__name__

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(stop, range(8)))
    stops = [entry.audit for entry in stack.experiments.history("checkout_button") if entry.audit.action == "stop"]
    assert len(stops) == 1
    assert outcomes.count("stopped") == (0 if stops[0].actor == "monitor" else 1)
    kinds = {notice.id: notice.kind for notice in stack.told()}
    assert list(kinds.values()).count("alert_opened") == 1
    assert list(kinds.values()).count("experiment_stopped") == (1 if stops[0].actor == "monitor" else 0)
