"""Lambda entry point: predictions, alone, in batches and in experiments, and the models behind them."""

from bakeoff_core.startup import end_startup

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

import sign_in
from bakeoff_core import __version__
from bakeoff_core.assignment.assigner import Assigner
from bakeoff_core.assignment.deployment import deployed_allocator
from bakeoff_core.clock import Clock, rfc3339, utc_now
from bakeoff_core.events.recorder import EventRecorder
from bakeoff_core.http import HttpApi, Response, http_api, parse
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import client, impatient_client, impatient_table, table
from bakeoff_core.stores.experiments import CachedExperiments, DynamoExperimentStore
from bakeoff_core.stores.models import DynamoModelRegistry
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.streams import PATIENCE_OF_A_CALLER, KinesisEventStream, SqsEventQueue
from bakeoff_core.stores.target_users import TargetUserLists, TargetUserReader
from bakeoff_core.telemetry import count, naming_invocations, of_experiment
from deadline import Deadline
from deployment import deployed_deadline, deployed_server, deployed_shadows
from experiment_serving import predict_for
from fast_json import parse_numbers
from inference_routes import add_inference_routes
from model_administration import ModelAdministration
from model_serving import Answer, ModelServer
from prediction_bodies import (
    ExperimentPredictRequest,
    ModelRequest,
    PredictRequest,
    answer_body,
    batch_answer_body,
    check_bytes,
)
from prediction_log import PredictionLog, described
from shadowing import Shadows


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes call."""

    server: ModelServer
    administration: ModelAdministration
    assigner: Assigner
    shadows: Shadows
    deadline: Deadline
    log: PredictionLog
    clock: Clock


def build_api(services: Services) -> HttpApi:
    """Make the routes.

    Args:
        services: What they call.
    """
    api = http_api()
    _add_model_routes(api, services)
    _add_prediction_routes(api, services)
    add_inference_routes(api, services)
    return api


def _add_model_routes(api: HttpApi, services: Services) -> None:
    administration = services.administration

    @api.get("/")
    def root() -> dict[str, Any] | Response:
        if sign_in.is_wanted(api.header("accept")):
            return Response(200, "text/html; charset=utf-8", sign_in.page(), dict(sign_in.headers()))
        return {
            "service": "bakeoff",
            "version": __version__,
            "status": "running",
            "timestamp": rfc3339(services.clock()),
        }

    @api.get("/health")
    def health() -> dict[str, Any]:
        return administration.health()

    @api.get("/models")
    def models() -> dict[str, Any]:
        return {"models": administration.list()}

    @api.post("/models/load")
    def load() -> dict[str, Any]:
        request = parse(ModelRequest, api.body)
        return administration.load(request.model_name, request.model_version)

    @api.post("/models/unload")
    def unload() -> dict[str, Any]:
        request = parse(ModelRequest, api.body)
        return administration.unload(request.model_name, request.model_version)


def _add_prediction_routes(api: HttpApi, services: Services) -> None:
    server, log, clock = services.server, services.log, services.clock

    @api.post("/predict")
    def predict() -> dict[str, Any]:
        request = parse_numbers(PredictRequest, api.body)
        request_id = request.request_id or api.request_id
        answer = server.predict(
            request.model_name, request.model_version, request.values, request.loc, engineered=request.engineered
        )
        log.single(answer, lambda: request.values, request_id)
        return answer_body(answer, request_id, rfc3339(clock()), None)

    @api.post("/batch_predict")
    def batch_predict() -> dict[str, Any]:
        body = api.content
        check_bytes(body)
        request = parse_numbers(PredictRequest, body)
        request_id = request.request_id or api.request_id
        answer = server.predict_batch(
            request.model_name, request.model_version, request.rows, request.loc, engineered=request.engineered
        )
        log.batch(answer, request.rows, request_id)
        return batch_answer_body(answer, request_id, rfc3339(clock()))

    @api.post("/ab_test/predict")
    def experiment_predict() -> dict[str, Any]:
        request = parse(ExperimentPredictRequest, api.body)
        request_id = request.request_id or api.request_id
        of_experiment(request.experiment_name)
        assignment = services.assigner.assign(request.experiment_name, request.user_id, request.context)

        def call(name: str, version: str | None) -> Answer:
            return server.predict(name, version, request.features, "features")

        chosen = predict_for(assignment, call, services.shadows, described)
        if assignment.group is None:
            log.single(chosen.answer, lambda: request.features, request_id)
        else:
            count("assignment_total", experiment=request.experiment_name, group=assignment.group.name)
            log.in_experiment(chosen, request.features, request_id, assignment, request.context)
        group_name = assignment.group.name if assignment.group else None
        return {
            **answer_body(chosen.answer, request_id, rfc3339(clock()), group_name),
            "fallback": chosen.fallback,
        }


def _services(settings: Settings) -> Services:
    max_age = settings.configuration_max_age_seconds
    store = DynamoExperimentStore(table(settings.experiments_table))
    lists = TargetUserLists(S3ObjectStore(impatient_client("s3"), settings.model_bucket))
    experiments = CachedExperiments(
        DynamoExperimentStore(impatient_table(settings.experiments_table)),
        max_age,
        utc_now,
        lambda name: count("stale_configuration_total", experiment=name),
        TargetUserReader(lists.load).complete,
    )
    registry = DynamoModelRegistry(table(settings.models_table))
    objects = S3ObjectStore(client("s3"), settings.model_bucket)
    deadline = deployed_deadline()
    # Who serves has what the registry said last, and need not wait for it.
    server = deployed_server(settings, DynamoModelRegistry(impatient_table(settings.models_table)), objects, deadline)
    recorder = EventRecorder(
        KinesisEventStream(impatient_client("kinesis"), settings.event_stream, PATIENCE_OF_A_CALLER),
        SqsEventQueue(impatient_client("sqs"), settings.fallback_queue),
        utc_now,
    )
    return Services(
        server=server,
        administration=ModelAdministration(registry, server, store, utc_now),
        assigner=Assigner(experiments, utc_now, deployed_allocator(settings)),
        shadows=deployed_shadows(settings, deadline),
        deadline=deadline,
        log=PredictionLog(recorder, settings.prediction_sample_rate, random.random),
        clock=utc_now,
    )


_settings = Settings.from_environment()
_deployed = _services(_settings)
_api = build_api(_deployed).behind(_settings.origin_secret)
end_startup()


@naming_invocations
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request from API Gateway or a function URL."""
    _deployed.deadline.start(context)
    return _api.resolve(event)
