"""Algorithms of the deployer's own, registered by name."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Protocol, cast

from bakeoff_core.assignment.drawing import normalised
from bakeoff_core.experiments.model import Experiment


class CustomAlgorithm(Protocol):
    """Says with which probability a unit gets each group; Bakeoff draws, keeps and records it."""

    def __call__(self, experiment: Experiment, unit: str) -> Mapping[str, float]:
        """Weigh the groups for a unit.

        Args:
            experiment: The configuration; `algorithm_parameters` is the algorithm's own part of it.
            unit: The unit's id.

        Returns:
            A weight of 0 or more for each group by name, on any scale; a group left out has 0.
        """
        ...


def load_algorithms(places: Mapping[str, str]) -> dict[str, CustomAlgorithm]:
    """Import the registered algorithms.

    Args:
        places: By name, where each is: `module:function`.

    Raises:
        ImportError: There is no such module.
        AttributeError: The module has no such function.
        TypeError: What is there cannot be called.
    """
    return {name: _load(name, place) for name, place in places.items()}


def checked_weights(weights: Mapping[str, float], experiment: Experiment) -> dict[str, float]:
    """Turn what an algorithm returned into each group's probability.

    Raises:
        ValueError: It names a group that the experiment does not have, or the weights cannot be drawn from.
    """
    if unknown := weights.keys() - experiment.shares.keys():
        raise ValueError(f"the experiment has no group {', '.join(sorted(unknown))}")
    return normalised({group: float(weights.get(group, 0.0)) for group in experiment.shares})


def _load(name: str, place: str) -> CustomAlgorithm:
    module, _, function = place.partition(":")
    algorithm: Callable[..., object] = getattr(import_module(module), function)
    if not callable(algorithm):
        raise TypeError(f"custom algorithm {name!r}: {place} is not a function")
    return cast("CustomAlgorithm", algorithm)
