"""A model in the framework that it was trained in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from bakeoff.conversion.parity import Expected
from bakeoff.conversion.samples import Sample
from model_runtime.metadata import Label, OutputSchema


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to write the model as ONNX.

    Attributes:
        build: Converts it. What it raises is the converter's.
        outputs: Which of the graph's outputs are what.
    """

    build: Callable[[], bytes]
    outputs: OutputSchema


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the publisher says of the model, where the framework does not.

    Attributes:
        class_labels: The classes, in the order of the probabilities.
        logits: Whether the outputs are to be turned into probabilities.
        outputs: Which of a plain ONNX model's outputs are what.
    """

    class_labels: tuple[Label, ...] | None = None
    logits: bool = False
    outputs: OutputSchema | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """What the framework tells of the model."""

    framework: str
    class_labels: tuple[Label, ...] | None = None
    feature_importance: Mapping[str, float] = field(default_factory=dict)
    packages: tuple[str, ...] = ()

    def dependencies(self) -> dict[str, str]:
        """The versions of the framework and of the converter."""
        found = {}
        for package in self.packages:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found


class Source(Protocol):
    """A model of one framework."""

    def feature_names(self, sample: Sample) -> Sequence[str]:
        """Name the sample's columns that the model takes, in its order. Raises NotConvertible."""
        ...

    def describe(self, sample: Sample) -> Described:
        """Tell what the framework knows of the model; the sample holds its features only."""
        ...

    def predict(self, sample: Sample) -> list[Expected]:
        """Predict the sample with the framework itself."""
        ...

    def candidates(self, name: str, sample: Sample) -> Iterator[Candidate]:
        """Give the ways to convert the model, the preferred first.

        Args:
            name: What the graph is called.
            sample: The features, with their types.
        """
        ...


def normalised(importance: Mapping[str, float]) -> dict[str, float]:
    """Scale importances so that they add up to 1."""
    total = sum(importance.values())
    return {name: round(value / total, 6) for name, value in importance.items()} if total > 0 else {}
