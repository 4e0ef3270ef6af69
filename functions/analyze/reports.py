"""Lambda entry point: statistics now, reports made, listed and downloaded, and the dashboard of all experiments."""

from bakeoff_core.startup import end_startup

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import FastAPI, Path, Query
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import RedirectResponse
from pydantic import AwareDatetime

from background import Background
from bakeoff_core.clock import Clock, utc_now
from bakeoff_core.errors import DependencyUnavailable, InvalidInput
from bakeoff_core.http.fastapi_app import create_app, lambda_handler
from bakeoff_core.settings import Settings
from bakeoff_core.stores.alerts import DynamoAlertStore
from bakeoff_core.stores.arms import DynamoArmStore
from bakeoff_core.stores.aws import client, tables
from bakeoff_core.stores.experiments import DynamoExperimentIndex, DynamoExperimentStore, ExperimentStore
from bakeoff_core.stores.models import DynamoModelRegistry
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.overviews import DynamoOverviewStore
from bakeoff_core.telemetry import logger
from bakeoff_core.validation import NAME_PATTERN
from dashboard.listing import Listing
from dashboard.routes import add_dashboard
from engine.choice import engine_opener
from looking import Looker
from overview import overview_of
from report_answers import ReportAnswer, ReportList
from reporting import Reports
from results import Results

if TYPE_CHECKING:
    from engine.summary import Engine

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
    open_engine: "Callable[[], AbstractContextManager[Engine]]",
    clock: Clock,
    looker: Looker,
    listing: Listing,
) -> FastAPI:
    """Make the routes.

    Args:
        experiments: Where experiments are kept.
        reports: Where reports are kept.
        open_engine: Opens an engine for one request.
        clock: The time.
        looker: Takes looks.
        listing: Reads what the dashboard shows, and keeps the overviews that it shows.
    """
    app = create_app("Bakeoff reports")
    app.add_middleware(GZipMiddleware, minimum_size=1_024)

    def results_as_of(name: str, moment: datetime) -> Results:
        experiment = experiments.get(name)
        with open_engine() as engine:
            return looker.look(engine, experiment, moment)

    def remember(results: Results, report_id: str | None = None) -> None:
        try:
            listing.overviews.put(overview_of(results, report_id))
        except DependencyUnavailable:
            # The next look writes it; whoever asked for the results has them.
            logger.warning("overview not kept", experiment_name=results.experiment, exc_info=True)

    @app.get("/ab_test/experiments/{name}/stats")
    @app.get("/ab_test/experiment/{name}/stats", deprecated=True, name="read_statistics_at_the_older_path")
    async def read_statistics(
        name: Name, *, refresh: Annotated[bool, Query(description="Compute them now.")] = False
    ) -> Statistics:
        results = None if refresh else reports.latest(experiments.get(name))
        if results is None:
            results = results_as_of(name, clock())
            reports.keep(results)
            remember(results)
        age = max(0.0, (clock() - results.computed_at).total_seconds())
        return Statistics.model_validate({**dict(results), "age_seconds": age})

    @app.post("/ab_test/experiments/{name}/reports", status_code=201)
    async def make_report(
        name: Name,
        *,
        as_of: Annotated[
            AwareDatetime | None,
            Query(
                description="The moment to look at, now unless given; the same moment again is the same report again."
            ),
        ] = None,
    ) -> ReportAnswer:
        now = clock()
        if as_of is not None and as_of > now:
            raise InvalidInput.of("as_of", "must not be in the future")
        results = results_as_of(name, as_of or now)
        report = reports.write(results)
        remember(results, report.report_id)
        return ReportAnswer.model_validate(report.to_json())

    @app.get("/ab_test/experiments/{name}/reports")
    async def list_reports(name: Name) -> ReportList:
        experiments.get(name)
        return ReportList(reports=[ReportAnswer.model_validate(report.to_json()) for report in reports.list(name)])

    @app.get("/ab_test/experiments/{name}/reports/{report_id}/{file}", status_code=307, response_class=RedirectResponse)
    async def download_report(name: Name, report_id: Name, file: Name) -> RedirectResponse:
        return RedirectResponse(reports.link(name, report_id, file), status_code=307)

    add_dashboard(app, listing)
    return app


def _build_app(settings: Settings) -> FastAPI:
    s3, table = client("s3"), tables()
    experiments = DynamoExperimentStore(table(settings.experiments_table))
    models = DynamoModelRegistry(table(settings.models_table))
    overviews = DynamoOverviewStore(table(settings.overviews_table))
    return build_app(
        experiments,
        Reports(S3ObjectStore(s3, settings.report_bucket)),
        engine_opener(settings, S3ObjectStore(s3, settings.event_bucket), client, utc_now),
        utc_now,
        Looker(models, Background(experiments, DynamoArmStore(table(settings.arms_table)))),
        Listing(
            DynamoExperimentIndex(table(settings.experiments_table)),
            experiments,
            overviews,
            DynamoAlertStore(table(settings.alerts_table)),
            models,
            utc_now,
            changed_by_keys=settings.admin_authentication == "keys",
        ),
    )


_settings = Settings.from_environment()
_handler = lambda_handler(_build_app(_settings), _settings.origin_secret)
end_startup()


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request from API Gateway or a function URL."""
    return _handler(event, context)
