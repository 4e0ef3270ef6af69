"""What benchmarks come to: rows of a table, each with what it has to reach."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        what: What is compared with what.
        figure: The ratio, or the number, as it is shown.
        target: What it has to reach; None where nothing is asked.
        met: Whether it does.
        detail: What the ratio was made of.
    """

    what: str
    figure: str
    target: str | None = None
    met: bool | None = None
    detail: str = ""


def at_most(what: str, value: float, limit: float, detail: str = "") -> Row:
    """Make the row of a ratio that is to be small."""
    return Row(what, f"{value:.2f}", f"at most {limit:g}", value <= limit, detail)


def at_least(what: str, value: float, limit: float, detail: str = "") -> Row:
    """Make the row of a ratio that is to be large."""
    return Row(what, f"{value:.2f}", f"at least {limit:g}", value >= limit, detail)


def table(title: str, rows: Sequence[Row]) -> Table:
    """Lay rows out for a terminal."""
    laid_out = Table(title=title, title_justify="left")
    for heading in ("", "figure", "target", "", "made of"):
        laid_out.add_column(heading, overflow="fold")
    for row in rows:
        mark = "" if row.met is None else "[green]met" if row.met else "[red]missed"
        laid_out.add_row(row.what, row.figure, row.target or "", mark, row.detail)
    return laid_out


def main(title: str, run: Callable[[], Sequence[Row]]) -> None:
    """Run one benchmark from the command line, and print its rows or write them to a file.

    Args:
        title: What it is about.
        run: Measures.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--json", type=Path, help="file that the rows are written to instead")
    options = parser.parse_args()
    rows = run()
    if options.json is None:
        Console(file=sys.__stdout__).print(table(title, rows))
    else:
        options.json.write_text(json.dumps({"title": title, "rows": [asdict(row) for row in rows]}))
