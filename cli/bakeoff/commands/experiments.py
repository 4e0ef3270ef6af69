"""`bakeoff experiment`: experiments from files, and their life."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bakeoff.api import Api
from bakeoff.commands.failures import failures_in_words
from bakeoff.experiment_files import apply_experiments, read_experiments

app = typer.Typer(no_args_is_help=True, help="Create, list, start and stop experiments.")
Name = Annotated[str, typer.Argument(help="The experiment.")]


@app.command()
def apply(
    file: Annotated[Path, typer.Option("--file", "-f", help="A JSON file with one experiment or a list of them.")],
) -> None:
    """Create the experiments of a file that do not exist yet; those that do are left as they are."""
    with failures_in_words(), Api.from_environment() as api:
        for name, created in apply_experiments(api, read_experiments(file)):
            typer.echo(f"{name}: {'created' if created else 'exists already'}")


@app.command("list")
def list_(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List all experiments."""
    with failures_in_words(), Api.from_environment() as api:
        experiments = api.get("/ab_test/experiments")
    if as_json:
        typer.echo(json.dumps(experiments, indent=2))
    else:
        Console().print(_table(experiments))


@app.command()
def start(name: Name) -> None:
    """Start an experiment."""
    _move(name, "start")


@app.command()
def stop(name: Name) -> None:
    """Stop an experiment for good."""
    _move(name, "stop")


def _move(name: str, action: str) -> None:
    with failures_in_words(), Api.from_environment() as api:
        experiment = api.post(f"/ab_test/experiments/{name}/{action}")
    typer.echo(f"{name}: {experiment['status']}")


def _table(experiments: list[dict[str, Any]]) -> Table:
    table = Table("experiment", "status", "algorithm", "sample rate", "groups")
    for experiment in experiments:
        groups = ", ".join(f"{group['name']} {group['weight']:g}" for group in experiment["groups"])
        table.add_row(
            experiment["name"],
            experiment["status"],
            experiment["assignment_algorithm"],
            f"{experiment['sample_rate']:g}",
            groups,
        )
    return table
