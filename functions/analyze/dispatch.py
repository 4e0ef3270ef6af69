"""Lambda entry point: what is due is put on the queue of the analysis, every few minutes (EventBridge)."""

from bakeoff_core.startup import end_startup

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bakeoff_core.clock import utc_now
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import client, tables
from bakeoff_core.stores.experiments import DynamoExperimentIndex
from bakeoff_core.stores.runs import DynamoRunStore
from bakeoff_core.stores.tasks import SqsTaskQueue
from bakeoff_core.telemetry import count, logger
from dispatching import Dispatcher

_DELIVERY_WINDOWS_TO_SETTLE = 2


def report_failure(name: str, error: Exception) -> None:
    """Log and count an experiment of which it could not be told what is due."""
    logger.error("dispatch failed", experiment_name=name, exc_info=error)
    count("dispatch_errors_total", experiment=name)


def _build_dispatcher(settings: Settings) -> Dispatcher:
    table = tables()
    return Dispatcher(
        DynamoExperimentIndex(table(settings.experiments_table), report_failure),
        DynamoRunStore(table(settings.runs_table)),
        SqsTaskQueue(client("sqs"), settings.analysis_queue),
        utc_now,
        timedelta(seconds=_DELIVERY_WINDOWS_TO_SETTLE * settings.delivery_window_seconds),
        report_failure,
    )


_dispatcher = _build_dispatcher(Settings.from_environment())
end_startup()


@logger.inject_lambda_context
def handler(_event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Put the looks and reports that became due since the last time on the queue."""
    dispatched = _dispatcher.run()
    count("analysis_tasks_total", dispatched.tasks)
    logger.info("dispatched", **asdict(dispatched))
    return asdict(dispatched)
