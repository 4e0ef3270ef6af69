"""`bakeoff model`: models into the registry, what is in it, and which versions the aliases point at."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bakeoff.commands.failures import failures_in_words
from bakeoff.errors import UsageError
from bakeoff.model_keys import read_key
from bakeoff.operators import operator
from bakeoff_core.clock import rfc3339, utc_now

if TYPE_CHECKING:
    from bakeoff.stack import Stack
    from bakeoff_core.stores.models import AliasMove, ModelVersion

app = typer.Typer(no_args_is_help=True, help="Publish models, list them, and move their aliases.")

Key = Annotated[str, typer.Argument(metavar="NAME:VERSION", help="The version.")]
Alias = Annotated[str, typer.Option(help="The alias.")]

_FEATURE_TYPES = ("bool", "int", "float", "str")


@app.command("publish")
def publish(  # noqa: PLR0913 - one parameter an option
    target: Annotated[
        str,
        typer.Argument(
            metavar="NAME:VERSION|FOLDER", help="The version; or a folder with model.onnx and metadata.json."
        ),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The model: .onnx, .joblib, .pkl or .skops (scikit-learn), .json or .ubj (XGBoost), .txt (LightGBM), "
            ".pt, .pth or .pt2 (PyTorch), .keras. Pickled files run the code they hold: open your own only."
        ),
    ] = None,
    *,
    sample: Annotated[
        Path | None, typer.Option(help="Rows to compare the converted model on: CSV, Parquet or NDJSON.")
    ] = None,
    alias: Annotated[str | None, typer.Option(help="An alias to point at the version, such as champion.")] = None,
    metadata: Annotated[
        Path | None, typer.Option(help="A JSON file of metadata, such as description and performance_metrics.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME=NUMBER", help="A performance metric; may be repeated.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="The classes in the order of the model's outputs, as in no,yes.")
    ] = None,
    logits: Annotated[
        bool, typer.Option("--logits", help="The model's outputs are logits, to be turned into probabilities.")
    ] = False,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A sample column that is no feature; may be repeated.")
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="COLUMN=TYPE", help="A column's type: bool, int, float or str; may be repeated."
        ),
    ] = None,
    default: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="What stands for a feature that is left out; may be repeated."),
    ] = None,
) -> None:
    """Convert a model if need be, check it, store it and register it; a version never changes afterwards."""
    with failures_in_words():
        if file is None:
            if sample or metadata or metric or classes or logits or exclude or type_ or default:
                raise UsageError("FILE: is missing; a folder's metadata.json says all that these options say")
            model = _publish_folder(Path(target), alias)
        else:
            if sample is None:
                raise UsageError("--sample: give rows that the model is compared on")
            from bakeoff.conversion.convert import Reading  # noqa: PLC0415 - loads ONNX Runtime
            from bakeoff.conversion.source import Wishes  # noqa: PLC0415 - loads ONNX Runtime

            known = _read_metadata(metadata)
            if metric:
                known["performance_metrics"] = {
                    **known.get("performance_metrics", {}),
                    **{name: _number(name, value) for name, value in _pairs("--metric", metric).items()},
                }
            labels = known.get("class_labels") if classes is None else [_scalar(each) for each in classes.split(",")]
            model = _publish_file(
                target,
                file,
                sample,
                alias,
                known,
                wishes=Wishes(None if labels is None else tuple(labels), logits),
                reading=Reading(
                    exclude=exclude or (),
                    types=_types(type_ or ()),
                    defaults={name: _scalar(value) for name, value in _pairs("--default", default or ()).items()},
                ),
            )
    typer.echo(f"{model.model_key}: {model.status}, sha256 {model.sha256}")
    if alias is not None:
        typer.echo(f"{model.name}:{alias} -> {model.version}")


@app.command("list")
def list_(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List all registered versions."""
    with failures_in_words():
        registry = _stack().registry
        models = registry.list()
        aliases = {name: registry.aliases(name) for name in {model.name for model in models}}
    described = [_describe(model, aliases[model.name]) for model in models]
    if as_json:
        typer.echo(json.dumps(described, indent=2))
    else:
        Console().print(_table(described))


@app.command("show")
def show(key: Key) -> None:
    """Print all that is known of a version, or of the one that an alias points at, with its aliases' history."""
    with failures_in_words():
        registry = _stack().registry
        name, version = read_key(key)
        model = registry.resolve(name, version)
        aliases = registry.aliases(name)
        history = [move for alias in sorted(aliases) for move in registry.alias_history(name, alias)]
    described = {
        **_describe(model, aliases),
        "alias_history": [
            move.model_dump(mode="json") for move in history if model.version in {move.source, move.target}
        ],
    }
    typer.echo(json.dumps(described, indent=2))


@app.command("promote")
def promote(
    key: Key,
    alias: Alias = "champion",
    expected: Annotated[
        str | None,
        typer.Option("--from", metavar="VERSION", help="Move the alias only if it still points at this version."),
    ] = None,
) -> None:
    """Point an alias at a version."""
    from bakeoff.model_lifecycle import promote as move_alias  # noqa: PLC0415 - loads the AWS SDK

    with failures_in_words():
        name, version = read_key(key)
        move = move_alias(_stack().registry, name, version, alias, expected=expected, actor=operator())
    typer.echo(_moved(name, move) if move else f"{name}:{alias} -> {version} already")


@app.command("rollback")
def rollback(
    name: Annotated[str, typer.Argument(help="The model.")],
    alias: Alias = "champion",
) -> None:
    """Point an alias back at the version before."""
    from bakeoff.model_lifecycle import rollback as move_back  # noqa: PLC0415 - loads the AWS SDK

    with failures_in_words():
        move = move_back(_stack().registry, name, alias, operator())
    typer.echo(_moved(name, move))


@app.command("delete")
def delete(key: Key) -> None:
    """Delete a version that no experiment, alias or other version uses; its name is never used again."""
    from bakeoff.model_lifecycle import delete as delete_version  # noqa: PLC0415 - loads the AWS SDK

    with failures_in_words():
        stack = _stack()
        name, version = read_key(key)
        delete_version(stack.registry, stack.objects, stack.all_experiments(), name, version, actor=operator())
    typer.echo(f"{key}: deleted")


def _stack() -> "Stack":
    from bakeoff.stack import Stack  # noqa: PLC0415 - loads the AWS SDK

    return Stack.from_environment()


def _publish_folder(folder: Path, alias: str | None) -> "ModelVersion":
    from bakeoff.model_folders import publish_folder  # noqa: PLC0415 - loads ONNX Runtime

    stack = _stack()
    return publish_folder(folder, stack.registry, stack.objects, utc_now, alias=alias, actor=operator())


def _publish_file(  # noqa: PLR0913 - what the options say, read
    key: str, file: Path, sample: Path, alias: str | None, known: dict[str, Any], *, wishes: Any, reading: Any
) -> "ModelVersion":
    from bakeoff.model_publishing import publish_model  # noqa: PLC0415 - loads ONNX Runtime

    published = publish_model(
        file,
        key,
        sample,
        alias=alias,
        wishes=wishes,
        reading=reading,
        metadata=known,
        stack=_stack(),
        actor=operator(),
    )
    parity = published.parity
    if parity is not None:
        framework = published.model.metadata["framework"]
        typer.echo(
            f"compared with {framework} on {parity.rows} rows: largest relative difference {parity.largest:.2e} "
            f"(allowed {parity.tolerance:g}), absolute {parity.absolute:.2e}"
        )
    return published.model


def _read_metadata(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        metadata = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{file}: is not JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise UsageError(f"{file}: must be a JSON object")
    return metadata


def _pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if wrong := [name for name, equals, _value in pairs if not (name and equals)]:
        raise UsageError(f"{option}: must be NAME=VALUE, got {wrong[0]!r}")
    return {name: value for name, _equals, value in pairs}


def _types(given: Sequence[str]) -> dict[str, Any]:
    types = _pairs("--type", given)
    for name, kind in types.items():
        if kind not in _FEATURE_TYPES:
            raise UsageError(f"--type: {name} must be one of {', '.join(_FEATURE_TYPES)}, got {kind!r}")
    return types


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--metric: {name} must be a number, got {text!r}") from None


def _scalar(text: str) -> Any:
    """Read a number, true or false; anything else is a text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _moved(name: str, move: "AliasMove") -> str:
    return f"{name}:{move.alias} -> {move.target} (was {move.source or 'not set'})"


def _describe(model: "ModelVersion", aliases: dict[str, str]) -> dict[str, Any]:
    return {
        "model_key": model.model_key,
        "aliases": sorted(alias for alias, version in aliases.items() if version == model.version),
        "status": model.status,
        "reason": model.reason,
        "registered_at": rfc3339(model.registered_at),
        "loaded_at": rfc3339(model.loaded_at) if model.loaded_at else None,
        "sha256": model.sha256,
        "size_bytes": model.size_bytes,
        "metadata": model.metadata,
    }


def _table(models: list[dict[str, Any]]) -> Table:
    table = Table()
    for column in ("model", "aliases", "status", "framework"):
        table.add_column(column, no_wrap=True)
    table.add_column("description")
    for model in models:
        metadata = model["metadata"]
        table.add_row(
            model["model_key"],
            ", ".join(model["aliases"]),
            model["status"],
            metadata.get("framework", ""),
            metadata.get("description", ""),
        )
    return table
