"""`bakeoff demo`: the main job from end to end."""

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.commands.failures import failures_in_words
from bakeoff.commands.options import Logs, Template


def demo(
    users: Annotated[int, typer.Option(min=1, help="Users that are sent through the experiment.")] = 4000,
    seed: Annotated[int, typer.Option(help="Of what the simulated users do.")] = 1,
    template: Template = Path("template.yaml"),
    examples: Annotated[Path, typer.Option(help="The folder of examples.")] = Path("examples"),
    reports: Annotated[Path, typer.Option(help="Folder that the reports are copied to.")] = Path(".local/reports"),
    logs: Logs = Path(".local/logs"),
) -> None:
    """Serve three real models, run two kinds of experiments on real impressions, and report who won."""
    from bakeoff.demo.job import Job, run  # noqa: PLC0415 - seconds of imports that no other command needs

    with failures_in_words():
        run(Job(template=template, examples=examples, reports=reports, logs=logs, users=users, seed=seed))
