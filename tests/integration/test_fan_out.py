"""A thousand experiments from the dispatcher through the queue to their reports, on moto, with crashes on the way."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

import reporting
from analyze import Message, Worker, postpone_in
from background import Background
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.arms import InMemoryArmStore
from bakeoff_core.stores.aws import client, table
from bakeoff_core.stores.experiments import DynamoExperimentIndex, DynamoExperimentStore, document_of
from bakeoff_core.stores.models import InMemoryModelRegistry
from bakeoff_core.stores.notifications import InMemoryNotificationQueue
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.overviews import DynamoOverviewStore
from bakeoff_core.stores.runs import DynamoRunStore
from bakeoff_core.stores.tasks import SqsTaskQueue, Task
from dispatching import Dispatcher
from engine.summary import GroupSummary, Summary
from looking import Looker
from reporting import RESULTS, Reports, report_id_at
from rounds import Rounds
from stats.proportions import Proportion
from tests.aws import create_experiments_table, create_table
from tests.support import NOON, SettableClock, Unmonitored, experiment

SETTLING = timedelta(minutes=2)
TICK, TICKS = timedelta(minutes=5), 12
ATTEMPTS = 3


class Crash(BaseException):
    """The container is gone: nothing catches that."""


class Engine:
    """Three hundred users of every experiment, and none of one that cannot be read."""

    def __init__(self) -> None:
        self.broken: set[str] = set()

    def summarise(self, subject: Experiment, as_of: datetime | None = None) -> Summary:
        if subject.name in self.broken:
            raise RuntimeError("its events cannot be read")
        groups = {name: GroupSummary(300, {"click_rate": Proportion(30, 300)}) for name in subject.shares}
        return Summary(groups, first_exposure=NOON - timedelta(days=2), last_exposure=as_of)


class Stack:
    """The tables, queues and the bucket of the template, and what works on them."""

    def __init__(self) -> None:
        create_experiments_table()
        create_table("runs", "experiment", "run")
        create_table("overviews", "name")
        s3, self.sqs = client("s3"), client("sqs")
        s3.create_bucket(Bucket="reports")
        s3.put_bucket_versioning(Bucket="reports", VersioningConfiguration={"Status": "Enabled"})
        self.s3 = s3
        self.dead = self._fifo("dead.fifo")
        dead_arn = self.sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        self.tasks = self._fifo(
            "tasks.fifo", RedrivePolicy=f'{{"deadLetterTargetArn": "{dead_arn}", "maxReceiveCount": {ATTEMPTS}}}'
        )
        self.notices = InMemoryNotificationQueue()
        self._out: set[str] = set()
        self.clock = SettableClock()
        self.engine: Any = Engine()
        self.experiments = DynamoExperimentStore(table("experiments"))
        self.runs = DynamoRunStore(table("runs"))
        self.queue = SqsTaskQueue(self.sqs, self.tasks)
        self.dispatcher = Dispatcher(
            DynamoExperimentIndex(table("experiments")),
            self.runs,
            self.queue,
            self.clock,
            SETTLING,
            lambda name, _: pytest.fail(name),
        )
        rounds = Rounds(
            self.experiments,
            self.runs,
            Looker(InMemoryModelRegistry(), Background(self.experiments, InMemoryArmStore())),
            Unmonitored(),
            Reports(S3ObjectStore(s3, "reports")),
            DynamoOverviewStore(table("overviews")),
            self.notices,
            self.clock,
        )
        self.worker = Worker(
            self.experiments, rounds, self._open, self.clock, postpone_in(self.sqs, self.tasks), ATTEMPTS
        )

    def create(self, due: Mapping[str, datetime]) -> None:
        """Write experiments as the store does, but many at once, for moto copies a table for each transaction."""
        with table("experiments").batch_writer() as batch:
            for name, moment in due.items():
                recipients = [{"type": "email", "address": "team@example.com"}]
                schedule = {"frequency": "daily", "time": f"{moment:%H:%M}", "recipients": recipients}
                start = moment - timedelta(days=2)
                made = experiment(name=name, metrics=["click_rate"], schedule=schedule, start_time=start, version=1)
                item = {"name": name, "item": "current", "version": 1, "document": document_of(made)}
                batch.put_item(Item={**item, "listed": "yes"})

    def _fifo(self, name: str, **attributes: str) -> str:
        fixed = {"FifoQueue": "true", "VisibilityTimeout": "1800"}
        url: str = self.sqs.create_queue(QueueName=name, Attributes=fixed | attributes)["QueueUrl"]
        return url

    @contextmanager
    def _open(self) -> Iterator[Any]:
        yield self.engine

    def work(self, most: int | None = None) -> int:
        """Hand messages to the worker one by one, as Lambda does, until none is visible, and count them."""
        handed = 0
        while most is None or handed < most:
            found = self.sqs.receive_message(
                QueueUrl=self.tasks,
                MaxNumberOfMessages=10,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            ).get("Messages", [])
            if not found:
                break
            self._out.update(each["ReceiptHandle"] for each in found)
            for each in found:
                handed += 1
                answer = self.worker.work([_message(each)])
                if not answer["batchItemFailures"]:
                    self.sqs.delete_message(QueueUrl=self.tasks, ReceiptHandle=each["ReceiptHandle"])
                    self._out.discard(each["ReceiptHandle"])
        return handed

    def outlast_visibility(self) -> None:
        """Let the visibility timeout of everything that is out pass."""
        for receipt in self._out:
            self.sqs.change_message_visibility(QueueUrl=self.tasks, ReceiptHandle=receipt, VisibilityTimeout=0)
        self._out.clear()

    def versions(self) -> Counter[str]:
        """Count how often each object was written."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket="reports")
        return Counter(version["Key"] for page in pages for version in page.get("Versions", []))

    def waiting(self, queue: str) -> int:
        """Count the messages of a queue, those that are out among them."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))


def _message(received: dict[str, Any]) -> Message:
    return Message.model_validate(
        {
            "messageId": received["MessageId"],
            "receiptHandle": received["ReceiptHandle"],
            "body": received["Body"],
            "attributes": received["Attributes"],
        }
    )


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    # What all files look like is tested elsewhere; this is about which are written, and how often.
    monkeypatch.setattr(reporting, "FILES", {RESULTS: reporting.FILES[RESULTS]})
    with mock_aws():
        yield Stack()


@contextmanager
def crashing(monkeypatch: pytest.MonkeyPatch, owner: Any, part: str, method: str, call: int) -> Iterator[None]:
    """Let the container go after one call of a method of what an object stands on."""
    stood_on, calls = getattr(owner, part), 0
    whole = getattr(stood_on, method)

    def broken(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        answer = whole(*arguments, **named)
        if calls == call:
            raise Crash
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(stood_on, method, broken)
        with pytest.raises(Crash):
            yield


@pytest.mark.timeout(900)
@pytest.mark.parametrize("experiments", [48, pytest.param(1_000, marks=pytest.mark.slow)])
def test_every_experiment_is_reported_on_once_whatever_crashes(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, experiments: int
) -> None:
    due = {f"e{number:04}": NOON + number % TICKS * TICK for number in range(experiments)}
    reports = {name: report_id_at(moment) for name, moment in due.items()}
    stack.create(due)
    broken = next(name for name, moment in due.items() if moment == NOON + 2 * TICK)
    stack.engine.broken = {broken}
    stack.runs.dispatch_until(NOON - TICK)
    stack.clock.now += SETTLING - TICK

    handed_out = 0
    for turn in range(TICKS):
        stack.clock.now += TICK
        if turn == 4:  # the dispatcher crashes after its first messages, and the next one sends them all
            with crashing(monkeypatch, stack.queue, "_client", "send_message_batch", 1):
                stack.dispatcher.run()
        else:
            handed_out += stack.dispatcher.run().tasks
        if turn == 7:  # a container goes between a report and what follows it
            with crashing(monkeypatch, stack.worker.rounds, "overviews", "put", experiments // TICKS // 2):
                stack.work()
        stack.work()
    assert handed_out == experiments
    assert stack.dispatcher.run().tasks == 0
    for _ in range(ATTEMPTS + 1):
        stack.outlast_visibility()
        stack.work()
    assert stack.waiting(stack.tasks) == 0

    # Nothing is missing but the one that cannot be read, which is laid aside.
    written = stack.versions()
    assert {key for key in written if "/latest/" not in key} == {
        f"reports/{name}/{reports[name]}/{RESULTS}" for name in due if name != broken
    }
    (laid_aside,) = stack.sqs.receive_message(QueueUrl=stack.dead, MaxNumberOfMessages=10)["Messages"]
    assert Task.model_validate_json(laid_aside["Body"]).experiment == broken

    # Nothing happened twice: what crashed was written again with the same content.
    again = {key for key, count in written.items() if count > 1}
    assert len({key.split("/")[1] for key in again}) == 1
    for key in again:
        versions = stack.s3.list_object_versions(Bucket="reports", Prefix=key)["Versions"]
        assert (written[key], len({version["ETag"] for version in versions})) == (2, 1)
    told = Counter(notice.id for notice in stack.notices.notifications)
    assert told == {f"report/{name}/{report}": 1 for name, report in reports.items() if name != broken}
    overviews = stack.worker.rounds.overviews.read(due)
    assert {name: each.report_id for name, each in overviews.items()} == {
        name: report for name, report in reports.items() if name != broken
    }

    # The same tasks once more, long after, as other messages: nothing is done, except for what was laid aside.
    stack.engine.broken = set()
    stack.clock.advance(3 * 3_600)
    for name, moment in due.items():
        task = Task(experiment=name, kind="report", due_at=moment, as_of=moment, tells=True)
        late = {"MessageId": f"late {name}", "ReceiptHandle": "", "Body": task.model_dump_json()}
        handed = _message(late | {"Attributes": {"ApproximateReceiveCount": "1"}})
        assert stack.worker.work([handed]) == {"batchItemFailures": []}
    assert {key.split("/")[1] for key in stack.versions() - written} == {broken}
    assert [notice.experiment for notice in stack.notices.notifications[len(told) :]] == [broken]
