"""Measures delivery, compaction and analysis of many events of one hour: how long, and how much memory at most.

    python benchmarks/events.py --events 2000000

Every step runs in a process of its own, as a function does, on objects in a folder. Times are of this machine;
what holds elsewhere are the ratios and the memory.
"""

import argparse
import base64
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parent.parent
for name in ("functions/ingest_event", "functions/analyze", "layers/bakeoff_core"):
    sys.path.insert(0, str(ROOT / name))
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from bakeoff_core.events.model import Event  # noqa: E402 - the folders of the functions come first
from bakeoff_core.experiments.model import Experiment  # noqa: E402
from bakeoff_core.lake.compaction import Bounds, Compactor  # noqa: E402
from bakeoff_core.stores.objects import InMemoryObjectStore, ObjectChanged, ObjectNotFound  # noqa: E402
from bakeoff_core.stores.tallies import InMemoryTallyStore  # noqa: E402

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECORDS_A_BATCH = 2_000
EVERY_TENTH = 10
KINDS = ("exposure", "exposure", "click", "click", "revenue")
COMPACTION_MEMORY_MB = 1_024 // 4  # what the function gives DuckDB
ANALYSIS_MEMORY_MB = 1_769
KIBIBYTES_A_MEGABYTE = 1_000_000 / 1_024


class FolderObjects(InMemoryObjectStore):
    """Objects as files, so that they do not count as memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def get(self, key: str) -> bytes:
        """Read an object."""
        try:
            return (self._folder / key).read_bytes()
        except FileNotFoundError:
            raise ObjectNotFound(key) from None

    def put(self, key: str, body: bytes, content_type: str) -> None:  # noqa: ARG002 - files have no type
        """Write an object."""
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def download(self, key: str, path: Path) -> None:
        """Read an object into a file, without a second copy of it."""
        path.symlink_to(self._folder / key)

    def version(self, key: str) -> str | None:
        """Tell an object's content by its time and size."""
        path = self._folder / key
        if not path.exists():
            return None
        return md5(f"{path.stat().st_mtime_ns} {path.stat().st_size}".encode(), usedforsecurity=False).hexdigest()

    def replace(self, key: str, path: Path, content_type: str, expected: str | None) -> None:  # noqa: ARG002
        """Move a file into an object's place."""
        if self.version(key) != expected:
            raise ObjectChanged(key)
        target = self._folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects."""
        for key in keys:
            (self._folder / key).unlink(missing_ok=True)

    def list(self, prefix: str, start_after: str = "") -> list[str]:
        """List keys."""
        found = (str(path.relative_to(self._folder)) for path in (self._folder / prefix).rglob("*") if path.is_file())
        return sorted(key for key in found if key > start_after)


def events(count: int) -> Iterator[Event]:
    """Make exposures, clicks and purchases of a fifth as many users, with contexts as they are in practice."""
    random = Random(1)  # noqa: S311 - a benchmark
    users = count // 5
    for number in range(count):
        user = random.randrange(users)
        moment = NOON + timedelta(seconds=3_600 * number / count)
        fields: dict[str, Any] = {"event_type": "exposure", "experiment_name": "checkout", "config_version": 1}
        kind = KINDS[number % len(KINDS)]
        if kind == "exposure":
            metadata: dict[str, Any] = {"assignment_id": f"{user:032x}", "context": {"country": "DE", "plan": "basic"}}
            fields |= {"group_name": ("control", "treatment")[user % 2], "propensity": 0.5, "metadata": metadata}
        elif kind == "click":
            fields = {"event_type": "click", "metadata": {"page": f"/item/{number % 9_999}", "position": number % 7}}
        else:
            fields = {"event_type": "revenue", "event_value": round(random.expovariate(0.05), 2)}
        yield Event(
            event_id=f"019cb0a2-{random.getrandbits(80):020x}",
            user_id=f"user-{user}",
            timestamp=moment,
            received_at=moment,
            **fields,
        )


def deliver_all(folder: Path, count: int) -> dict[str, Any]:
    """Deliver the events in batches, and of every tenth batch the first half again, as after a split."""
    from deliver import deliver  # noqa: PLC0415 - only this step's process imports it
    from delivery import Deliverer  # noqa: PLC0415
    from failed_batches import FailedBatches  # noqa: PLC0415

    tallies = InMemoryTallyStore()
    deliverer = Deliverer(FolderObjects(folder), tallies, lambda: NOON)
    batch: list[dict[str, Any]] = []
    seconds = 0.0
    standard_output, sys.stdout = sys.stdout, Path(os.devnull).open("w")  # noqa: SIM115 - metrics, for CloudWatch
    for number, event in enumerate(events(count), start=1):
        sequence = f"{number:020}"
        batch.append(
            {
                "eventID": f"shardId-000000000000:{sequence}",
                "kinesis": {
                    "sequenceNumber": sequence,
                    "approximateArrivalTimestamp": event.received_at.timestamp(),
                    "data": base64.b64encode(event.to_line()).decode(),
                },
            }
        )
        if len(batch) == RECORDS_A_BATCH or number == count:
            started = time.perf_counter()
            deliver({"Records": batch}, deliverer, FailedBatches(None))
            if number // RECORDS_A_BATCH % EVERY_TENTH == 0:
                deliver({"Records": batch[: len(batch) // 2]}, deliverer, FailedBatches(None))
            seconds += time.perf_counter() - started
            tallies = InMemoryTallyStore()  # what DynamoDB would hold is not the function's memory
            deliverer = Deliverer(FolderObjects(folder), tallies, lambda: NOON)
            batch = []
    sys.stdout = standard_output
    return {"seconds": seconds, "megabytes": size(folder / "events")}


def compact(folder: Path, _count: int) -> dict[str, Any]:
    """Compact the hour, and delete what was delivered."""
    hours_later = [3.0]
    compactor = Compactor(
        FolderObjects(folder),
        lambda: NOON + timedelta(hours=hours_later[0]),
        Bounds(memory_limit_mb=COMPACTION_MEMORY_MB),
    )
    started = time.perf_counter()
    outcome = compactor.run()
    seconds = time.perf_counter() - started
    if outcome.written != 1 or outcome.failed:
        raise RuntimeError(f"not compacted: {outcome}")
    hours_later[0] = 9.0
    compactor.run()
    return {"seconds": seconds, "megabytes": size(folder / "compacted")}


def analyse(folder: Path, _count: int) -> dict[str, Any]:
    """Sum the events up for an experiment."""
    from engine.duckdb_engine import duckdb_over  # noqa: PLC0415 - only this step's process imports it

    experiment = Experiment.model_validate(
        {
            "name": "checkout",
            "status": "running",
            "groups": [{"name": "control", "weight": 0.5}, {"name": "treatment", "weight": 0.5}],
            "metrics": ["click_rate", "revenue"],
            "created_at": NOON,
            "updated_at": NOON,
        }
    )
    started = time.perf_counter()
    with duckdb_over(FolderObjects(folder), memory_mb=ANALYSIS_MEMORY_MB) as engine:
        summary = engine.summarise(experiment)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "users": {name: group.n for name, group in summary.groups.items()}}


def size(folder: Path) -> float:
    """The megabytes of a folder's files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1_000_000


def _measured(step: Callable[[Path, int], dict[str, Any]], folder: Path, count: int, results: Any) -> None:
    outcome = step(folder, count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES_A_MEGABYTE
    results.put(outcome | {"peak_megabytes": peak})


def measure(step: Callable[[Path, int], dict[str, Any]], folder: Path, count: int) -> dict[str, Any]:
    """Run a step in a process of its own, and add the most memory that it had."""
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    process = context.Process(target=_measured, args=(step, folder, count, results))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{step.__name__} failed")
    outcome: dict[str, Any] = results.get()
    return outcome


def main() -> None:
    """Measure all steps and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000_000)
    count = parser.parse_args().events
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        delivered = measure(deliver_all, folder, count)
        from_lines = measure(analyse, folder, count)
        compacted = measure(compact, folder, count)
        from_parquet = measure(analyse, folder, count)
    if from_lines["users"] != from_parquet["users"]:
        raise RuntimeError("the analysis of Parquet differs from that of NDJSON")
    print(f"{count:,} events of one hour, {sum(from_lines['users'].values()):,} users")
    print(f"{'step':<28}{'seconds':>9}{'peak MB':>9}{'wrote MB':>10}")
    for name, outcome in (
        ("delivery", delivered),
        ("compaction", compacted),
        ("analysis of gzip NDJSON", from_lines),
        ("analysis of Parquet", from_parquet),
    ):
        wrote = f"{outcome['megabytes']:10.1f}" if "megabytes" in outcome else ""
        print(f"{name:<28}{outcome['seconds']:9.1f}{outcome['peak_megabytes']:9.0f}{wrote}")
    print(f"delivery: {count / delivered['seconds']:,.0f} events a second")
    print(f"Parquet is {compacted['megabytes'] / delivered['megabytes']:.2f} of the size of gzip NDJSON")
    print(f"analysis of Parquet takes {from_parquet['seconds'] / from_lines['seconds']:.2f} of the time")


if __name__ == "__main__":
    main()
