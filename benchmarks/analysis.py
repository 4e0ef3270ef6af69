"""From events in the lake to an experiment's full results, beside a bare query over the same files.

The bare query is what an analyst would write to get no more than the analysis needs: exposures joined to the events
after them, and of each group the sums and variances of the experiment's three metrics, one of them cut off at a
quantile and one within hours after exposure. Like the analysis it counts an event id once: the lake is delivered to at
least once, so without that its answers would be wrong (what it then takes is shown as well). It knows nothing of
days, segments, cohorts, distributions, timelines, forced units, late, damaged or misplaced events, and does no
statistics. Both have the settings of the smallest function for analyses: 1,024 MB, of which DuckDB gets half, and one
thread. Every run is a process of its own.

    BENCHMARK_EVENTS=200000,2000000 python -m benchmarks analysis
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from bakeoff_core.lake.compaction import Compactor
from bakeoff_core.lake.keys import partition
from bakeoff_core.stores.objects import InMemoryObjectStore
from benchmarks.analysis_once import DAYS, MEMORY_MB, START
from benchmarks.environment import ROOT
from benchmarks.report import Row, at_least, at_most, main

TITLE = "Analysis"
SIZES = "200000,2000000,20000000"
MILLIONS = 1_000_000
PARQUET_EVENTS = 2 * MILLIONS
LINES_A_FILE = 250_000
ROUNDS = 3
RATIO_LIMIT = 1.5
_SECONDS_BETWEEN_LOOKS_AT_THE_DISK = 0.1
GROWTH_LIMIT = 1.2
PARQUET_LIMIT = 2

GENERATE = """
COPY (
    SELECT
        CASE i % 8
            WHEN 0 THEN to_json({{
                'schema_version': 1, 'event_id': id, 'event_type': 'exposure', 'user_id': unit,
                'timestamp': written, 'received_at': written, 'experiment_name': 'benchmark',
                'group_name': CASE WHEN user_number % 2 = 0 THEN 'control' ELSE 'treatment' END,
                'config_version': 1, 'propensity': 0.5,
                'metadata': {{
                    'assignment_id': md5(unit), 'reason': 'split',
                    'context': {{'country': ['DE', 'AT', 'CH'][user_number % 3 + 1], 'plan': 'basic'}}
                }}
            }})
            WHEN 2 THEN to_json({{
                'schema_version': 1, 'event_id': id, 'event_type': 'revenue', 'user_id': unit,
                'timestamp': written, 'received_at': written, 'event_value': (hash(i) % 10000) / 100,
                'metadata': {{'page': '/item/' || i % 9999}}
            }})
            ELSE to_json({{
                'schema_version': 1, 'event_id': id,
                'event_type': CASE i % 8 WHEN 1 THEN 'click' ELSE 'view' END,
                'user_id': unit, 'timestamp': written, 'received_at': written,
                'metadata': {{'page': '/item/' || i % 9999, 'position': i % 7}}
            }})
        END
    FROM (
        SELECT
            i,
            user_number,
            'user-' || user_number AS unit,
            strftime(moment, '%Y-%m-%dT%H:%M:%S.%fZ') AS written,
            printf(
                '%08x-%04x-7%s-8%s-%s',
                epoch_ms(moment) >> 16, epoch_ms(moment) & 65535,
                md5('e' || i)[1:3], md5('e' || i)[4:6], md5('e' || i)[7:18]
            ) AS id
        FROM (
            SELECT
                i,
                -- A user's exposure comes first, and of what follows one in two or three users does each.
                CAST(CASE WHEN i % 8 = 0 THEN i // 8 ELSE hash(i, 'user') % (i // 8 + 1) END AS BIGINT) AS user_number,
                TIMESTAMP '{start}' + to_microseconds((i * {spacing})::BIGINT) AS moment
            FROM range({first}, {last}) AS numbers (i)
        )
    )
) TO '{file}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\t', COMPRESSION gzip)
"""
"""Lines as the functions write them, with identifiers of version 7, which sort by time."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one way took.

    Attributes:
        processor_seconds: Of all threads, the median of the rounds.
        seconds: On the clock, likewise.
        peak_mb: The most memory of the process, in any round.
        disk_bytes: The most that lay on disk, in any round.
    """

    processor_seconds: float
    seconds: float
    peak_mb: float
    disk_bytes: int


def generate(folder: Path, events: int, span: timedelta = timedelta(days=DAYS)) -> None:
    """Write events as delivery does, under the hour of the first of each object.

    Args:
        folder: Where to.
        events: How many.
        span: The time that they are spread over.
    """
    spacing = span / timedelta(microseconds=1) / events
    for number, first in enumerate(range(0, events, LINES_A_FILE)):
        place = folder / "events" / partition(START + timedelta(microseconds=first * spacing))
        place.mkdir(parents=True, exist_ok=True)
        file = place / f"shard-{number:06}-{number:06}.ndjson.gz"
        last = min(events, first + LINES_A_FILE)
        duckdb.execute(
            GENERATE.format(start=f"{START:%Y-%m-%d %H:%M:%S}", spacing=spacing, first=first, last=last, file=file)
        )


def compact(source: Path, target: Path) -> None:
    """Write the same events as compaction does."""
    objects = InMemoryObjectStore()
    for file in (source / "events").rglob("*.gz"):
        objects.put(file.relative_to(source).as_posix(), file.read_bytes(), "application/gzip")
    Compactor(objects, lambda: START + timedelta(days=DAYS + 1)).run()
    for key in objects.list("compacted/"):
        file = target / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(objects.get(key))


def measure(ways: Sequence[tuple[str, Path]]) -> list[Run]:
    """Run several ways in turns, and check that all of them count the same units."""
    found: list[list[dict[str, Any]]] = [[] for _ in ways]
    for _ in range(ROUNDS):
        for runs, (way, folder) in zip(found, ways, strict=True):
            runs.append(run_once("analysis_once", way, folder))
    if len({json.dumps(runs[0]["groups"]) for runs in found}) > 1:
        raise AssertionError([runs[0]["groups"] for runs in found])
    return [
        Run(
            median(run["processor_seconds"] for run in runs),
            median(run["seconds"] for run in runs),
            max(run["peak_mb"] for run in runs),
            max(run["disk_bytes"] for run in runs),
        )
        for runs in found
    ]


def run_once(module: str, way: str, folder: Path) -> dict[str, Any]:
    """Run one way in a process of its own, and look at its disk meanwhile.

    Args:
        module: Which of the benchmarks' modules it is a way of.
        way: Its name there.
        folder: The lake.

    Returns:
        What it printed, and `disk_bytes`, the most that lay on disk.
    """
    most = 0
    with TemporaryDirectory() as disk:
        with subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, "-m", f"benchmarks.{module}", way, str(folder)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": disk},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            while process.poll() is None:
                most = max(most, _bytes_below(Path(disk)))
                time.sleep(_SECONDS_BETWEEN_LOOKS_AT_THE_DISK)
            told = process.communicate()[0]
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    return {**json.loads(told), "disk_bytes": most}


def _bytes_below(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):  # it went meanwhile
            total += file.stat().st_size if file.is_file() else 0
    return total


def compared(events: int) -> tuple[Run, list[Row]]:
    """Compare the full results of so many events with the bare query, and at one size NDJSON with Parquet."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, events)
        ways = [("full", folder), ("bare", folder)]
        if events == PARQUET_EVENTS:
            parquet = folder / "parquet"
            compact(folder, parquet)
            (folder / "ndjson").mkdir()
            (folder / "events").rename(folder / "ndjson" / "events")
            ndjson = folder / "ndjson"
            ways = [("full", ndjson), ("bare", ndjson), ("bare_with_duplicates", ndjson), ("full", parquet)]
        full, bare, *others = measure(ways)
    size = f"{events / MILLIONS:g} million events"
    rows = [
        _ratio(f"{size}: full results over the bare query", full, bare, RATIO_LIMIT if others else None),
    ]
    if others:
        duplicates, compacted = others
        rows.append(_ratio(f"{size}: over a query that counts what arrives twice as two", full, duplicates, None))
        rows.append(
            at_least(
                f"{size}: gzip NDJSON over Parquet, full results",
                full.processor_seconds / compacted.processor_seconds,
                PARQUET_LIMIT,
                _seconds(NDJSON=full, Parquet=compacted),
            )
        )
    return full, rows


def _ratio(what: str, run: Run, other: Run, limit: float | None) -> Row:
    ratio, detail = run.processor_seconds / other.processor_seconds, _seconds(ours=run, query=other)
    return Row(what, f"{ratio:.2f}", detail=detail) if limit is None else at_most(what, ratio, limit, detail)


def _seconds(**runs: Run) -> str:
    parts = (f"{name} {run.processor_seconds:.2f} s, {run.peak_mb:.0f} MB" for name, run in runs.items())
    return "processor: " + "; ".join(parts)


def growth(runs: Mapping[int, Run]) -> Row:
    """How much longer an event takes among the most than among two million, or the fewest."""
    most = max(runs)
    other = max((events for events in runs if events < most), default=most)
    each = {events: run.processor_seconds / events * MILLIONS for events, run in runs.items()}
    detail = ", ".join(f"{events / MILLIONS:g} million: {spent:.2f} µs an event" for events, spent in each.items())
    what = f"an event among {most / MILLIONS:g} million over one among {other / MILLIONS:g} million"
    return at_most(what, each[most] / each[other], GROWTH_LIMIT, detail)


def run() -> list[Row]:
    """Measure the sizes that are asked for, the smallest first."""
    sizes = sorted(int(size) for size in os.environ.get("BENCHMARK_EVENTS", SIZES).split(","))
    runs: dict[int, Run] = {}
    rows: list[Row] = []
    for events in sizes:
        runs[events], found = compared(events)
        rows += found
    most = runs[max(sizes)]
    rows.append(growth(runs))
    rows.append(
        at_most(
            f"{max(sizes) / MILLIONS:g} million events: memory of the process, MB",
            most.peak_mb,
            MEMORY_MB,
            f"{most.seconds:.1f} s on the clock",
        )
    )
    rows.append(
        Row(
            f"{max(sizes) / MILLIONS:g} million events: bytes on disk, an event",
            f"{most.disk_bytes / max(sizes):.0f}",
            detail=f"{most.disk_bytes / MILLIONS:,.0f} MB, the objects among them",
        )
    )
    return rows


if __name__ == "__main__":
    main(TITLE, run)
