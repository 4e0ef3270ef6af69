"""Lambda entry point: statistics now, and reports made, listed and downloaded (/ab_test/experiments/{name}/...)."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import FastAPI, Path, Query
from fastapi.responses import RedirectResponse

from analysis import analyse, look_at
from bakeoff_core.clock import Clock, utc_now
from bakeoff_core.http.fastapi_app import create_app, lambda_handler
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import client, table
from bakeoff_core.stores.experiments import DynamoExperimentStore, ExperimentStore
from bakeoff_core.stores.models import DynamoModelRegistry
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.telemetry import logger
from bakeoff_core.validation import NAME_PATTERN
from engine.choice import engine_opener
from engine.summary import Engine
from model_results import Models, model_results
from report_answers import ReportAnswer, ReportList
from reporting import Reports
from results import Results

Name = Annotated[str, Path(pattern=NAME_PATTERN)]


class Statistics(Results):
    """The last results, and how old they are.

    Attributes:
        age_seconds: Since they were computed.
    """

    age_seconds: float


def build_app(
    experiments: ExperimentStore,
    reports: Reports,
    open_engine: Callable[[], AbstractContextManager[Engine]],
    clock: Clock,
    models: Models,
) -> FastAPI:
    """Make the routes.

    Args:
        experiments: Where experiments are kept.
        reports: Where reports are kept.
        open_engine: Opens an engine for one request.
        clock: The time.
        models: Says what each model version was published with.
    """
    app = create_app("Bakeoff reports")

    def results_now(name: str) -> Results:
        experiment, now = experiments.get(name), clock()
        with open_engine() as engine:
            results = analyse(experiment, engine.summarise(experiment, look_at(experiment, now)), now)
            return results.model_copy(update={"models": model_results(engine, experiment, models)})

    @app.get("/ab_test/experiments/{name}/stats")
    @app.get("/ab_test/experiment/{name}/stats", deprecated=True, name="read_statistics_at_the_older_path")
    async def read_statistics(
        name: Name, *, refresh: Annotated[bool, Query(description="Compute them now.")] = False
    ) -> Statistics:
        results = None if refresh else reports.latest(experiments.get(name))
        if results is None:
            results = results_now(name)
            reports.keep(results)
        age = max(0.0, (clock() - results.computed_at).total_seconds())
        return Statistics.model_validate({**dict(results), "age_seconds": age})

    @app.post("/ab_test/experiments/{name}/reports", status_code=201)
    async def make_report(name: Name) -> ReportAnswer:
        return ReportAnswer.model_validate(reports.write(results_now(name)).to_json())

    @app.get("/ab_test/experiments/{name}/reports")
    async def list_reports(name: Name) -> ReportList:
        experiments.get(name)
        return ReportList(reports=[ReportAnswer.model_validate(report.to_json()) for report in reports.list(name)])

    @app.get("/ab_test/experiments/{name}/reports/{report_id}/{file}", status_code=307, response_class=RedirectResponse)
    async def download_report(name: Name, report_id: Name, file: Name) -> RedirectResponse:
        return RedirectResponse(reports.link(name, report_id, file), status_code=307)

    return app


def _build_app(settings: Settings) -> FastAPI:
    s3 = client("s3")
    return build_app(
        DynamoExperimentStore(table(settings.experiments_table)),
        Reports(S3ObjectStore(s3, settings.report_bucket)),
        engine_opener(settings, S3ObjectStore(s3, settings.event_bucket), client, utc_now),
        utc_now,
        DynamoModelRegistry(table(settings.models_table)),
    )


_handler = lambda_handler(_build_app(Settings.from_environment()))


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request from API Gateway or a function URL."""
    return _handler(event, context)
