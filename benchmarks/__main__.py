"""Run the benchmarks one after the other, each in a process of its own, and keep their figures.

python -m benchmarks                # all of them
python -m benchmarks assignment     # some; RESULTS.md stays as it is
"""

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from benchmarks.report import Row, table

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "RESULTS.md"
NAMES = ("assignment", "prediction")
PACKAGES = ("aws-lambda-powertools", "boto3", "duckdb", "growthbook", "numpy", "onnxruntime", "pydantic")


def main() -> int:
    """Run what was asked for."""
    asked = sys.argv[1:]
    if unknown := [name for name in asked if name not in NAMES]:
        print(f"no benchmark is called {', '.join(unknown)}, only {', '.join(NAMES)}", file=sys.stderr)
        return 2
    console, sections, missed = Console(), [], 0
    for name in asked or NAMES:
        console.print(f"{name} ...", style="dim")
        title, rows = _run(name)
        console.print(table(title, rows))
        sections.append(_section(name, title, rows))
        missed += sum(row.met is False for row in rows)
    if not asked:
        RESULTS.write_text(_heading() + "".join(sections))
        console.print(f"written to {RESULTS}")
    console.print(f"{missed} of the targets were missed" if missed else "all targets were met")
    return 0


def _run(name: str) -> tuple[str, list[Row]]:
    with TemporaryDirectory() as scratch:
        file = Path(scratch, "rows.json")
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", str(file)]
        subprocess.run(command, check=True, cwd=FOLDER.parent, stdout=subprocess.DEVNULL)  # noqa: S603 - this package
        document = json.loads(file.read_text())
    return document["title"], [Row(**row) for row in document["rows"]]


def _section(name: str, title: str, rows: list[Row]) -> str:
    lines = [
        f"\n## {title}\n",
        f"`python -m benchmarks {name}`\n",
        "| | figure | target | | made of |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        mark = "" if row.met is None else "met" if row.met else "**missed**"
        lines.append(f"| {row.what} | {row.figure} | {row.target or ''} | {mark} | {row.detail} |")
    return "\n".join(lines) + "\n"


def _heading() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        "# Results\n\n"
        f"`make bench`, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores "
        f"({_processor()}). {packages}.\n\n"
        "Every figure is a ratio, or a count, from one run on one machine; the times that it was made of hold there "
        "and nowhere else.\n"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
