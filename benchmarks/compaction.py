"""From the delivered objects of one hour to its Parquet object, beside a bare query that writes one.

The bare query is what an analyst would write: each event id once, in the order of users and times, compressed as
compaction does it. It leaves out what makes compaction safe: damaged objects, lines that are no events or that Parquet
could not hold, arrivals counted, the same choice among them as the analysis makes, and what a later run may add. Both
have one thread. Compaction has 256 MB for DuckDB, as in the deployed function; the query does not get through in that,
and has 2 GB. Every run is a process of its own.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.analysis import MILLIONS, generate, run_once
from benchmarks.report import Row, at_most, main

TITLE = "Compaction"
EVENTS = 2 * MILLIONS
ROUNDS = 3
MEMORY_LIMIT = 512
"""Half of the function's smallest memory, in MB."""


def run() -> Sequence[Row]:
    """Measure."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, EVENTS, timedelta(hours=1))
        delivered = sum(file.stat().st_size for file in folder.rglob("*.gz"))
        rounds = [[run_once("compaction_once", way, folder) for way in ("compaction", "bare")] for _ in range(ROUNDS)]
    if len({json.dumps(each["written"]["rows"]) for turn in rounds for each in turn}) != 1:
        raise AssertionError("compaction and query write different numbers of events")
    ours, bare = (median(turn[way]["processor_seconds"] for turn in rounds) for way in (0, 1))
    peak = max(turn[0]["peak_mb"] for turn in rounds)
    written = rounds[0][0]["written"]["bytes"]
    events = f"{EVENTS / MILLIONS:g} million events"
    return [
        Row(
            f"{events} of one hour: compaction over the bare query",
            f"{ours / bare:.2f}",
            detail=f"processor: {ours:.1f} s over {bare:.1f} s; {EVENTS / ours:,.0f} events a second",
        ),
        at_most(f"{events}: memory of the process, MB", peak, MEMORY_LIMIT),
        Row(
            f"{events}: bytes of Parquet over bytes of gzip NDJSON",
            f"{written / delivered:.2f}",
            detail=f"{written / MILLIONS:.0f} MB over {delivered / MILLIONS:.0f} MB",
        ),
    ]


if __name__ == "__main__":
    main(TITLE, run)
