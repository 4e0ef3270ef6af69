"""`bakeoff report`: an experiment's results now."""

from typing import Annotated

import typer
from rich.console import Console

from bakeoff.api import Api
from bakeoff.commands.failures import failures_in_words
from bakeoff.results_table import results_table


def report(name: Annotated[str, typer.Argument(help="The experiment.")]) -> None:
    """Analyse an experiment, write its reports, and print its results."""
    with failures_in_words(), Api.from_environment() as api:
        made = api.post(f"/ab_test/experiments/{name}/reports")
        results = api.get(made["links"]["technical.json"])
    Console().print(results_table(results))
    for link in made["links"].values():
        typer.echo(f"{api.url}{link}")
