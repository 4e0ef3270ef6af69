"""Run the benchmarks one after the other, each in a process of its own, and keep their figures.

python -m benchmarks                # all of them
python -m benchmarks assignment     # some; RESULTS.md stays as it is
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from benchmarks.report import Row, table

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "RESULTS.md"
NAMES = (
    "assignment",
    "prediction",
    "peers",
    "cold_start",
    "analysis",
    "compaction",
    "memory",
    "intake",
    "listing",
    "scale_sim",
)
PACKAGES = ("aws-lambda-powertools", "boto3", "duckdb", "growthbook", "numpy", "onnxruntime", "pydantic")


def main(asked: Sequence[str], run: Callable[[str], tuple[str, list[Row]]], results: Path = RESULTS) -> int:
    """Run what was asked for.

    Args:
        asked: Names of benchmarks; none for all of them, whose figures are kept.
        run: Runs one, and tells its title and rows; raises CalledProcessError where it fails.
        results: Where figures are kept.

    Returns:
        The exit status: 1 where a benchmark failed, 2 where there is none of that name; a missed target is 0.
    """
    if unknown := [name for name in asked if name not in NAMES]:
        print(f"no benchmark is called {', '.join(unknown)}, only {', '.join(NAMES)}", file=sys.stderr)
        return 2
    console = Console()
    sections: list[str] = []
    missed, failed = 0, []
    for name in asked or NAMES:
        console.print(f"{name} ...", style="dim")
        try:
            title, rows = run(name)
        except subprocess.CalledProcessError as error:
            console.print(f"{name} failed with exit status {error.returncode}", style="red")
            failed.append(name)
            continue
        console.print(table(title, rows))
        sections.append(_section(name, title, rows))
        missed += sum(row.met is False for row in rows)
    if not asked and not failed:
        results.write_text(_heading() + "".join(sections) + _profiles())
        console.print(f"written to {results}")
    if failed:
        console.print(f"{', '.join(failed)} failed, so nothing was kept", style="red")
        return 1
    console.print(f"targets missed: {missed}")
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
    installed = {each.name.lower().replace("_", "-"): each.version for each in distributions()}
    packages = ", ".join(f"{name} {installed[name]}" for name in PACKAGES if name in installed)
    return (
        "# Results\n\n"
        f"`make bench`, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores "
        f"({_processor()}). {packages}.\n\n"
        "Every figure is a ratio, or a count, from one run on one machine; the times that it was made of hold there "
        "and nowhere else.\n"
    )


def _profiles() -> str:
    links = (
        f"- [{file.read_text().splitlines()[0].removeprefix('# ')}](profiles/{file.name})\n"
        for file in sorted((FOLDER / "profiles").glob("*.md"))
    )
    return "\n## Profiles\n\nWhat was found slow and made faster, with profiles of before and after.\n\n" + "".join(
        links
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], _run))
