"""The queue of looks that are due, on their way from the dispatcher to those who take them."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.stores.aws import aws_failures
from bakeoff_core.stores.runs import Kind, Run
from bakeoff_core.validation import Name

_WHAT = "the analysis queue"
_MOST_MESSAGES = 10


class Task(BaseModel):
    """One look at one experiment.

    Attributes:
        experiment: Which one.
        kind: Whether it comes to a report, and why.
        due_at: When it was due.
        as_of: The moment as of which its data are looked at.
        monitors: Whether the look raises and ends alerts.
        tells: Whether recipients are told of the report.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment: Name
    kind: Kind
    due_at: AwareDatetime
    as_of: AwareDatetime
    monitors: bool = True
    tells: bool = False

    @property
    def run(self) -> Run:
        """What this task is to be done once as."""
        return Run(self.experiment, self.kind, self.due_at)


class TaskQueue(Protocol):
    """Takes tasks. Every implementation passes tests/contract/test_task_queue.py."""

    def send(self, tasks: Sequence[Task]) -> None:
        """Hand tasks over; those of one experiment are worked off one after the other, in this order.

        Raises:
            DependencyUnavailable: The queue did not take all of them; sending all again does no harm.
        """
        ...


class InMemoryTaskQueue:
    """Tasks in a list."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def send(self, tasks: Sequence[Task]) -> None:
        """Keep the tasks."""
        self.tasks += tasks


class SqsTaskQueue:
    """A first-in-first-out queue of SQS with a group of messages for each experiment.

    Args:
        client: A boto3 SQS client.
        queue_url: The queue's URL.
    """

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, tasks: Sequence[Task]) -> None:
        """Send a message for each task."""
        for batch in _batches(tasks):
            entries = [
                {
                    "Id": str(index),
                    "MessageBody": task.model_dump_json(),
                    "MessageGroupId": task.experiment,
                    "MessageDeduplicationId": _id(task.run),
                }
                for index, task in enumerate(batch)
            ]
            with aws_failures(_WHAT):
                answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            if answer.get("Failed"):
                raise DependencyUnavailable(_WHAT)


def _batches(tasks: Sequence[Task]) -> Iterator[Sequence[Task]]:
    for start in range(0, len(tasks), _MOST_MESSAGES):
        yield tasks[start : start + _MOST_MESSAGES]


def _id(run: Run) -> str:
    # A name and a key together may be longer than SQS takes.
    return blake2b(f"{run.experiment}#{run.key}".encode(), digest_size=32).hexdigest()
