"""What a load came to: the figures of each route, and who worked for them."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_ALL = "Aggregated"
_LITTLE = 0.02


@dataclass(frozen=True, slots=True)
class Line:
    """The figures of one route, or of all.

    Attributes:
        route: Its path; `all` for all of them.
        requests: How many were made.
        failures: How many of them failed.
        per_second: Requests a second.
        p50: The median time of an answer, in milliseconds.
        p95: The time that 95 of 100 answers keep below.
        p99: The time that 99 of 100 answers keep below.
    """

    route: str
    requests: int
    failures: int
    per_second: float
    p50: float
    p95: float
    p99: float

    @property
    def failed_share(self) -> float:
        """Failures over requests."""
        return self.failures / self.requests if self.requests else 1.0


def read_stats(file: Path) -> list[Line]:
    """Read the statistics that Locust wrote, the line for all routes first.

    Raises:
        ValueError: There is no such line: nothing was asked.
    """
    with file.open(newline="") as rows:
        lines = [_line(row) for row in csv.DictReader(rows)]
    if not any(line.route == "all" for line in lines):
        raise ValueError(f"{file} has no line for all requests")
    return sorted(lines, key=lambda line: (line.route != "all", line.route))


def read_failures(file: Path) -> list[str]:
    """Read why requests failed, the most frequent reason first."""
    with file.open(newline="") as rows:
        found = [(int(row["Occurrences"]), f"{row['Name']}: {row['Error']}") for row in csv.DictReader(rows)]
    return [f"{times} times {reason}" for times, reason in sorted(found, reverse=True)]


def bottleneck(seconds: Mapping[str, float], elapsed: float, cores: int) -> str:
    """Say who took the processors' time while a load was on.

    Args:
        seconds: Processor time by what it was spent on.
        elapsed: How long the load was on.
        cores: How many processors there are.
    """
    total = sum(seconds.values())
    if not total:
        return "nothing was measured"
    ranked = sorted(seconds.items(), key=lambda each: -each[1])
    shares = ", ".join(f"{name} {spent / total:.0%}" for name, spent in ranked if spent / total >= _LITTLE)
    busy = min(1.0, total / (elapsed * cores))  # ticks of a clock are counted, which a short load may have one more of
    limit = "the processors are the limit" if busy > 0.85 else "something waits"  # noqa: PLR2004 - nearly all
    return f"{busy:.0%} of {cores} processors were busy, so {limit}: {shares}"


def _line(row: Mapping[str, str]) -> Line:
    return Line(
        route="all" if row["Name"] == _ALL else row["Name"],
        requests=int(row["Request Count"]),
        failures=int(row["Failure Count"]),
        per_second=float(row["Requests/s"]),
        p50=float(row["50%"]),
        p95=float(row["95%"]),
        p99=float(row["99%"]),
    )


def grouped(seconds: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Add up processor time by name."""
    found: dict[str, float] = {}
    for name, spent in seconds:
        found[name] = found.get(name, 0.0) + spent
    return found
