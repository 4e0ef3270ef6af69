"""Lambda entry point: the scheduled refresh of the weights of running bandits (EventBridge)."""

from bakeoff_core.startup import end_startup

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bakeoff_core.clock import utc_now
from bakeoff_core.settings import Settings
from bakeoff_core.stores.arms import DynamoArmStore
from bakeoff_core.stores.aws import client, tables
from bakeoff_core.stores.experiments import DynamoExperimentIndex
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.telemetry import count, logger
from bandits import ArmCounter, BanditRefresher


class RefreshFailed(Exception):
    """At least one bandit keeps its old weights; all the others were looked after."""


Refresh = Callable[[], dict[str, Any]]


def build_refresh(
    refresher: BanditRefresher, open_counter: Callable[[], AbstractContextManager[ArmCounter]]
) -> Refresh:
    """Make what the handler calls.

    Args:
        refresher: Computes the weights.
        open_counter: Opens a counter of events for one invocation.
    """

    def refresh() -> dict[str, Any]:
        with ExitStack() as opened:
            outcome = refresher.run(cache(lambda: opened.enter_context(open_counter())))
        logger.info("bandits refreshed", **outcome.to_json())
        if outcome.failed:
            raise RefreshFailed(f"could not refresh {', '.join(outcome.failed)}")
        return outcome.to_json()

    return refresh


def report_failure(name: str, error: Exception) -> None:
    """Log and count a bandit that failed."""
    logger.error("refresh failed", experiment_name=name, exc_info=error)
    count("bandit_refresh_errors_total", experiment=name)


def _build_refresh(settings: Settings) -> Refresh:
    table = tables()
    refresher = BanditRefresher(
        DynamoExperimentIndex(table(settings.experiments_table), report_failure),
        DynamoArmStore(table(settings.arms_table)),
        utc_now,
        report_failure,
    )
    events = S3ObjectStore(client("s3"), settings.event_bucket)

    def open_counter() -> AbstractContextManager[ArmCounter]:
        from engine.choice import engine_opener  # noqa: PLC0415 - it brings DuckDB, and most rounds find no bandit

        return engine_opener(settings, events, client, utc_now)()

    return build_refresh(refresher, open_counter)


_refresh = _build_refresh(Settings.from_environment())
end_startup()


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Compute new weights for the running bandits whose epoch is over."""
    return _refresh()
