"""`bakeoff experiment`: experiments from files, and their life."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from bakeoff.api import Api
from bakeoff.commands.failures import failures_in_words
from bakeoff.errors import UsageError
from bakeoff.experiment_files import apply_experiments, plan_experiments, read_experiments, with_target_users
from bakeoff.plan_text import alert_lines, history_lines, plan_lines, plan_summary
from bakeoff_core.experiments.model import TargetUserList
from bakeoff_core.stores.target_users import TargetUserLists

app = typer.Typer(no_args_is_help=True, help="Apply files of experiments, and move experiments through their life.")
Name = Annotated[str, typer.Argument(help="The experiment.")]


@app.command()
def apply(
    file: Annotated[Path, typer.Option("--file", "-f", help="A JSON file with one experiment or a list of them.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before writing.")] = False,
    new_version: Annotated[
        bool,
        typer.Option("--new-version", help="Let changes that move users between groups start a new version."),
    ] = False,
) -> None:
    """Make the experiments of a file be as it says: show what would be done, ask, and do it.

    At a terminal it asks before it writes, unless --yes is given; in a script it writes at once. If one
    experiment is refused, none is written.
    """
    with failures_in_words(), Api.from_environment() as api:
        experiments = [with_target_users(each, file.parent, _keep_list) for each in read_experiments(file)]
        planned = plan_experiments(api, experiments, new_version=new_version)
        for line in plan_lines(planned):
            typer.echo(line)
        counts = plan_summary(planned)
        if any(each["action"] == "refused" for each in planned):
            raise UsageError(f"nothing was written: {counts}")
        if dry_run or all(each["action"] == "unchanged" for each in planned):
            typer.echo(f"{'dry run' if dry_run else 'nothing to write'}: {counts}")
            return
        if not yes and _at_a_terminal():
            typer.confirm("Write this?", abort=True)
        apply_experiments(api, experiments, new_version=new_version)
    typer.echo(f"written: {counts}")


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _keep_list(units: Sequence[str]) -> TargetUserList:
    from bakeoff.stack import Stack  # noqa: PLC0415 - loads the AWS SDK

    return TargetUserLists(Stack.from_environment().objects).keep(units)


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
def show(name: Name) -> None:
    """Print an experiment as JSON."""
    with failures_in_words(), Api.from_environment() as api:
        typer.echo(json.dumps(api.get(f"/ab_test/experiments/{name}"), indent=2, ensure_ascii=False))


@app.command()
def history(name: Name, *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print who changed what of an experiment, and when."""
    with failures_in_words(), Api.from_environment() as api:
        entries = api.get(f"/ab_test/experiments/{name}/history")
    for line in [json.dumps(entries, indent=2, ensure_ascii=False)] if as_json else history_lines(entries):
        typer.echo(line)


@app.command()
def start(name: Name) -> None:
    """Start an experiment."""
    _move(name, "start")


@app.command()
def pause(name: Name) -> None:
    """Let a running experiment assign nobody until it is resumed."""
    _move(name, "pause")


@app.command()
def resume(name: Name) -> None:
    """Let a paused experiment go on."""
    _move(name, "resume")


Serve = Annotated[
    str | None,
    typer.Option("--serve", help="The group that serves everybody from then on. [default: as alert_rules say]"),
]


@app.command()
def complete(name: Name, *, serve: Serve = None) -> None:
    """End an experiment that has run its course."""
    _move(name, "complete", serve)


@app.command()
def stop(name: Name, *, serve: Serve = None) -> None:
    """Stop an experiment for good."""
    _move(name, "stop", serve)


@app.command()
def promote(
    name: Name,
    group: Annotated[str, typer.Argument(help="The group that serves everybody from then on.")],
    *,
    alias: Annotated[
        str | None,
        typer.Option("--alias", help="An alias of its model, such as champion, that is to point at its version."),
    ] = None,
) -> None:
    """Let one group serve everybody; an experiment that still runs is completed."""
    body = {"group": group} if alias is None else {"group": group, "alias": alias}
    with failures_in_words(), Api.from_environment() as api:
        promoted = api.post(f"/ab_test/experiments/{name}/promote", body)
    typer.echo(_ended(promoted["experiment"]))
    move = promoted["alias_move"]
    if move is not None:
        model = next(each["model_name"] for each in promoted["experiment"]["groups"] if each["name"] == group)
        typer.echo(f"{model}:{move['alias']}: {move['source'] or 'nothing'} -> {move['target']}")


@app.command()
def alerts(
    name: Name,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over as well.")] = False,
    ids: Annotated[bool, typer.Option("--ids", help="Print their ids alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what is wrong with an experiment, newest first."""
    with failures_in_words(), Api.from_environment() as api:
        found = api.get(f"/ab_test/experiments/{name}/alerts{'?status=all' if everything else ''}")
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for line in [alert["alert_id"] for alert in found] if ids else alert_lines(name, found):
        typer.echo(line)


@app.command()
def acknowledge(name: Name, alert_id: Annotated[str, typer.Argument(metavar="ID", help="The alert.")]) -> None:
    """Say that you take note of an alert."""
    with failures_in_words(), Api.from_environment() as api:
        alert = api.post(f"/ab_test/experiments/{name}/alerts/{quote(alert_id, safe='')}/acknowledge")
    typer.echo(f"{alert['kind']} of {name}: acknowledged by {alert['acknowledged_by']} at {alert['acknowledged_at']}")


def _move(name: str, action: str, serve: str | None = None) -> None:
    body = None if serve is None else {"serve": serve}
    with failures_in_words(), Api.from_environment() as api:
        typer.echo(_ended(api.post(f"/ab_test/experiments/{name}/{action}", body)))


def _ended(experiment: dict[str, Any]) -> str:
    serving = experiment["serving_group"]
    return f"{experiment['name']}: {experiment['status']}" + (f", {serving} serves everybody" if serving else "")


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
