"""The unzipped size of every built function with its layers, against Lambda's limit.

Run it after `sam build`; it fails when a function is over the limit.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

#: Lambda refuses a function whose code and layers unzip to more; in units of 10**6 bytes, to stay below either reading.
LIMIT_BYTES: Final = 250_000_000


@dataclass(frozen=True, slots=True)
class FunctionSize:
    """A function's unzipped bytes: its own, and those of each of its layers by name."""

    name: str
    own: int
    layers: dict[str, int]

    @property
    def total(self) -> int:
        """All that Lambda unzips for the function."""
        return self.own + sum(self.layers.values())


class _Loader(yaml.SafeLoader):
    """Reads a template without resolving what its short-form intrinsic functions refer to."""


def _intrinsic(
    loader: yaml.SafeLoader, suffix: str, node: yaml.ScalarNode | yaml.SequenceNode | yaml.MappingNode
) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.MappingNode):
        return {suffix: loader.construct_mapping(node, deep=True)}
    return {suffix: loader.construct_sequence(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


def read_template(path: Path) -> dict[str, Any]:
    """Read a template's resources by logical id."""
    resources: dict[str, Any] = yaml.load(path.read_text(), Loader=_Loader)["Resources"]  # noqa: S506 - a SafeLoader
    return resources


def folder_bytes(folder: Path) -> int:
    """Sum the bytes of the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def function_sizes(build_folder: Path) -> list[FunctionSize]:
    """Measure every function below the folder that `sam build` wrote."""
    resources = read_template(build_folder / "template.yaml")
    layers = {
        name: folder_bytes(build_folder / resource["Properties"]["ContentUri"])
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }
    return [
        FunctionSize(
            name=name,
            own=folder_bytes(build_folder / resource["Properties"]["CodeUri"]),
            layers={layer["Ref"]: layers[layer["Ref"]] for layer in resource["Properties"].get("Layers", [])},
        )
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    ]


def table(sizes: list[FunctionSize]) -> str:
    """Lay the sizes out as text, in megabytes."""
    lines = [f"{'function':<20} {'own':>7} {'layers':>7} {'total':>7}  MB unzipped, of {LIMIT_BYTES / 1e6:.0f}"]
    lines += [
        f"{size.name:<20} {size.own / 1e6:>7.1f} {(size.total - size.own) / 1e6:>7.1f} {size.total / 1e6:>7.1f}"
        f"  {' + '.join(size.layers)}"
        for size in sizes
    ]
    return "\n".join(lines)


def main() -> int:
    """Print the table for a build folder, .aws-sam/build unless one is named."""
    sizes = function_sizes(Path(*(sys.argv[1:2] or [".aws-sam/build"])))
    print(table(sizes))
    too_large = [size.name for size in sizes if size.total >= LIMIT_BYTES]
    for name in too_large:
        print(f"{name} is over the limit and cannot be deployed", file=sys.stderr)
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
