"""Lambda entry point: the scheduled compaction of closed hours (EventBridge)."""

from bakeoff_core.startup import end_startup

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bakeoff_core.clock import utc_now
from bakeoff_core.lake.compaction import Bounds, Compactor
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import client
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.telemetry import count, logger

_RESERVE_MILLISECONDS = 60_000
_SMALLEST_MEMORY_MB = 192


class CompactionFailed(Exception):
    """At least one hour could not be compacted; all the others were, and its objects are read as they are."""


def compact(compactor: Compactor, context: LambdaContext) -> dict[str, Any]:
    """Compact closed hours until all are done or the time is nearly over.

    Args:
        compactor: Rewrites the hours.
        context: Knows how much time is left.

    Raises:
        CompactionFailed: Some hour could not be compacted.
    """
    outcome = compactor.run(out_of_time=lambda: context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS)
    for name, value in (
        ("compaction_written_total", outcome.written),
        ("compaction_objects_total", outcome.objects),
        ("compaction_failed_total", len(outcome.failed)),
    ):
        if value:
            count(name, value)
    logger.info("hours compacted", **asdict(outcome))
    if outcome.failed:
        raise CompactionFailed(f"could not compact {', '.join(outcome.failed)}")
    return {**asdict(outcome), "failed": []}


def _build_compactor(settings: Settings) -> Compactor:
    bounds = Bounds(memory_limit_mb=max(_SMALLEST_MEMORY_MB, settings.memory_mb // 4))
    return Compactor(S3ObjectStore(client("s3"), settings.event_bucket), utc_now, bounds)


_compactor = _build_compactor(Settings.from_environment())
end_startup()


@logger.inject_lambda_context
def handler(_event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Compact the closed hours that have new objects."""
    return compact(_compactor, context)
