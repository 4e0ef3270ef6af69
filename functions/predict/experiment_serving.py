"""Predictions by the model of the group that a unit is in."""

from dataclasses import dataclass

from bakeoff_core.assignment.assigner import Assignment
from bakeoff_core.errors import ModelNotFound, NoModelInExperiment, Unavailable
from bakeoff_core.experiments.model import Experiment, Group
from bakeoff_core.telemetry import count, logger
from model_serving import Answer, ModelServer


@dataclass(frozen=True, slots=True)
class ExperimentAnswer:
    """A prediction by the group's model, or by the control's where that one failed."""

    answer: Answer
    fallback: bool


def predict_for(assignment: Assignment, features: object, server: ModelServer) -> ExperimentAnswer:
    """Predict with the model of the unit's group; a unit in no group gets the control's.

    Args:
        assignment: The unit's assignment.
        features: Named features, or their values in the schema's order.
        server: Serves the models.

    Raises:
        NoModelInExperiment: The group names no model.
        ModelNotFound, Unavailable: The group's model cannot serve, and neither can the control's.
        InvalidInput: The features do not fit the model's schema.
    """
    experiment = assignment.experiment
    group = assignment.group or experiment.control
    try:
        return ExperimentAnswer(_predict(experiment, group, features, server), fallback=False)
    except (ModelNotFound, Unavailable):
        if _same_model(group, experiment.control):
            raise
        logger.exception("group's model failed", experiment_name=experiment.name, group_name=group.name)
        count("model_fallback_total", experiment=experiment.name, group=group.name)
        return ExperimentAnswer(_predict(experiment, experiment.control, features, server), fallback=True)


def _predict(experiment: Experiment, group: Group, features: object, server: ModelServer) -> Answer:
    if group.model_name is None:
        raise NoModelInExperiment(experiment.name)
    return server.predict(group.model_name, group.model_version, features, "features")


def _same_model(group: Group, control: Group) -> bool:
    return control.model_name is None or (group.model_name, group.model_version) == (
        control.model_name,
        control.model_version,
    )
