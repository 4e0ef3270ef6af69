"""Which engine a deployment runs."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from bakeoff_core.clock import Clock
from bakeoff_core.settings import Settings
from bakeoff_core.stores.objects import ObjectStore

if TYPE_CHECKING:
    from engine.athena_engine import AthenaEngine
    from engine.duckdb_engine import DuckDBEngine

    OpenEngine = Callable[[], AbstractContextManager[DuckDBEngine | AthenaEngine]]


def engine_opener(settings: Settings, events: ObjectStore, client: Callable[[str], Any], clock: Clock) -> "OpenEngine":
    """Make what opens the configured engine for one invocation.

    Args:
        settings: Name it.
        events: The store of the event bucket, which DuckDB reads.
        client: Makes a client of an AWS service.
        clock: The time.
    """
    if settings.engine == "athena":
        return partial(_athena, settings, client("athena"), clock)
    return partial(_duckdb, settings, events)


# An engine brings its packages in when it is first opened.


@contextmanager
def _duckdb(settings: Settings, events: ObjectStore) -> "Iterator[DuckDBEngine]":
    from engine.duckdb_engine import duckdb_over  # noqa: PLC0415

    with duckdb_over(events, memory_mb=settings.memory_mb) as engine:
        yield engine


@contextmanager
def _athena(settings: Settings, client: Any, clock: Clock) -> "Iterator[AthenaEngine]":
    from engine.athena_engine import AthenaEngine  # noqa: PLC0415
    from engine.athena_queries import AthenaPlace, AthenaQueries, Limits  # noqa: PLC0415

    place = AthenaPlace(settings.athena_workgroup, settings.athena_database, settings.athena_output)
    limits = Limits(settings.athena_seconds, settings.athena_bytes)
    yield AthenaEngine(AthenaQueries(client, place, limits, monotonic=time.monotonic, sleep=time.sleep), clock)
