"""`bakeoff report`: an experiment's results now."""

import webbrowser
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bakeoff.api import Api
from bakeoff.commands.failures import failures_in_words
from bakeoff.results_table import results_table


class Kind(StrEnum):
    """The reports that there are."""

    executive = "executive"
    technical = "technical"
    dashboard = "dashboard"


def report(
    name: Annotated[str, typer.Argument(help="The experiment.")],
    kind: Annotated[Kind, typer.Option(help="The report that --open shows.")] = Kind.executive,
    reports: Annotated[Path, typer.Option(help="Folder that --open copies it to.")] = Path(".local/reports"),
    *,
    open_: Annotated[bool, typer.Option("--open", help="Show a report in the browser.")] = False,
) -> None:
    """Analyse an experiment, write its reports, and print its results."""
    with failures_in_words(), Api.from_environment() as api:
        made = api.post(f"/ab_test/experiments/{name}/reports")
        results = api.get(made["links"]["technical.json"])
        Console().print(results_table(results))
        for link in made["links"].values():
            typer.echo(f"{api.url}{link}")
        if open_:
            file = reports / name / made["report_id"] / f"{kind}.html"
            api.download(made["links"][file.name], file)
            typer.echo(str(file))
            if not webbrowser.open(file.absolute().as_uri()):
                typer.echo("bakeoff: no browser could be started; open the file yourself", err=True)
