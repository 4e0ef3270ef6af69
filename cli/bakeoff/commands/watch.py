"""`bakeoff watch`: how an experiment stands, kept up to date in the terminal."""

import time
from typing import Annotated

import typer
from rich.console import Console

from bakeoff.api import Api
from bakeoff.commands.failures import failures_in_words
from bakeoff.watching import Watcher
from bakeoff_core.clock import utc_now


def watch(
    name: Annotated[str, typer.Argument(help="The experiment.")],
    every: Annotated[int, typer.Option(min=1, help="Seconds between two readings.")] = 30,
    *,
    refresh: Annotated[bool, typer.Option("--refresh", help="Compute the figures anew for each reading.")] = False,
) -> None:
    """Show how an experiment stands, read again every few seconds, until Ctrl-C; once where this is no terminal."""
    with failures_in_words(), Api.from_environment() as api:
        Watcher(
            api, name, every_seconds=every, refresh=refresh, console=Console(), clock=utc_now, sleep=time.sleep
        ).run()
