"""Lambda entry point: the group a user is in (POST /ab_test/assign)."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from bakeoff_core.assignment.assigner import Assigner
from bakeoff_core.assignment.deployment import deployed_allocator
from bakeoff_core.clock import utc_now
from bakeoff_core.events.recorder import EventRecorder
from bakeoff_core.http import HttpApi, http_api, parse
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import client, impatient_table
from bakeoff_core.stores.experiments import CachedExperiments, DynamoExperimentStore
from bakeoff_core.stores.streams import KinesisEventStream, SqsEventQueue
from bakeoff_core.telemetry import count, logger
from bakeoff_core.validation import FiniteJson, Name, UnitId


class AssignRequest(BaseModel):
    """Who is to be assigned, and to what."""

    model_config = ConfigDict(extra="forbid")

    user_id: UnitId
    experiment_name: Name
    context: dict[str, FiniteJson] = {}


def build_api(assigner: Assigner, recorder: EventRecorder) -> HttpApi:
    """Make the route.

    Args:
        assigner: Decides.
        recorder: Records that a unit met its group.
    """
    api = http_api()

    @api.post("/ab_test/assign")
    def assign() -> dict[str, Any]:
        request = parse(AssignRequest, api.body)
        assignment = assigner.assign(request.experiment_name, request.user_id, request.context)
        if assignment.group is not None:
            recorder.record(recorder.exposure(assignment, request.context))
            count("assignment_total", experiment=request.experiment_name, group=assignment.group.name)
        return assignment.to_json()

    return api


def _build_api(settings: Settings) -> HttpApi:
    experiments = CachedExperiments(
        DynamoExperimentStore(impatient_table(settings.experiments_table)),
        settings.configuration_max_age_seconds,
        utc_now,
        lambda name: count("stale_configuration_total", experiment=name),
    )
    recorder = EventRecorder(
        KinesisEventStream(client("kinesis"), settings.event_stream),
        SqsEventQueue(client("sqs"), settings.fallback_queue),
        utc_now,
    )
    return build_api(Assigner(experiments, utc_now, deployed_allocator(settings)), recorder)


_api = _build_api(Settings.from_environment())


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request from API Gateway or a function URL."""
    return _api.resolve(event, context)
