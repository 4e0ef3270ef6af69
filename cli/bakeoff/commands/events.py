"""`bakeoff events`: looking at the stream, exporting events, and sending them again."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bakeoff.commands.failures import failures_in_words
from bakeoff.errors import UsageError
from bakeoff.event_files import Unreadable, quarantined, read_events
from bakeoff.event_stack import EventStack
from bakeoff.export_catalogue import ExportCatalogue
from bakeoff.stream_tail import follow
from bakeoff_core.clock import utc_now
from bakeoff_core.events.model import Event
from bakeoff_core.lake.export import Selection, export_events
from bakeoff_core.lake.keys import partition

app = typer.Typer(no_args_is_help=True, help="Look at events, export them, and send them again.")

_EVENTS_AT_ONCE = 500
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class ExportForm(StrEnum):
    """What an exported file holds."""

    CSV = "csv"
    PARQUET = "parquet"


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"must be a date or a time such as 2026-01-31T09:30:00Z, got {text!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Since = Annotated[
    datetime | None, typer.Option("--from", parser=_moment, metavar="TIME", help="The earliest time; UTC without zone.")
]
Until = Annotated[
    datetime | None,
    typer.Option("--to", parser=_moment, metavar="TIME", help="The time from which on they are left out."),
]


@app.command()
def tail(
    *,
    from_start: Annotated[bool, typer.Option(help="Begin with the oldest record that the stream keeps.")] = False,
    until_now: Annotated[bool, typer.Option(help="End when all that is there was read.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    experiment: Annotated[str | None, typer.Option(help="Only events that name this experiment.")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only events of this type.")] = None,
) -> None:
    """Print the events of the stream as they come, one JSON object a line."""
    with failures_in_words():
        kinesis, name = EventStack().kinesis()
        records = follow(kinesis, name, time.sleep, from_start=from_start, until_now=until_now)
        wanted = (record for record in records if _fits(record, experiment, event_type))
        try:
            for record in islice(wanted, limit):
                typer.echo(record.decode(errors="backslashreplace"))
        except KeyboardInterrupt:
            return


def _fits(record: bytes, experiment: str | None, event_type: str | None) -> bool:
    if experiment is None and event_type is None:
        return True
    try:
        document = json.loads(record)
    except ValueError:
        return False
    return (
        isinstance(document, dict)
        and (experiment is None or document.get("experiment_name") == experiment)
        and (event_type is None or document.get("event_type") == event_type)
    )


@app.command()
def export(
    target: Annotated[Path, typer.Argument(help="The file to write: .csv or .parquet; .ndjson with --quarantined.")],
    since: Since = None,
    until: Until = None,
    experiment: Annotated[str | None, typer.Option(help="Only events that name this experiment.")] = None,
    *,
    in_quarantine: Annotated[
        bool, typer.Option("--quarantined", help="What could not be read, by the time of its arrival, to be repaired.")
    ] = False,
) -> None:
    """Write the events of a span of time into a file, each once, by their own time."""
    with failures_in_words():
        start, end = since or _FIRST, until or utc_now()
        objects = EventStack().objects()
        if in_quarantine:
            if target.suffix != ".ndjson":
                raise UsageError(f"{target}: must end in .ndjson with --quarantined")
            with target.open("w", encoding="utf-8") as file:
                count = 0
                for entry in quarantined(objects, partition(start), partition(end)):
                    file.write(json.dumps(entry, ensure_ascii=False) + "\n")
                    count += 1
            ExportCatalogue.from_environment().add(target)
            typer.echo(f"{target}: {count:,} quarantined records")
            return
        form = target.suffix.removeprefix(".").lower()
        if form not in set(ExportForm):
            raise UsageError(f"{target}: must end in .csv or .parquet")
        with _progress("objects read") as report:
            exported = export_events(objects, Selection(start, end, experiment), target, ExportForm(form).value, report)
        ExportCatalogue.from_environment().add(target)
    typer.echo(f"{target}: {exported.events:,} events")
    for key in exported.unreadable:
        typer.echo(f"{key}: is damaged and was left out", err=True)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An exported file, repaired or as it was.")],
) -> None:
    """Put the events of a file on the stream again, with their own ids and times."""
    sent = 0
    unreadable: list[Unreadable] = []
    refused: list[Event] = []
    with failures_in_words():
        stream = EventStack().stream()
        entries = read_events(file)
        while batch := list(islice(entries, _EVENTS_AT_ONCE)):
            events = [entry for entry in batch if isinstance(entry, Event)]
            unreadable += [entry for entry in batch if isinstance(entry, Unreadable)]
            refused_now = stream.put(events)
            refused += refused_now
            sent += len(events) - len(refused_now)
    typer.echo(f"{file}: {sent:,} events sent")
    for entry in unreadable:
        typer.echo(f"entry {entry.place}: {entry.reason}", err=True)
    if refused:
        typer.echo(f"the stream refused {len(refused):,} events; send the file again, which doubles nothing", err=True)
    if unreadable or refused:
        raise typer.Exit(1)


@contextmanager
def _progress(what: str) -> Iterator[Any]:
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, transient=True, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)

        def report(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield report
