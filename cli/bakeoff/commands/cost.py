"""`bakeoff cost`: what a stack costs a month, for so many requests and events."""

import json
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from bakeoff.commands.failures import failures_in_words
from bakeoff.costs.monthly import Line, monthly_lines, total
from bakeoff.costs.prices import read_prices
from bakeoff.costs.workload import Workload

Format = Literal["table", "json"]
Architecture = Literal["x86_64", "arm64"]

_DEFAULTS = Workload(requests=0, events=0)
_CENT = 0.01
_LARGE = 1_000


def cost(  # noqa: PLR0913 - every option of the command
    *,
    requests: Annotated[float, typer.Option(min=0, help="Requests for predictions or groups, a month.")],
    events: Annotated[float, typer.Option(min=0, help="Events that callers report, a month.")],
    events_per_call: Annotated[
        float, typer.Option(min=1, max=500, help="Events in one call of /ab_test/events.")
    ] = _DEFAULTS.events_per_call,
    batch_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the requests that predict a batch.")
    ] = _DEFAULTS.batch_share,
    batch_rows: Annotated[float, typer.Option(min=1, help="Rows in such a batch.")] = _DEFAULTS.batch_rows,
    in_experiment: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the others within an experiment.")
    ] = _DEFAULTS.in_experiment,
    sticky_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of those whose experiment keeps its assignments.")
    ] = _DEFAULTS.sticky_share,
    experiments: Annotated[int, typer.Option(min=0, help="Experiments that run all month.")] = _DEFAULTS.experiments,
    models: Annotated[int, typer.Option(min=0, help="Model versions in service.")] = _DEFAULTS.models,
    reports: Annotated[float, typer.Option(min=0, help="Reports of each experiment, a month.")] = _DEFAULTS.reports,
    notices: Annotated[float, typer.Option(min=0, help="Notices by SNS to a mailbox, a month.")] = _DEFAULTS.notices,
    memory: Annotated[
        int, typer.Option(min=128, max=10_240, help="Memory of the prediction function, in MB.")
    ] = _DEFAULTS.memory_mb,
    duration: Annotated[
        float, typer.Option(min=0, help="Milliseconds that a request for one row takes in it.")
    ] = _DEFAULTS.duration_ms,
    event_bytes: Annotated[float, typer.Option(min=1, help="Bytes of an event.")] = _DEFAULTS.event_bytes,
    storage_days: Annotated[float, typer.Option(min=1, help="Days that events are kept.")] = _DEFAULTS.storage_days,
    log_days: Annotated[float, typer.Option(min=1, help="Days that logs are kept.")] = _DEFAULTS.log_days,
    architecture: Annotated[Architecture, typer.Option(help="Of the functions.")] = _DEFAULTS.architecture,
    shards: Annotated[
        int, typer.Option(min=0, help="Shards of the stream; 0 where Kinesis decides on them.")
    ] = _DEFAULTS.shards,
    tallies: Annotated[bool, typer.Option(help="Whether arms are tallied.")] = _DEFAULTS.tallies,
    athena: Annotated[bool, typer.Option("--athena", help="Athena sums up events, not DuckDB.")] = _DEFAULTS.athena,
    look_minutes: Annotated[
        float, typer.Option(min=5, help="Minutes between two looks at an experiment.")
    ] = _DEFAULTS.look_minutes,
    prices: Annotated[
        Path | None, typer.Option(help="A file with unit prices of your own; docs/cost.md shows its form.")
    ] = None,
    details: Annotated[bool, typer.Option("--details", help="Print every line with its quantity.")] = False,
    output: Annotated[Format, typer.Option("--format", help="What to print.")] = "table",
) -> None:
    """Work out what a stack costs a month, in the long run, from unit prices that are inputs."""
    workload = Workload(
        requests=requests,
        events=events,
        events_per_call=events_per_call,
        batch_share=batch_share,
        batch_rows=batch_rows,
        in_experiment=in_experiment,
        sticky_share=sticky_share,
        experiments=experiments,
        models=models,
        reports=reports,
        notices=notices,
        memory_mb=memory,
        duration_ms=duration,
        event_bytes=event_bytes,
        storage_days=storage_days,
        log_days=log_days,
        architecture=architecture,
        shards=shards,
        tallies=tallies,
        athena=athena,
        look_minutes=look_minutes,
    )
    with failures_in_words():
        table = read_prices(prices)
    lines = monthly_lines(workload, table)
    if output == "json":
        document = {
            "currency": table.currency,
            "region": table.region,
            "as_of": table.as_of.isoformat(),
            "total": total(lines),
            "lines": [asdict(line) for line in lines],
        }
        typer.echo(json.dumps(document, indent=2))
        return
    console = Console()
    console.print(f"[bold]{table.currency} a month, at prices of {table.region} as of {table.as_of.isoformat()}[/bold]")
    console.print(_detailed(lines) if details else _by_service(lines))


def _by_service(lines: tuple[Line, ...]) -> Table:
    table = _table()
    for service, own in groupby(lines, key=lambda line: line.service):
        table.add_row(service, _money(total(tuple(own))))
    table.add_section()
    table.add_row("Total", _money(total(lines)))
    return table


def _detailed(lines: tuple[Line, ...]) -> Table:
    table = _table("what", "quantity", "unit")
    for service, own in groupby(lines, key=lambda line: line.service):
        for index, line in enumerate(own):
            table.add_row("" if index else service, line.what, _quantity(line.quantity), line.unit, _money(line.cost))
        table.add_section()
    table.add_row("Total", "", "", "", _money(total(lines)))
    return table


def _table(*headings: str) -> Table:
    table = Table()
    table.add_column("service")
    for heading in headings:
        table.add_column(heading, justify="right" if heading == "quantity" else "left")
    table.add_column("cost", justify="right")
    return table


def _quantity(quantity: float) -> str:
    return f"{quantity:,.0f}" if quantity >= _LARGE else f"{quantity:,.4g}"


def _money(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= _CENT or amount == 0 else "< 0.01"
