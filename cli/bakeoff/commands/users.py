"""`bakeoff user`: what is kept of a user."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bakeoff.commands.failures import failures_in_words
from bakeoff.event_files import without_user
from bakeoff.event_stack import EventStack
from bakeoff.export_catalogue import ExportCatalogue
from bakeoff_core.lake.erasure import Eraser

app = typer.Typer(no_args_is_help=True, help="Delete what is kept of a user.")

_NOTE = (
    "Events of the user that were still on their way are delivered later: within minutes, or within 72 hours after a "
    "failure. Run this again then."
)


@app.callback()
def user() -> None:
    """Delete what is kept of a user."""


@app.command()
def delete(
    user_id: Annotated[str, typer.Argument(help="The user's id, exactly as it was sent.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Delete a user's events, assignments and rows of exported files for good, and print what was removed."""
    if not yes:
        typer.confirm(f"Delete everything of {user_id!r}, without a way back?", abort=True)
    console = Console(stderr=True)
    with failures_in_words():
        stack = EventStack()
        objects, assignments = stack.objects(), stack.assignments()
        forgotten = assignments.forget_unit(user_id)
        with Progress(transient=True, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("objects", total=None)
            erased = Eraser(objects, lambda done, total: progress.update(task, completed=done, total=total)).erase(
                user_id
            )
        present, missing = ExportCatalogue.from_environment().files()
        exports = {str(file): without_user(file, user_id) for file in present}
    report = {
        **{name: value for name, value in asdict(erased).items() if name != "unreadable_objects"},
        "assignments": forgotten,
        "exported_events": sum(exports.values()),
    }
    if as_json:
        details = {
            "unreadable_objects": list(erased.unreadable_objects),
            "exports": exports,
            "missing_exports": [str(file) for file in missing],
        }
        typer.echo(json.dumps(report | details, indent=2))
    else:
        _print(report)
        for file in missing:
            typer.echo(f"{file}: was exported once and is not there; if it was moved, it still holds what it held")
        typer.echo(_NOTE)
    for key in erased.unreadable_objects:
        typer.echo(f"{key}: is damaged and may hold the user still", err=True)
    if erased.unreadable_objects:
        raise typer.Exit(1)


def _print(report: dict[str, int]) -> None:
    table = Table("removed", "count")
    for name, value in report.items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    Console().print(table)
