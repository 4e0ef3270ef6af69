import json
from datetime import timedelta

import boto3
import pytest

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.stores.aws import client
from bakeoff_core.stores.tasks import InMemoryTaskQueue, SqsTaskQueue, Task, TaskQueue
from tests.support import NOON


def task(experiment: str, hour: int = 0) -> Task:
    due = NOON + timedelta(hours=hour)
    return Task(experiment=experiment, kind="report", due_at=due, as_of=due, tells=True)


class Queue:
    """A queue, and a way to take from it what it would hand out at once."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self.tasks: TaskQueue = InMemoryTaskQueue() if url is None else SqsTaskQueue(client("sqs"), url)

    def take(self) -> list[Task]:
        if isinstance(self.tasks, InMemoryTaskQueue):
            return self.tasks.tasks
        taken: list[Task] = []
        while messages := client("sqs").receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            taken += [Task.model_validate_json(message["Body"]) for message in messages]
            for message in messages:
                client("sqs").delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return taken


def fifo() -> str:
    queue = boto3.client("sqs").create_queue(
        QueueName="tasks.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "60"}
    )
    return queue["QueueUrl"]


@pytest.fixture(params=["memory", "sqs"])
def queue(request: pytest.FixtureRequest) -> Queue:
    if request.param == "memory":
        return Queue(None)
    request.getfixturevalue("aws")
    return Queue(fifo())


def test_tasks_come_in_the_order_of_each_experiment(queue: Queue) -> None:
    sent = [task(experiment, hour) for experiment in "abcd" for hour in range(6)]
    queue.tasks.send(sent)
    queue.tasks.send([])
    taken = queue.take()
    assert len(taken) == 24
    for experiment in "abcd":
        assert [each for each in taken if each.experiment == experiment] == [
            each for each in sent if each.experiment == experiment
        ]


def test_the_same_task_sent_again_soon_comes_once(aws: None) -> None:
    queue = Queue(fifo())
    queue.tasks.send([task("a"), task("b")])
    queue.tasks.send([task("a").model_copy(update={"as_of": NOON + timedelta(hours=2)}), task("c")])
    assert [each.experiment for each in queue.take()] == ["a", "b", "c"]


def test_of_one_experiment_one_task_is_out_at_a_time(aws: None) -> None:
    url = fifo()
    SqsTaskQueue(client("sqs"), url).send([task("a", 0), task("a", 1), task("b", 0)])
    sqs = client("sqs")
    first = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)["Messages"]
    others = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(message["Body"])["experiment"] for message in (*first, *others)] == ["a", "b"]


def test_names_of_any_length_have_ids(queue: Queue) -> None:
    queue.tasks.send([task("x" * 128)])
    assert [len(each.experiment) for each in queue.take()] == [128]


def test_a_queue_that_does_not_take_everything_is_unavailable(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    sqs = client("sqs")
    with pytest.raises(DependencyUnavailable):
        SqsTaskQueue(sqs, "https://sqs.us-east-1.amazonaws.com/123456789012/gone.fifo").send([task("a")])
    monkeypatch.setattr(sqs, "send_message_batch", lambda **_: {"Successful": [], "Failed": [{"Id": "0"}]})
    with pytest.raises(DependencyUnavailable):
        SqsTaskQueue(sqs, fifo()).send([task("a")])
