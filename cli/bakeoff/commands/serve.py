"""`bakeoff serve`: the stack on this machine, until it is told to stop."""

import shlex
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from bakeoff.api import Api
from bakeoff.commands.failures import failures_in_words
from bakeoff.commands.options import Logs, Template


def serve(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the HTTP API; 0 takes any free one.")] = 3000,
    keep: Annotated[
        Path | None,
        typer.Option(help="Folder that tables and buckets are read from at the start and written to at the end."),
    ] = None,
    template: Template = Path("template.yaml"),
    logs: Logs = Path(".local/logs"),
) -> None:
    """Serve the stack of template.yaml on this machine, without a cloud.

    Prints the variables that point the AWS CLI and this command at it, then `ready: URL`.
    Stops on Ctrl-C and SIGTERM. Without --keep, nothing stays.
    """
    from bakeoff.standin.standin import Standin  # noqa: PLC0415 - seconds of imports that no other command needs

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with failures_in_words(), Standin(template, logs=logs, port=port, keep=keep) as standin:
        with Api(standin.url) as api:
            api.get("/health")
        for scope, key in standin.keys.items():
            typer.echo(f"{scope} key: {key}")
        for name, value in standin.environment.items():
            typer.echo(f"export {name}={shlex.quote(value)}")
        print(f"ready: {standin.url}", flush=True)
        stopped.wait()
