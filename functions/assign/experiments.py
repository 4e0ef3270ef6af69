"""Lambda entry point: the management of experiments (/ab_test/experiments), with its documentation at /docs."""

from bakeoff_core.startup import end_startup

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import FastAPI, Query
from pydantic import TypeAdapter

from alert_routes import add_alert_routes
from bakeoff_core.clock import Clock, utc_now
from bakeoff_core.experiments.alert_rules import AlertRules
from bakeoff_core.experiments.ending import Endings
from bakeoff_core.experiments.history import history_of
from bakeoff_core.experiments.lifecycle import Action
from bakeoff_core.experiments.management import ExperimentManager
from bakeoff_core.experiments.model import Experiment, ExperimentDefinition
from bakeoff_core.experiments.planning import Planned, Planner, read_documents
from bakeoff_core.experiments.reach import Reach
from bakeoff_core.experiments.schedule import Schedule
from bakeoff_core.http.fastapi_app import create_app, lambda_handler
from bakeoff_core.settings import Settings
from bakeoff_core.stores.alerts import AlertStore, DynamoAlertStore
from bakeoff_core.stores.aws import client, tables
from bakeoff_core.stores.experiments import DynamoExperimentStore
from bakeoff_core.stores.models import DynamoModelRegistry
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.overviews import DynamoOverviewStore, OverviewStore
from bakeoff_core.stores.target_users import TargetUserLists
from bakeoff_core.telemetry import logger
from documentation import add_documentation
from ending_routes import add_ending_routes
from experiment_answers import HistoryLine, Plan, PlannedExperiment
from request_parts import Actor, Document, Json, Name, documented_body


def _file_schema() -> dict[str, Any]:
    experiments = {"type": "array", "items": {"type": "object"}}
    return {
        "oneOf": [
            {"type": "object", "required": ["experiments"], "properties": {"experiments": experiments}},
            experiments,
        ]
    }


def _schedule_schema() -> dict[str, Any]:
    return TypeAdapter(Schedule | None).json_schema()


_DOCUMENTED_EXPERIMENT = documented_body(ExperimentDefinition.model_json_schema)
_DOCUMENTED_FILE = documented_body(_file_schema)
_DOCUMENTED_SCHEDULE = documented_body(_schedule_schema)
_DOCUMENTED_ALERT_RULES = documented_body(AlertRules.model_json_schema)


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes call.

    Attributes:
        manager: Does what may be done to experiments.
        endings: Ends them.
        alerts: Where their alerts are kept.
        clock: The time.
    """

    manager: ExperimentManager
    endings: Endings
    alerts: AlertStore
    clock: Clock


def _planned(planned: list[Planned], *, dry_run: bool) -> Plan:
    refused = [each for each in planned if each.action == "refused"]
    experiments = [PlannedExperiment.model_validate(each.to_json()) for each in planned]
    return Plan(applied=not dry_run and not refused, experiments=experiments)


def build_app(services: Services) -> FastAPI:
    """Make the routes.

    Args:
        services: What they call.
    """
    app, manager = create_app("Bakeoff experiments"), services.manager

    @app.get("/ab_test/experiments")
    async def list_experiments() -> list[Experiment]:
        return manager.list()

    @app.post("/ab_test/experiments", status_code=201, openapi_extra=_DOCUMENTED_EXPERIMENT)
    async def create_experiment(document: Document, actor: Actor) -> Experiment:
        return manager.create(document, actor)

    @app.put("/ab_test/experiments", openapi_extra=_DOCUMENTED_FILE)
    async def apply_experiments(
        file: Json,
        actor: Actor,
        *,
        dry_run: Annotated[bool, Query()] = False,
        new_version: Annotated[bool, Query()] = False,
    ) -> Plan:
        planner, documents = Planner(manager, new_version=new_version), read_documents(file)
        return _planned(planner.plan(documents) if dry_run else planner.apply(documents, actor), dry_run=dry_run)

    @app.get("/ab_test/experiments/{name}")
    async def read_experiment(name: Name) -> Experiment:
        return manager.get(name)

    @app.put("/ab_test/experiments/{name}", openapi_extra=_DOCUMENTED_EXPERIMENT)
    async def change_experiment(
        name: Name, document: Document, actor: Actor, *, new_version: Annotated[bool, Query()] = False
    ) -> Experiment:
        return manager.change(name, document, actor, new_version=new_version)

    @app.delete("/ab_test/experiments/{name}")
    async def archive_experiment(name: Name, actor: Actor) -> Experiment:
        return manager.archive(name, actor)

    @app.get("/ab_test/experiments/{name}/history", response_model_exclude_unset=True)
    async def read_history(name: Name) -> list[HistoryLine]:
        return [HistoryLine.model_validate(line) for line in history_of(manager.history(name))]

    _add_parts(app, manager)
    for action in ("start", "pause", "resume"):
        _add_action(app, manager, action)
    add_ending_routes(app, services.endings)
    add_alert_routes(app, manager, services.alerts, services.clock)
    add_documentation(app)

    return app


def _add_parts(app: FastAPI, manager: ExperimentManager) -> None:
    @app.put("/ab_test/experiments/{name}/schedule", openapi_extra=_DOCUMENTED_SCHEDULE)
    async def change_schedule(name: Name, schedule: Json, actor: Actor) -> Experiment:
        return manager.change_part(name, "schedule", schedule, actor)

    @app.put("/ab_test/experiments/{name}/alert_rules", openapi_extra=_DOCUMENTED_ALERT_RULES)
    async def change_alert_rules(name: Name, rules: Json, actor: Actor) -> Experiment:
        return manager.change_part(name, "alert_rules", rules, actor)


def _add_action(app: FastAPI, manager: ExperimentManager, action: Action) -> None:
    @app.post(f"/ab_test/experiments/{{name}}/{action}", name=f"{action}_experiment")
    async def move_experiment(name: Name, actor: Actor) -> Experiment:
        return manager.move(name, action, actor)


def winner_in(overviews: OverviewStore) -> Callable[[Experiment], str | None]:
    """Make what names the treatment that the latest look at an experiment says to implement, if it does."""

    def winner_of(experiment: Experiment) -> str | None:
        overview = overviews.read([experiment.name]).get(experiment.name)
        if overview is None or overview.config_version != experiment.config_version:
            return None
        return overview.decision.group if overview.decision.verdict == "implement" else None

    return winner_of


def _build_app(settings: Settings) -> FastAPI:
    table = tables()
    store = DynamoExperimentStore(table(settings.experiments_table))
    models = DynamoModelRegistry(table(settings.models_table))
    manager = ExperimentManager(
        store,
        models,
        utc_now,
        settings.custom_algorithms,
        lists=TargetUserLists(S3ObjectStore(client("s3"), settings.model_bucket)),
        reach=Reach(
            bool(settings.email_sender),
            settings.notification_topics | {settings.alert_topic},
            settings.notification_secrets,
            settings.webhook_networks,
        ),
    )
    endings = Endings(store, models, utc_now, winner_in(DynamoOverviewStore(table(settings.overviews_table))))
    return build_app(Services(manager, endings, DynamoAlertStore(table(settings.alerts_table)), utc_now))


_settings = Settings.from_environment()
_handler = lambda_handler(_build_app(_settings), _settings.origin_secret)
end_startup()


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request from API Gateway or a function URL."""
    return _handler(event, context)
