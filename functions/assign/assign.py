"""Lambda entry point: the group a user is in, by POST /ab_test/assign or as a feature flag by OFREP."""

from bakeoff_core.startup import end_startup

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

import ofrep
from bakeoff_core.assignment.assigner import Assigner, Assignment
from bakeoff_core.assignment.deployment import deployed_allocator
from bakeoff_core.clock import utc_now
from bakeoff_core.events.recorder import EventRecorder
from bakeoff_core.http import HttpApi, Response, http_api, json_response, parse
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import impatient_client, impatient_table
from bakeoff_core.stores.experiments import (
    CachedExperiments,
    DynamoExperimentIndex,
    DynamoExperimentStore,
    ListedExperiments,
)
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.streams import PATIENCE_OF_A_CALLER, KinesisEventStream, SqsEventQueue
from bakeoff_core.stores.target_users import TargetUserLists, TargetUserReader
from bakeoff_core.telemetry import count, logger, naming_invocations, of_experiment
from bakeoff_core.validation import FiniteJson, Name, UnitId


class AssignRequest(BaseModel):
    """Who is to be assigned, and to what."""

    model_config = ConfigDict(extra="forbid")

    user_id: UnitId
    experiment_name: Name
    context: dict[str, FiniteJson] = {}


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes call.

    Attributes:
        assigner: Decides.
        recorder: Records that a unit met its group.
        names: Names all experiments.
    """

    assigner: Assigner
    recorder: EventRecorder
    names: Callable[[], Sequence[str]]

    def expose(self, experiment_name: str, unit: str, context: Mapping[str, Any]) -> Assignment:
        """Assign a unit and record that it met its group.

        Raises:
            ExperimentNotFound: There is no such experiment.
        """
        of_experiment(experiment_name)
        assignment = self.assigner.assign(experiment_name, unit, context)
        if assignment.group is not None:
            self.recorder.record(self.recorder.exposure(assignment, context))
            count("assignment_total", experiment=experiment_name, group=assignment.group.name)
        return assignment


def build_api(services: Services) -> HttpApi:
    """Make the routes.

    Args:
        services: What they call.
    """
    api = http_api()

    @api.post("/ab_test/assign")
    def assign() -> dict[str, Any]:
        request = parse(AssignRequest, api.body)
        return services.expose(request.experiment_name, request.user_id, request.context).to_json()

    _add_flag_routes(api, services)
    return api


def _add_flag_routes(api: HttpApi, services: Services) -> None:
    api.errors_below(ofrep.PREFIX, ofrep.describe_error)

    @api.post("/ofrep/v1/evaluate/flags/<key>")
    def evaluate_flag(key: str) -> dict[str, Any]:
        ofrep.check_key(key)
        unit, context = ofrep.read_context(api.body)
        return ofrep.evaluation(services.expose(key, unit, context))

    @api.post("/ofrep/v1/evaluate/flags")
    def evaluate_flags() -> Response:
        unit, context = ofrep.read_context(api.body)
        flags = [_flag(services.assigner, name, unit, context) for name in services.names()]
        return _unless_known(api, json_response(HTTPStatus.OK, {"flags": flags}))


def _flag(assigner: Assigner, name: str, unit: str, context: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return ofrep.evaluation(assigner.assign(name, unit, context))
    except Exception as error:  # noqa: BLE001 - one flag that fails, for whatever reason, leaves the others their answers
        logger.exception("flag could not be evaluated", experiment_name=name)
        return ofrep.failure(name, error)


def _unless_known(api: HttpApi, answer: Response) -> Response:
    tag = ofrep.entity_tag(str(answer.body).encode())
    if ofrep.is_known(tag, api.header("if-none-match")):
        return Response(HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
    return answer._replace(headers={**answer.headers, "ETag": tag})


def _build_api(settings: Settings) -> HttpApi:
    lists = TargetUserLists(S3ObjectStore(impatient_client("s3"), settings.model_bucket))
    configurations, max_age = impatient_table(settings.experiments_table), settings.configuration_max_age_seconds

    def on_stale(name: str) -> None:
        count("stale_configuration_total", experiment=name)

    complete = TargetUserReader(lists.load).complete
    experiments = CachedExperiments(DynamoExperimentStore(configurations), max_age, utc_now, on_stale, complete)
    listed = ListedExperiments(DynamoExperimentIndex(configurations), experiments, max_age, utc_now, on_stale)
    recorder = EventRecorder(
        KinesisEventStream(impatient_client("kinesis"), settings.event_stream, PATIENCE_OF_A_CALLER),
        SqsEventQueue(impatient_client("sqs"), settings.fallback_queue),
        utc_now,
    )
    assigner = Assigner(experiments, utc_now, deployed_allocator(settings))
    return build_api(Services(assigner, recorder, listed.names)).behind(settings.origin_secret)


_api = _build_api(Settings.from_environment())
end_startup()


@naming_invocations
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer a request from API Gateway or a function URL."""
    return _api.resolve(event)
