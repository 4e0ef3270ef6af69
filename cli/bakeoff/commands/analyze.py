"""`bakeoff analyze`: the whole analysis on a file of one's own."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from bakeoff.analysis_code import make_importable
from bakeoff.commands.failures import failures_in_words
from bakeoff.results_table import results_table
from bakeoff_core.clock import utc_now

Format = Literal["table", "json", "markdown", "html"]
Report = Literal["technical", "executive", "dashboard"]


def analyze(  # noqa: PLR0913 - every option of the command
    file: Annotated[Path, typer.Argument(help="CSV, also compressed (.gz), or Parquet; a row a unit or an event.")],
    *,
    unit: Annotated[str, typer.Option(help="The column of units, such as users.")],
    group: Annotated[str, typer.Option(help="The column of groups.")],
    control: Annotated[str, typer.Option(help="The group that the others are compared with.")],
    metric: Annotated[
        list[str],
        typer.Option(
            help="COLUMN:kind; conversion, mean, count, NUMERATOR/DENOMINATOR:ratio, quantile[:0.9], retention[:DAY]. "
            "The first one decides."
        ),
    ],
    weight: Annotated[list[str], typer.Option(help="group=share as configured.")] = [],  # noqa: B006 - as typer has it
    covariate: Annotated[list[str], typer.Option(help="metric=COLUMN of what was measured before (CUPED).")] = [],  # noqa: B006
    segment: Annotated[list[str], typer.Option(help="A column by whose values to break down as well.")] = [],  # noqa: B006
    winsorize: Annotated[list[str], typer.Option(help="metric=quantile at which values are cut off.")] = [],  # noqa: B006
    decrease: Annotated[list[str], typer.Option(help="A metric that is better when it is lower.")] = [],  # noqa: B006
    time: Annotated[str | None, typer.Option(help="The column of times, for the course over days.")] = None,
    level: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Coverage of the intervals.")] = 0.95,
    always_valid: Annotated[
        bool, typer.Option("--always-valid", help="Decide by results that hold however often one looks.")
    ] = False,
    output: Annotated[Format, typer.Option("--format", help="What to print.")] = "table",
    kind: Annotated[
        Report | None, typer.Option("--report", help="Which report, as markdown or html; the technical one without.")
    ] = None,
) -> None:
    """Analyse an experiment from a file: no AWS, nothing leaves the machine."""
    if kind is not None and output not in ("markdown", "html"):
        raise typer.BadParameter("a report is markdown or html: name one of them by --format", param_hint="--report")
    with failures_in_words():
        make_importable()
        from bakeoff.own_data import Request, analyse_file  # noqa: PLC0415 - importable from here on
        from rendering.documents import to_html, to_markdown  # noqa: PLC0415

        request = Request(
            file,
            unit,
            group,
            control,
            metric,
            weight,
            covariate,
            winsorize,
            decrease,
            segment,
            time,
            level,
            always_valid,
        )
        analysed = analyse_file(request, utc_now())
    table = analysed.table
    for column, cells in table.missing_values.items():
        meaning = "counted as nothing" if table.rows_are_events else "left out of that metric"
        typer.echo(f"{column}: {cells:,} values are missing, {meaning}", err=True)
    for left_out, what in ((table.without_unit, "unit"), (table.without_group, "group")):
        if left_out:
            typer.echo(f"{left_out:,} rows name no {what} and do not count", err=True)
    if analysed.results.crossovers:
        typer.echo(f"{analysed.results.crossovers:,} units are in two groups and left out", err=True)
    match output:
        case "json":
            typer.echo(json.dumps(analysed.to_json(), indent=2))
        case "markdown":
            typer.echo(to_markdown(analysed.results, kind or "technical"))
        case "html":
            typer.echo(to_html(analysed.results, kind or "technical"))
        case "table":
            Console().print(results_table(analysed.results.to_json()))
