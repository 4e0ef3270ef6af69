"""One analysis in a process of its own: full results, or the bare query; prints how long it took and its memory.

    python -m benchmarks.analysis_once full FOLDER

The time begins once everything is imported. DuckDB has the settings of the smallest function in both: one thread, and
half of the memory. One core is all that the process gets, as in Lambda.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from benchmarks.environment import become

become("analyze", "analyze")

import duckdb  # noqa: E402 - importable from here on

from analysis import analyse  # noqa: E402
from bakeoff_core.experiments.model import Experiment  # noqa: E402
from bakeoff_core.stores.objects import InMemoryObjectStore, Listed  # noqa: E402
from engine.duckdb_engine import duckdb_over  # noqa: E402

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 14
MEMORY_MB = 1_024
THREADS = 1

BARE = """
WITH arrivals AS (
    SELECT * FROM read_json('{folder}/events/*/*/*.ndjson.gz', format = 'newline_delimited', columns = {{
        event_id: 'VARCHAR', event_type: 'VARCHAR', user_id: 'VARCHAR', "timestamp": 'TIMESTAMPTZ',
        event_value: 'DOUBLE', experiment_name: 'VARCHAR', group_name: 'VARCHAR'
    }})
),
lines AS (
    SELECT {each} * FROM arrivals
),
units AS (
    SELECT user_id, min("timestamp") AS first_exposure, any_value(group_name) AS group_name
    FROM lines
    WHERE event_type = 'exposure' AND experiment_name = 'benchmark'
    GROUP BY user_id
    HAVING count(DISTINCT group_name) = 1
),
per_unit AS (
    SELECT
        u.user_id,
        u.group_name,
        u.first_exposure <= TIMESTAMPTZ '{now}' - INTERVAL 72 HOUR AS window_over,
        coalesce(bool_or(l.event_type = 'click'), false) AS clicked,
        coalesce(sum(l.event_value) FILTER (l.event_type = 'revenue'), 0) AS revenue,
        count(*) FILTER (l.event_type = 'click' AND l."timestamp" < u.first_exposure + INTERVAL 72 HOUR) AS clicks
    FROM units AS u
    LEFT JOIN lines AS l ON l.user_id = u.user_id AND l."timestamp" >= u.first_exposure
    GROUP BY u.user_id, u.group_name, u.first_exposure
),
cap AS (
    SELECT quantile_disc(revenue, 0.99) AS cap FROM per_unit
)
SELECT
    group_name,
    count(*),
    count(*) FILTER (clicked),
    sum(least(revenue, cap)),
    var_samp(least(revenue, cap)),
    count(*) FILTER (window_over),
    sum(clicks) FILTER (window_over),
    var_samp(clicks) FILTER (window_over)
FROM per_unit, cap
GROUP BY group_name
"""


class Lake(InMemoryObjectStore):
    """The event bucket as a folder of the local disk."""

    def __init__(self, folder: Path) -> None:
        """Look at a folder whose files lie where the objects' keys say."""
        super().__init__()
        self._folder = folder

    def listing(self, prefix: str, start_after: str = "") -> Sequence[Listed]:
        """List the files of a prefix, in order."""
        files = {path.relative_to(self._folder).as_posix(): path for path in self._folder.rglob("*") if path.is_file()}
        return [
            Listed(key, path.stat().st_size)
            for key, path in sorted(files.items())
            if key.startswith(prefix) and key > start_after
        ]

    def download(self, key: str, path: Path) -> None:
        """Copy a file."""
        copyfile(self._folder / key, path)


def experiment() -> Experiment:
    """One with metrics of several kinds, a segment, and events of fourteen days."""
    return Experiment.model_validate(
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


def full(folder: Path) -> dict[str, int]:
    """Work out everything that a report shows, and say how many units each group has."""
    asked, now = experiment(), START + timedelta(days=DAYS)
    with duckdb_over(Lake(folder), memory_mb=MEMORY_MB) as engine:
        results = analyse(asked, engine.summarise(asked, now), now)
    return {name: group.n for name, group in results.groups.items()}


def bare(folder: Path, each: str = "DISTINCT ON (event_id)") -> dict[str, int]:
    """Run the query that an analyst would write: every metric's sufficient statistics per group, of each event once."""
    query = BARE.format(folder=folder, each=each, now=START + timedelta(days=DAYS))
    with TemporaryDirectory() as spill:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{MEMORY_MB // 2}MB",
            "threads": THREADS,
            "temp_directory": spill,
            "preserve_insertion_order": False,
        }
        with duckdb.connect(config=config) as connection:
            rows = connection.execute(query).fetchall()
    return {row[0]: row[1] for row in sorted(rows)}


def bare_with_duplicates(folder: Path) -> dict[str, int]:
    """Run the same without a look at event ids, which is right only where nothing ever arrives twice."""
    return bare(folder, each="")


WAYS: Mapping[str, Callable[[Path], dict[str, int]]] = {
    "full": full,
    "bare": bare,
    "bare_with_duplicates": bare_with_duplicates,
}


def once(description: str, ways: Collection[str], what: str, run: Callable[[str, Path], object]) -> None:
    """Run the way that the command line asks for, on one core, and print its figures as JSON.

    Args:
        description: What the command does.
        ways: What may be asked for.
        what: What is returned.
        run: Runs a way on a folder.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("way", choices=ways)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    started, began = time.process_time(), time.perf_counter()
    returned = run(options.way, options.folder)
    figures = {
        "processor_seconds": time.process_time() - started,
        "seconds": time.perf_counter() - began,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        what: returned,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    once(__doc__, WAYS, "groups", lambda way, folder: WAYS[way](folder))
