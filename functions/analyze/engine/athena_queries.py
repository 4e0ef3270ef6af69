"""Queries on Amazon Athena: started, waited for, read page by page, and stopped when they cost or last too much."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from bakeoff_core.errors import DependencyUnavailable, Unavailable
from bakeoff_core.stores.aws import aws_failures
from bakeoff_core.telemetry import logger

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 3.0
_BACK_OFF = 1.5
_ATTEMPTS = 2
_RUNNING = frozenset({"QUEUED", "RUNNING"})
_SUCCEEDED = "SUCCEEDED"

Row = tuple[str | None, ...]


class QueryFailed(DependencyUnavailable):
    """Athena could not run a query; the log says why."""

    def __init__(self) -> None:
        super().__init__("the analysis in Amazon Athena")


class QueryTooExpensive(Unavailable):
    """A query read more than it may, and was stopped."""

    def __init__(self, scanned: int, limit: int) -> None:
        super().__init__(f"the analysis read {scanned:,} bytes, above the limit of {limit:,}: it was stopped")


class QueryTooSlow(Unavailable):
    """A query took longer than it may, and was stopped."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the analysis took longer than {seconds:g} seconds in Amazon Athena: it was stopped")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may cost.

    Attributes:
        seconds: How long it may take, the wait for its turn included.
        bytes_scanned: How much it may read. Athena reports what a query has read while it runs, and late: the
            workgroup's own limit stops it sooner.
    """

    seconds: float = 240
    bytes_scanned: int = 10 * 1024**3


@dataclass(frozen=True, slots=True)
class AthenaPlace:
    """Where queries run.

    Attributes:
        workgroup: Its settings decide on encryption and on the limit that Athena itself enforces.
        database: The database of the tables.
        output: The S3 location of results, such as s3://bucket/athena/; empty where the workgroup has one.
    """

    workgroup: str
    database: str
    output: str = ""


class AthenaQueries:
    """Runs SELECT statements on Athena.

    Args:
        client: A boto3 Athena client.
        place: Where queries run.
        limits: What one query may cost.
        monotonic: A clock in seconds that never goes back.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        client: Any,
        place: AthenaPlace,
        limits: Limits,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._client = client
        self._place = place
        self._limits = limits
        self._monotonic = monotonic
        self._sleep = sleep

    def rows(self, query: str) -> Iterator[Row]:
        """Run a query and read its rows, every value as text.

        Raises:
            QueryFailed: Athena could not run it, although a fault of Athena's own was tried again.
            QueryTooExpensive: It read more bytes than it may.
            QueryTooSlow: It took longer than it may.
            DependencyUnavailable: Athena does not answer.
        """
        deadline = self._monotonic() + self._limits.seconds
        for attempt in range(1, _ATTEMPTS + 1):
            execution_id = self._start(query)
            with self._stopped_on_failure(execution_id):
                execution = self._wait(execution_id, deadline)
            status = execution["Status"]
            if status["State"] == _SUCCEEDED:
                return self._read(execution_id)
            logger.error(
                "athena query failed",
                execution=execution_id,
                state=status["State"],
                reason=status.get("StateChangeReason"),
            )
            if not status.get("AthenaError", {}).get("Retryable") or attempt == _ATTEMPTS:
                break
        raise QueryFailed

    def _start(self, query: str) -> str:
        place = self._place
        result = {"ResultConfiguration": {"OutputLocation": place.output}} if place.output else {}
        with aws_failures("Amazon Athena"):
            started = self._client.start_query_execution(
                QueryString=query,
                QueryExecutionContext={"Database": place.database},
                WorkGroup=place.workgroup,
                **result,
            )
        execution_id: str = started["QueryExecutionId"]
        return execution_id

    def _wait(self, execution_id: str, deadline: float) -> dict[str, Any]:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            with aws_failures("Amazon Athena"):
                execution: dict[str, Any] = self._client.get_query_execution(QueryExecutionId=execution_id)[
                    "QueryExecution"
                ]
            scanned = execution.get("Statistics", {}).get("DataScannedInBytes", 0)
            if scanned > self._limits.bytes_scanned:
                raise QueryTooExpensive(scanned, self._limits.bytes_scanned)
            if execution["Status"]["State"] not in _RUNNING:
                return execution
            if self._monotonic() + pause > deadline:
                raise QueryTooSlow(self._limits.seconds)
            self._sleep(pause)
            pause = min(pause * _BACK_OFF, _LONGEST_PAUSE_SECONDS)

    @contextmanager
    def _stopped_on_failure(self, execution_id: str) -> Iterator[None]:
        """Leave no query behind that nobody waits for: it would go on costing."""
        try:
            yield
        except BaseException:
            with suppress(BotoCoreError, ClientError):
                self._client.stop_query_execution(QueryExecutionId=execution_id)
            raise

    def _read(self, execution_id: str) -> Iterator[Row]:
        pages = self._client.get_paginator("get_query_results").paginate(QueryExecutionId=execution_id)
        heading = True
        with aws_failures("Amazon Athena"):
            for page in pages:
                rows = page["ResultSet"]["Rows"]
                # The first row of a SELECT names the columns.
                for row in rows[1:] if heading else rows:
                    yield tuple(value.get("VarCharValue") for value in row["Data"])
                heading = False
