"""Lambda entry point: what users did (POST /ab_test/events)."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bakeoff_core.clock import utc_now
from bakeoff_core.events.intake import EventIntake
from bakeoff_core.http import HttpApi, http_api, parse_json
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import client
from bakeoff_core.stores.streams import KinesisEventStream
from bakeoff_core.telemetry import count, logger


def build_api(intake: EventIntake) -> HttpApi:
    """Make the route.

    Args:
        intake: Checks events and puts them on the stream.
    """
    api = http_api()

    @api.post("/ab_test/events")
    def take_events() -> tuple[dict[str, Any], int]:
        document = parse_json(api.body)
        outcomes = intake.accept(document if isinstance(document, list) else [document])
        accepted = sum(not outcome.errors for outcome in outcomes)
        rejected = len(outcomes) - accepted
        count("event_accepted_total", accepted)
        if rejected:
            count("event_rejected_total", rejected)
        results = [outcome.to_json() for outcome in outcomes]
        return {"accepted": accepted, "rejected": rejected, "results": results}, 202

    return api


def _build_api(settings: Settings) -> HttpApi:
    return build_api(EventIntake(KinesisEventStream(client("kinesis"), settings.event_stream), utc_now))


_api = _build_api(Settings.from_environment())


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request from API Gateway or a function URL."""
    return _api.resolve(event, context)
