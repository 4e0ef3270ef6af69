"""What it reads to list all experiments: a scan of their table, beside a query of the index that lists them.

The items are those that the store writes for 200 experiments that were changed 19 times each; moto holds them, and both
ways must list the same. What DynamoDB would count for them is computed by its rules.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.environment import become

become("assign", "assign")

from moto import mock_aws  # noqa: E402 - importable from here on

from bakeoff_core.experiments.model import Experiment  # noqa: E402
from bakeoff_core.stores.aws import table  # noqa: E402
from bakeoff_core.stores.experiments import Audit, DynamoExperimentIndex, DynamoExperimentStore  # noqa: E402
from benchmarks.read_units import item_bytes, units  # noqa: E402
from benchmarks.report import Row, at_least, main  # noqa: E402
from tests.aws import create_experiments_table  # noqa: E402

TITLE = "Listing experiments"
EXPERIMENTS, CHANGES = 200, 20
NOW = datetime(2026, 1, 5, tzinfo=UTC)
AT_LEAST = 10

Item = Mapping[str, str | int]


class Recording:
    """A table that keeps what transactions put, by key."""

    name = "experiments"

    def __init__(self) -> None:
        self.meta = self.client = self
        self.items: dict[tuple[str, str], Item] = {}

    def transact_write_items(self, *, TransactItems: Sequence[Mapping[str, Any]]) -> None:  # noqa: N803 - AWS's name
        """Keep the items."""
        for each in TransactItems:
            item = each["Put"]["Item"]
            self.items[item["name"], item["item"]] = item


def written() -> Recording:
    """Let the store write all experiments and their changes."""
    recording = Recording()
    store = DynamoExperimentStore(recording)
    for number in range(EXPERIMENTS):
        present = _experiment(number)
        for change in range(CHANGES):
            described = present.model_copy(update={"description": f"as of change {change}"})
            present = store.put(described, Audit("ann", "change", NOW))
    return recording


def _experiment(number: int) -> Experiment:
    groups = [
        {"name": name, "weight": 0.5, "model_name": "recommendation", "model_version": version, "parameters": {"k": 1}}
        for name, version in (("control", "v1"), ("treatment", "v2"))
    ]
    return Experiment.model_validate(
        {
            "name": f"experiment_{number:03}",
            "groups": groups,
            "targeting": {"country": {"$in": ["DE", "AT"]}, "version": {"$gte": 3}},
            "metrics": ["click_rate", "purchase_rate", "revenue"],
            "hypotheses": ["Users click more often on what the new model recommends."],
            "status": "running",
            "start_time": NOW,
            "created_at": NOW,
            "updated_at": NOW,
        }
    )


def _read(items: Mapping[tuple[str, str], Item]) -> dict[str, int]:
    """List the experiments in both ways, and count the items that each looked at."""
    with mock_aws():
        create_experiments_table()
        experiments, looked_at = table("experiments"), {"Scan": 0, "Query": 0}
        with experiments.batch_writer() as batch:
            for item in items.values():
                batch.put_item(Item=dict(item))

        def count(parsed: Mapping[str, Any], model: Any, **_: object) -> None:
            looked_at[model.name] = looked_at.get(model.name, 0) + parsed.get("ScannedCount", 0)

        experiments.meta.client.meta.events.register("after-call.dynamodb", count)
        if DynamoExperimentStore(experiments).list() != DynamoExperimentIndex(experiments).listed():
            raise RuntimeError("the index lists other experiments than the table")
    return looked_at


def run() -> Sequence[Row]:
    """Count."""
    items = written().items
    looked_at = _read(items)
    ways = {"Scan": [*items.values()], "Query": [item for item in items.values() if "listed" in item]}
    if looked_at != {name: len(read) for name, read in ways.items()}:
        raise RuntimeError(f"looked at {looked_at}")
    scan, query = (
        f"{len(read):,} items, {sum(map(item_bytes, read)) / 1e6:.2f} MB, {units(read):,.1f} read units"
        for read in ways.values()
    )
    return [
        at_least(
            f"read units to list {EXPERIMENTS} experiments of {CHANGES} changes each, a scan over the index",
            units(ways["Scan"]) / units(ways["Query"]),
            AT_LEAST,
            f"{scan}; by the index {query}",
        )
    ]


if __name__ == "__main__":
    main(TITLE, run)
