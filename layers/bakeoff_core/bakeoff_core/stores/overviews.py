"""Where the latest look at each experiment is kept, small enough to read those of all experiments at once."""

from collections.abc import Iterable
from threading import Lock
from typing import Any, Protocol

from botocore.exceptions import ClientError
from pydantic import ValidationError

from bakeoff_core.clock import rfc3339
from bakeoff_core.experiments.overview import Overview
from bakeoff_core.stores.aws import aws_failures, batch_get

_WHAT = "the overview table"


class OverviewStore(Protocol):
    """The latest look at each experiment. Every implementation passes tests/contract/test_overview_store.py."""

    def put(self, overview: Overview) -> None:
        """Keep what a look came to, unless a later one is kept.

        A look without a report leaves the report of an earlier one in place.
        """
        ...

    def read(self, experiments: Iterable[str]) -> dict[str, Overview]:
        """Read the overviews of experiments by name; those that were never looked at are left out."""
        ...


class InMemoryOverviewStore:
    """Overviews in a dictionary."""

    def __init__(self) -> None:
        self._overviews: dict[str, Overview] = {}
        self._lock = Lock()

    def put(self, overview: Overview) -> None:
        """Keep what a look came to, unless a later one is kept."""
        with self._lock:
            kept = self._overviews.get(overview.experiment)
            if kept is not None and kept.computed_at > overview.computed_at:
                return
            report_id = overview.report_id or (kept.report_id if kept else None)
            self._overviews[overview.experiment] = overview.model_copy(update={"report_id": report_id})

    def read(self, experiments: Iterable[str]) -> dict[str, Overview]:
        """Read the overviews of experiments by name."""
        return {name: self._overviews[name] for name in experiments if name in self._overviews}


class DynamoOverviewStore:
    """Overviews in a DynamoDB table, one item an experiment.

    Args:
        table: A boto3 Table with hash key `name`.
    """

    def __init__(self, table: Any) -> None:
        self._table = table

    def put(self, overview: Overview) -> None:
        """Keep what a look came to, unless a later one is kept."""
        update = "SET document = :document, computed_at = :computed_at"
        values = {
            ":document": overview.model_dump_json(exclude={"report_id"}),
            ":computed_at": rfc3339(overview.computed_at),
        }
        if overview.report_id is not None:
            update += ", report_id = :report_id"
            values[":report_id"] = overview.report_id
        with aws_failures(_WHAT):
            try:
                self._table.update_item(
                    Key={"name": overview.experiment},
                    UpdateExpression=update,
                    ConditionExpression="attribute_not_exists(computed_at) OR computed_at <= :computed_at",
                    ExpressionAttributeValues=values,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise

    def read(self, experiments: Iterable[str]) -> dict[str, Overview]:
        """Read the overviews of experiments by name."""
        items = batch_get(self._table, [{"name": name} for name in dict.fromkeys(experiments)], _WHAT)
        read = {item["name"]: _overview_of(item) for item in items}
        return {name: overview for name, overview in read.items() if overview is not None}


def _overview_of(item: dict[str, Any]) -> Overview | None:
    try:
        overview = Overview.model_validate_json(item["document"])
    except ValidationError:  # an older release wrote it; the next look writes another
        return None
    return overview.model_copy(update={"report_id": item.get("report_id")})
