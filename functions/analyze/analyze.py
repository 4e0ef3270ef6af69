"""Lambda entry point: looks at experiments that are due (SQS), or that somebody names in a direct invocation."""

from bakeoff_core.startup import end_startup

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, Field, ValidationError, field_validator

from background import Background
from bakeoff_core.batches import named_records
from bakeoff_core.clock import Clock, utc_now
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.settings import Settings
from bakeoff_core.stores.alerts import DynamoAlertStore
from bakeoff_core.stores.arms import DynamoArmStore
from bakeoff_core.stores.aws import aws_failures, client, tables
from bakeoff_core.stores.experiments import DynamoExperimentStore, ExperimentStore
from bakeoff_core.stores.models import DynamoModelRegistry
from bakeoff_core.stores.notifications import SqsNotificationQueue
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.overviews import DynamoOverviewStore
from bakeoff_core.stores.runs import DynamoRunStore, RunTaken
from bakeoff_core.stores.tasks import Task
from bakeoff_core.telemetry import count, logger
from bakeoff_core.validation import Name, field_errors
from engine.choice import engine_opener
from engine.summary import Engine
from looking import Looker
from monitoring import Monitor
from reporting import Report, Reports
from rounds import LEASE, Rounds

FIRST_PAUSE_SECONDS = 30


class AnalysisFailed(Exception):
    """At least one experiment could not be reported on; all the others were."""


class Detail(BaseModel):
    """Which experiments to report on, every running one without a list; and as of when, now without a moment."""

    experiments: list[Name] | None = None
    as_of: AwareDatetime | None = None


class DirectEvent(BaseModel):
    """What somebody sends who wants reports now."""

    detail: Detail = Detail()

    @field_validator("detail", mode="before")
    @classmethod
    def _schedulers_send_text(cls, detail: Any) -> Any:
        return json.loads(detail) if isinstance(detail, str) else detail


class Attributes(BaseModel):
    """What SQS says of a message."""

    attempt: int = Field(alias="ApproximateReceiveCount", ge=1)


class Message(BaseModel):
    """One message of the queue."""

    id: str = Field(alias="messageId")
    receipt: str = Field(alias="receiptHandle")
    body: str
    attributes: Attributes


class Postpone(Protocol):
    """Lets a message that failed come again after some seconds."""

    def __call__(self, receipt: str, seconds: int) -> None:
        """Set the time of one message."""
        ...


OpenEngine = Callable[[], AbstractContextManager[Engine]]


@dataclass(frozen=True, slots=True)
class Worker:
    """Works off messages and direct requests.

    Attributes:
        experiments: Where experiments are kept.
        rounds: Does each task.
        open_engine: Opens an engine for one invocation.
        clock: The time.
        postpone: Lets a message come again.
        attempts: After how many the queue gives a message up.
    """

    experiments: ExperimentStore
    rounds: Rounds
    open_engine: OpenEngine
    clock: Clock
    postpone: Postpone
    attempts: int

    def work(self, messages: Sequence[Message]) -> dict[str, Any]:
        """Do the tasks of messages; those that fail come again, and end in the dead-letter queue after some attempts.

        A task whose experiment failed on an earlier one waits for that one.
        """
        failed: dict[str, str] = {}
        with self.open_engine() as engine:
            for message in messages:
                experiment = "unknown"
                try:
                    task = Task.model_validate_json(message.body)
                    experiment = task.experiment
                    if experiment not in failed.values():
                        self._do(engine, task, message.id)
                        continue
                except RunTaken:
                    logger.info("taken by somebody else", experiment_name=experiment)
                    self._again(message, int(LEASE.total_seconds()))
                except Exception as error:  # noqa: BLE001 - whatever it is, the other experiments go on
                    self._fail(message, experiment, error)
                failed[message.id] = experiment
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    def report(self, detail: Detail, claimant: str) -> dict[str, Any]:
        """Report on experiments now.

        Raises:
            AnalysisFailed: Some experiment could not be reported on.
        """
        names = detail.experiments
        if names is None:
            names = [each.name for each in self.experiments.list() if each.status == "running"]
        moment = detail.as_of or self.clock()
        reports: list[Report] = []
        failed: list[str] = []
        with self.open_engine() as engine:
            for name in names:
                try:
                    report = self._do(engine, _asked(name, moment, now=detail.as_of is None), claimant)
                except Exception as error:  # noqa: BLE001 - whatever it is, the other experiments go on
                    failed.append(name)
                    report_failure(name, error)
                else:
                    reports += [] if report is None else [report]
        if failed:
            raise AnalysisFailed(f"could not analyse {', '.join(failed)}; wrote {len(reports)} reports")
        return {"reports": [report.to_json() for report in reports], "failed": failed}

    def _do(self, engine: Engine, task: Task, claimant: str) -> Report | None:
        began = self.clock()
        report = self.rounds.run(engine, task, claimant)
        logger.info(
            "experiment looked at",
            experiment_name=task.experiment,
            kind=task.kind,
            due_at=task.due_at.isoformat(),
            report_id=None if report is None else report.report_id,
            seconds=(self.clock() - began).total_seconds(),
        )
        return report

    def _fail(self, message: Message, experiment: str, error: Exception) -> None:
        report_failure(experiment, error)
        attempt = message.attributes.attempt
        if attempt >= self.attempts:
            count("analysis_abandoned_total", experiment=experiment)
            return
        self._again(message, FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))

    def _again(self, message: Message, seconds: int) -> None:
        try:
            self.postpone(message.receipt, seconds)
        except DependencyUnavailable:
            logger.warning("comes again only when the queue's own time is over", exc_info=True)


def report_failure(name: str, error: Exception) -> None:
    """Log and count an experiment that failed."""
    logger.error("analysis failed", experiment_name=name, exc_info=error)
    count("analysis_errors_total", experiment=name)


def _asked(name: str, moment: datetime, *, now: bool) -> Task:
    return Task(experiment=name, kind="asked", due_at=moment, as_of=moment, monitors=now)


Handle = Callable[[Mapping[str, Any], str], dict[str, Any]]


def build_handler(worker: Worker) -> Handle:
    """Make what answers an event under an invocation's id."""

    def handle(event: Mapping[str, Any], invocation: str) -> dict[str, Any]:
        if isinstance(event, Mapping) and "Records" in event:
            return _work(worker, event)
        try:
            detail = DirectEvent.model_validate(event).detail
        except ValidationError as error:
            errors = [str(each) for each in field_errors(error)]
            logger.error("event not understood", errors=errors)
            return {"reports": [], "failed": [], "errors": errors}
        return worker.report(detail, invocation)

    return handle


def _work(worker: Worker, event: Mapping[str, Any]) -> dict[str, Any]:
    """Work off the messages of a batch; one that is not as SQS writes them comes again until the queue gives it up."""
    messages: list[Message] = []
    malformed: list[str] = []
    for record, name in named_records(event):
        try:
            messages.append(Message.model_validate(record))
        except ValidationError:
            logger.exception("record not understood", record_id=name)
            malformed.append(name)
    failures = worker.work(messages)["batchItemFailures"] if messages else []
    return {"batchItemFailures": [*failures, *({"itemIdentifier": name} for name in malformed)]}


def postpone_in(sqs: Any, queue_url: str) -> Postpone:
    """Make what lets a message of a queue come again after some seconds."""

    def postpone(receipt: str, seconds: int) -> None:
        with aws_failures("the analysis queue"):
            sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=receipt, VisibilityTimeout=seconds)

    return postpone


def _build_handler(settings: Settings) -> Handle:
    s3, sqs, table = client("s3"), client("sqs"), tables()
    experiments = DynamoExperimentStore(table(settings.experiments_table))
    models = DynamoModelRegistry(table(settings.models_table))
    alerts = DynamoAlertStore(table(settings.alerts_table))
    notices = SqsNotificationQueue(sqs, settings.notification_queue)
    rounds = Rounds(
        experiments,
        DynamoRunStore(table(settings.runs_table)),
        Looker(models, Background(experiments, DynamoArmStore(table(settings.arms_table)))),
        Monitor(alerts, experiments, models, notices, utc_now, settings.alert_topic),
        Reports(S3ObjectStore(s3, settings.report_bucket)),
        DynamoOverviewStore(table(settings.overviews_table)),
        notices,
        utc_now,
    )
    events = S3ObjectStore(s3, settings.event_bucket)
    return build_handler(
        Worker(
            experiments,
            rounds,
            engine_opener(settings, events, client, utc_now),
            utc_now,
            postpone_in(sqs, settings.analysis_queue),
            settings.analysis_attempts,
        )
    )


_handle = _build_handler(Settings.from_environment())
end_startup()


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do the tasks of the queue, or report on the experiments that the event's detail names."""
    return _handle(event, context.aws_request_id)
