"""`bakeoff model`: models into the registry, and what is in it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bakeoff.api import Api
from bakeoff.commands.failures import failures_in_words
from bakeoff_core.clock import utc_now

app = typer.Typer(no_args_is_help=True, help="Publish models and list them.")


@app.command("publish")
def publish(
    folder: Annotated[Path, typer.Argument(help="A folder with model.onnx and metadata.json.")],
    alias: Annotated[str | None, typer.Option(help="An alias to point at the version, such as champion.")] = None,
) -> None:
    """Check a model, store it and register it; a version never changes afterwards."""
    from bakeoff.model_folders import publish_folder  # noqa: PLC0415 - loads ONNX Runtime
    from bakeoff.stack import Stack  # noqa: PLC0415 - loads the AWS SDK

    with failures_in_words():
        stack = Stack.from_environment()
        model = publish_folder(folder, stack.registry, stack.objects, utc_now, alias=alias)
    typer.echo(f"{model.model_key}: {model.status}, sha256 {model.sha256}")
    if alias is not None:
        typer.echo(f"{model.name}:{alias} -> {model.version}")


@app.command("list")
def list_(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List all registered versions."""
    with failures_in_words(), Api.from_environment() as api:
        models = api.get("/models")["models"]
    if as_json:
        typer.echo(json.dumps(models, indent=2))
    else:
        Console().print(_table(models))


def _table(models: list[dict[str, Any]]) -> Table:
    table = Table("model", "status", "framework", "loaded at", "description")
    for model in models:
        metadata = model["metadata"]
        table.add_row(
            model["model_key"],
            model["status"],
            metadata.get("framework", ""),
            model["loaded_at"] or "",
            metadata.get("description", ""),
        )
    return table
