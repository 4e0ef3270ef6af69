"""Predictions by the model of the group that a unit is in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from pydantic import JsonValue

from bakeoff_core.assignment.assigner import Assignment
from bakeoff_core.errors import ModelNotFound, NoModelInExperiment, Unavailable
from bakeoff_core.experiments.model import Experiment, Group
from bakeoff_core.telemetry import count, logger
from shadowing import Shadows

Made = TypeVar("Made")

Call: TypeAlias = Callable[[str, str | None], Made]
"""Predicts with a model, by its name and its version, alias or None."""


@dataclass(frozen=True, slots=True)
class ExperimentAnswer(Generic[Made]):
    """What the group's model made, or the control's where that one failed.

    Attributes:
        answer: What was made.
        fallback: Whether the control's model made it in place of the group's.
        shadow: What the group's shadow model made of the same, or why nothing; None where the group has none.
    """

    answer: Made
    fallback: bool
    shadow: Mapping[str, JsonValue] | None = None


def predict_for(
    assignment: Assignment,
    call: Call[Made],
    shadows: Shadows,
    describe: Callable[[Made], Mapping[str, JsonValue]],
) -> ExperimentAnswer[Made]:
    """Predict with the model of the unit's group.

    A unit in no group gets the control's; or, once the experiment is over, that of the group that was chosen to serve.

    Args:
        assignment: The unit's assignment.
        call: Predicts.
        shadows: Runs the group's shadow model on the side, for a unit that is in the group.
        describe: Says what a shadow model made, as it is recorded.

    Raises:
        NoModelInExperiment: The group names no model.
        ModelNotFound, Unavailable: The group's model cannot serve, and neither can the control's.
        InvalidInput: The features do not fit the model's schema.
    """
    experiment = assignment.experiment
    group = assignment.serving or experiment.control
    shadow = None if assignment.group is None else shadows.start(group, lambda *model: describe(call(*model)))
    try:
        made, fallback = _with(experiment, group, call), False
    except (ModelNotFound, Unavailable):
        if _same_model(group, experiment.control):
            raise
        logger.exception("group's model failed", experiment_name=experiment.name, group_name=group.name)
        count("model_fallback_total", experiment=experiment.name, group=group.name)
        made, fallback = _with(experiment, experiment.control, call), True
    return ExperimentAnswer(made, fallback, shadow.outcome() if shadow else None)


def _with(experiment: Experiment, group: Group, call: Call[Made]) -> Made:
    if group.model_name is None:
        raise NoModelInExperiment(experiment.name)
    return call(group.model_name, group.model_version)


def _same_model(group: Group, control: Group) -> bool:
    return control.model_name is None or (group.model_name, group.model_version) == (
        control.model_name,
        control.model_version,
    )
