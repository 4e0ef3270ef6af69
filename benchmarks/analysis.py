"""How long it takes from events in the lake to an experiment's full results, against a bare query over the same files.

    python benchmarks/analysis.py --events 2000000
    python benchmarks/analysis.py --events 200000 2000000 20000000 --memory-mb 1024

Both run in processes of their own, one after the other, so that each has its own peak of memory. The bare query reads
the same gzip NDJSON and sums up two metrics of two groups; it knows no duplicates, windows, caps, covariates, segments,
days or damaged lines.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

import duckdb

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "functions" / "analyze"), str(ROOT / "layers" / "bakeoff_core")]

from analysis import analyse  # noqa: E402 - importable from here on
from bakeoff_core.experiments.model import Experiment  # noqa: E402
from bakeoff_core.lake.files import EventFiles  # noqa: E402
from bakeoff_core.stores.objects import InMemoryObjectStore  # noqa: E402
from engine.duckdb_engine import DuckDBEngine  # noqa: E402

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 14
LINES_A_FILE = 250_000
EVENTS_A_USER = 8
THREADS = 2

GENERATE = """
COPY (
    SELECT
        1 AS schema_version,
        'e' || i AS event_id,
        CASE i % 8 WHEN 0 THEN 'exposure' WHEN 1 THEN 'click' WHEN 2 THEN 'revenue' ELSE 'view' END AS event_type,
        'user-' || user_number AS user_id,
        strftime(moment, '%Y-%m-%dT%H:%M:%S.%fZ') AS "timestamp",
        strftime(moment, '%Y-%m-%dT%H:%M:%S.%fZ') AS received_at,
        CASE WHEN i % 8 = 2 THEN (hash(i) % 10000) / 100 END AS event_value,
        CASE WHEN i % 8 = 0 THEN 'benchmark' END AS experiment_name,
        CASE WHEN i % 8 = 0 THEN CASE WHEN user_number % 2 = 0 THEN 'control' ELSE 'treatment' END END AS group_name,
        CASE WHEN i % 8 = 0 THEN 1 END AS config_version,
        CASE WHEN i % 8 = 0
            THEN {{'reason': 'split', 'context': {{'country': ['DE', 'AT', 'CH'][user_number % 3 + 1]}}}}::JSON
            ELSE {{'page': i % 50}}::JSON
        END AS metadata
    FROM (
        SELECT
            i,
            -- A user's exposure comes first, and of what follows one in two or three users does each.
            CAST(CASE WHEN i % 8 = 0 THEN i // 8 ELSE hash(i, 'user') % (i // 8 + 1) END AS BIGINT) AS user_number,
            TIMESTAMP '{start}' + to_microseconds((i * {spacing})::BIGINT) AS moment
        FROM range({first}, {last}) AS numbers (i)
    )
) TO '{file}' (FORMAT json, COMPRESSION gzip)
"""

BARE = """
WITH lines AS (
    SELECT * FROM read_json('{folder}/*.ndjson.gz', format = 'newline_delimited', columns = {{
        event_type: 'VARCHAR', user_id: 'VARCHAR', "timestamp": 'TIMESTAMPTZ', event_value: 'DOUBLE',
        experiment_name: 'VARCHAR', group_name: 'VARCHAR'
    }})
),
units AS (
    SELECT user_id, min("timestamp") AS first_exposure, any_value(group_name) AS group_name
    FROM lines WHERE event_type = 'exposure' GROUP BY user_id
),
per_unit AS (
    SELECT
        u.user_id, u.group_name,
        coalesce(bool_or(l.event_type = 'click'), false) AS clicked,
        coalesce(sum(l.event_value) FILTER (l.event_type = 'revenue'), 0) AS revenue
    FROM units AS u
    LEFT JOIN lines AS l ON l.user_id = u.user_id AND l."timestamp" >= u.first_exposure
    GROUP BY u.user_id, u.group_name
)
SELECT group_name, count(*), count(*) FILTER (clicked), sum(revenue), var_samp(revenue)
FROM per_unit GROUP BY group_name
"""


class Folder(InMemoryObjectStore):
    """The event bucket as a folder of the local disk."""

    def __init__(self, folder: Path) -> None:
        """Look at a folder's files."""
        super().__init__()
        self._folder = folder

    def list(self, prefix: str, start_after: str = "") -> list[str]:
        """List the files as objects of one hour."""
        keys = (f"events/dt=2026-01-05/hour=00/{path.name}" for path in self._folder.glob("*.ndjson.gz"))
        return sorted(key for key in keys if key.startswith(prefix) and key > start_after)

    def download(self, key: str, path: Path) -> None:
        """Copy a file."""
        copyfile(self._folder / key.rsplit("/", 1)[1], path)


def generate(folder: Path, events: int) -> None:
    """Write events as delivery does, one object after the other."""
    spacing = timedelta(days=DAYS) / timedelta(microseconds=1) / events
    for number, first in enumerate(range(0, events, LINES_A_FILE)):
        last, file = min(events, first + LINES_A_FILE), folder / f"shard-{number:06}-{number:06}.ndjson.gz"
        duckdb.execute(
            GENERATE.format(start=f"{START:%Y-%m-%d %H:%M:%S}", spacing=spacing, first=first, last=last, file=file)
        )


def full(folder: Path, memory_mb: int) -> object:
    """Analyse an experiment with metrics of several kinds, and a segment."""
    experiment = Experiment.model_validate(
        {
            "name": "benchmark",
            "status": "running",
            "start_time": START,
            "groups": [{"name": "control", "weight": 0.5}, {"name": "treatment", "weight": 0.5}],
            "metrics": [
                "click_rate",
                {"name": "revenue", "kind": "mean", "event_type": "revenue", "winsorize": {"quantile": 0.99}},
                {"name": "clicks", "kind": "count", "event_type": "click", "window_hours": 72},
            ],
            "analysis": {"segments": ["country"]},
            "created_at": START,
            "updated_at": START,
        }
    )
    now = START + timedelta(days=DAYS)
    with TemporaryDirectory() as local:
        engine = DuckDBEngine(
            EventFiles(Folder(folder), Path(local), verified=False), memory_limit_mb=max(256, memory_mb // 2), threads=THREADS
        )
        results = analyse(experiment, engine.summarise(experiment, now), now)
    return {name: group.n for name, group in results.groups.items()}


def bare(folder: Path, memory_mb: int) -> object:
    """Run the query that somebody would write by hand."""
    with duckdb.connect(config={"memory_limit": f"{max(256, memory_mb // 2)}MB", "threads": THREADS}) as connection:
        rows = connection.execute(BARE.format(folder=folder)).fetchall()
    return {row[0]: row[1] for row in sorted(rows)}


def measure(what: str, folder: Path, memory_mb: int) -> Mapping[str, float]:
    """Run one of both in a process of its own."""
    arguments = [sys.executable, __file__, "--run", what, "--folder", str(folder), "--memory-mb", str(memory_mb)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)  # noqa: S603 - this very file
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print a line for each number of events."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, nargs="+", default=[2_000_000])
    parser.add_argument("--memory-mb", type=int, default=1_769, help="of the function; DuckDB gets half")
    parser.add_argument("--run", choices=["full", "bare"])
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.run:
        started = time.perf_counter()
        groups = (full if options.run == "full" else bare)(options.folder, options.memory_mb)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": time.perf_counter() - started, "peak_mb": peak, "groups": groups}))
        return
    print(f"{'events':>12}  {'full':>8}  {'bare':>8}  {'ratio':>6}  {'peak':>8}")
    for events in options.events:
        with TemporaryDirectory() as name:
            folder = Path(name)
            generate(folder, events)
            plain, whole = measure("bare", folder, options.memory_mb), measure("full", folder, options.memory_mb)
        assert plain["groups"] == whole["groups"], (plain, whole)
        ratio = whole["seconds"] / plain["seconds"]
        print(
            f"{events:>12,}  {whole['seconds']:>6.1f} s  {plain['seconds']:>6.1f} s  {ratio:>6.2f}  "
            f"{whole['peak_mb']:>5.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
