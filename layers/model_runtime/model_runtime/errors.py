"""What can go wrong between a registered model and its prediction."""

from collections.abc import Sequence
from dataclasses import dataclass


class ModelRuntimeError(Exception):
    """A failure whose text is fit for the caller: it names no path, class or secret."""


@dataclass(frozen=True, slots=True)
class FeatureError:
    """One feature that is wrong, and why."""

    loc: str
    msg: str

    def __str__(self) -> str:
        return f"{self.loc}: {self.msg}"


class InvalidFeatures(ModelRuntimeError):
    """A row does not fit the model's schema."""

    def __init__(self, errors: Sequence[FeatureError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = tuple(errors)


class ArtefactDamaged(ModelRuntimeError):
    """The artefact's bytes are not those that were registered, even when fetched again."""


class ModelRefused(ModelRuntimeError):
    """The artefact is no model that can run here, or it does not fit its metadata."""


class ProbeMismatch(ModelRefused):
    """The model does not reproduce the output that its metadata expect for the probe row."""


class PredictionFailed(ModelRuntimeError):
    """The model failed on a valid row, or gave an output that is not usable."""


class PredictionCancelled(PredictionFailed):
    """The run was ended from outside, which says nothing of the row."""
