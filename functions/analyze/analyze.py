"""Lambda entry point: the scheduled analysis of every running experiment (EventBridge)."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, field_validator

from bakeoff_core.clock import utc_now
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import client, table
from bakeoff_core.stores.experiments import DynamoExperimentStore
from bakeoff_core.stores.models import DynamoModelRegistry
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.telemetry import count, logger
from bakeoff_core.validation import Name
from engine.choice import engine_opener
from engine.summary import Engine
from reporting import Reports
from rounds import Reporter


class AnalysisFailed(Exception):
    """At least one experiment could not be reported on; all the others were."""


class Detail(BaseModel):
    """Which experiments to analyse; every running one without a list."""

    experiments: list[Name] | None = None


class ScheduledEvent(BaseModel):
    """What EventBridge hands over."""

    detail: Detail = Detail()

    @field_validator("detail", mode="before")
    @classmethod
    def _scheduler_sends_text(cls, detail: Any) -> Any:
        return json.loads(detail) if isinstance(detail, str) else detail


Handle = Callable[[Mapping[str, Any]], dict[str, Any]]


def build_handler(reporter: Reporter, open_engine: Callable[[], AbstractContextManager[Engine]]) -> Handle:
    """Make the handler.

    Args:
        reporter: Reports on experiments.
        open_engine: Opens an engine for one invocation.
    """

    def handle(event: Mapping[str, Any]) -> dict[str, Any]:
        names = ScheduledEvent.model_validate(event).detail.experiments
        with open_engine() as engine:
            outcome = reporter.run(engine, names)
        logger.info("experiments analysed", reports=len(outcome.reports), failed=outcome.failed)
        if outcome.failed:
            raise AnalysisFailed(f"could not analyse {', '.join(outcome.failed)}; wrote {len(outcome.reports)} reports")
        return outcome.to_json()

    return handle


def report_failure(name: str, error: Exception) -> None:
    """Log and count an experiment that failed."""
    logger.error("analysis failed", experiment=name, exc_info=error)
    count("analysis_errors_total", experiment=name)


def _build_handler(settings: Settings) -> Handle:
    s3 = client("s3")
    reporter = Reporter(
        DynamoExperimentStore(table(settings.experiments_table)),
        Reports(S3ObjectStore(s3, settings.report_bucket)),
        utc_now,
        report_failure,
        DynamoModelRegistry(table(settings.models_table)),
    )
    events = S3ObjectStore(s3, settings.event_bucket)
    return build_handler(reporter, engine_opener(settings, events, client, utc_now))


_handle = _build_handler(Settings.from_environment())


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Analyse the running experiments, or those named in the event's detail, and write their reports."""
    return _handle(event)
