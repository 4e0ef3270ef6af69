"""Lambda entry point: the management of experiments (/ab_test/experiments), with its documentation at /docs."""

from collections.abc import Mapping
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import Depends, FastAPI, Path, Query, Request
from pydantic import TypeAdapter

from bakeoff_core.clock import utc_now
from bakeoff_core.errors import InvalidInput
from bakeoff_core.experiments.alert_rules import AlertRules
from bakeoff_core.experiments.history import history_of
from bakeoff_core.experiments.lifecycle import Action
from bakeoff_core.experiments.management import ExperimentManager
from bakeoff_core.experiments.model import Experiment, ExperimentDefinition
from bakeoff_core.experiments.planning import Planned, Planner, read_documents
from bakeoff_core.experiments.schedule import Schedule
from bakeoff_core.http import parse_json
from bakeoff_core.http.callers import actor_of
from bakeoff_core.http.fastapi_app import create_app, lambda_handler
from bakeoff_core.experiments.reach import Reach
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import client, table
from bakeoff_core.stores.experiments import DynamoExperimentStore
from bakeoff_core.stores.models import DynamoModelRegistry
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.target_users import TargetUserLists
from bakeoff_core.telemetry import logger
from bakeoff_core.validation import NAME_PATTERN
from documentation import add_documentation
from experiment_answers import HistoryLine, Plan, PlannedExperiment

Name = Annotated[str, Path(pattern=NAME_PATTERN)]


async def _json(request: Request) -> Any:
    return parse_json(await request.body())


async def _document(request: Request) -> dict[str, Any]:
    document = await _json(request)
    if not isinstance(document, dict):
        raise InvalidInput.of("body", "must be a JSON object")
    return document


# The body is validated by the manager, whose errors name the field; the schema is for the documentation.
Document = Annotated[dict[str, Any], Depends(_document)]
Json = Annotated[Any, Depends(_json)]
_DOCUMENTED_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": ExperimentDefinition.model_json_schema()}},
    }
}


_EXPERIMENTS = {"type": "array", "items": {"type": "object"}}
_DOCUMENTED_FILE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"type": "object", "required": ["experiments"], "properties": {"experiments": _EXPERIMENTS}},
                        _EXPERIMENTS,
                    ]
                }
            }
        },
    }
}


_DOCUMENTED_SCHEDULE = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": TypeAdapter(Schedule | None).json_schema()}},
    }
}
_DOCUMENTED_ALERT_RULES = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": AlertRules.model_json_schema()}}}
}


def _actor(request: Request) -> str:
    return actor_of(request.scope.get("aws.event", {}))


Actor = Annotated[str, Depends(_actor)]


def _planned(planned: list[Planned], *, dry_run: bool) -> Plan:
    refused = [each for each in planned if each.action == "refused"]
    experiments = [PlannedExperiment.model_validate(each.to_json()) for each in planned]
    return Plan(applied=not dry_run and not refused, experiments=experiments)


def build_app(manager: ExperimentManager) -> FastAPI:
    """Make the routes.

    Args:
        manager: Does what they ask for.
    """
    app = create_app("Bakeoff experiments")

    @app.get("/ab_test/experiments")
    async def list_experiments() -> list[Experiment]:
        return manager.list()

    @app.post("/ab_test/experiments", status_code=201, openapi_extra=_DOCUMENTED_BODY)
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

    @app.put("/ab_test/experiments/{name}", openapi_extra=_DOCUMENTED_BODY)
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
    for action in ("start", "pause", "resume", "stop", "complete"):
        _add_action(app, manager, action)
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


def _build_app(settings: Settings) -> FastAPI:
    manager = ExperimentManager(
        DynamoExperimentStore(table(settings.experiments_table)),
        DynamoModelRegistry(table(settings.models_table)),
        utc_now,
        settings.custom_algorithms,
        lists=TargetUserLists(S3ObjectStore(client("s3"), settings.model_bucket)),
        reach=Reach(
            bool(settings.email_sender),
            settings.notification_topics | {settings.alert_topic},
            settings.notification_secrets,
        ),
    )
    return build_app(manager)


_settings = Settings.from_environment()
_handler = lambda_handler(_build_app(_settings), _settings.origin_secret)


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request from API Gateway or a function URL."""
    return _handler(event, context)
