"""A feature pipeline before a model: two graphs that run as one."""

from collections.abc import Callable, Sequence
from typing import Any

from model_runtime.errors import InvalidFeatures, ModelRefused, PredictionCancelled, PredictionFailed
from model_runtime.model import Model, Session
from model_runtime.tensors import Argument


class ChainedSession:
    """Runs a pipeline's graph, and a model's on what came of it.

    Args:
        pipeline: Its outputs are the model's inputs: of the same names, or the only one for the only one.
        model: Gives the outputs.

    Raises:
        ModelRefused: They do not fit each other.
    """

    def __init__(self, pipeline: Session, model: Session) -> None:
        self._pipeline = pipeline
        self._model = model
        self._sources, self._targets = _wires(pipeline.get_outputs(), model.get_inputs())

    def get_inputs(self) -> Sequence[Argument]:
        """The pipeline's inputs."""
        return self._pipeline.get_inputs()

    def get_outputs(self) -> Sequence[Argument]:
        """The model's outputs."""
        return self._model.get_outputs()

    def run(self, output_names: Sequence[str], input_feed: dict[str, Any], run_options: Any = None) -> Sequence[Any]:
        """Compute the model's outputs from the pipeline's inputs."""
        engineered = self._pipeline.run(self._sources, input_feed, run_options)
        return self._model.run(output_names, dict(zip(self._targets, engineered, strict=True)), run_options)


def chain(pipeline: Model, model: Model, on_built: Callable[[Model], object] = lambda _model: None) -> Model:
    """Put a feature pipeline before a model, and prove on the pipeline's probe row that they fit.

    Args:
        pipeline: Takes the features, checked by its own schema.
        model: Takes what the pipeline makes of them.
        on_built: Called with the two as one before they are proved, for who wants to cancel that.

    Raises:
        ModelRefused: They do not fit each other.
        PredictionCancelled: `cancel` was called meanwhile.
    """
    if pipeline.batch_size and model.batch_size and pipeline.batch_size != model.batch_size:
        raise ModelRefused("the feature pipeline and the model have different fixed batch sizes")
    metadata = model.metadata.model_copy(update={"input_schema": pipeline.metadata.input_schema})
    chained = Model(metadata, ChainedSession(pipeline.session, model.session), model.batch_size)
    on_built(chained)
    try:
        chained.predict(pipeline.metadata.probe.features, "probe.features")
    except PredictionCancelled:
        raise
    except (InvalidFeatures, PredictionFailed) as error:
        raise ModelRefused(f"the feature pipeline's probe row fails in the model: {error}") from error
    return chained


def _wires(outputs: Sequence[Argument], inputs: Sequence[Argument]) -> tuple[list[str], list[str]]:
    by_name = {output.name: output for output in outputs}
    if all(each.name in by_name for each in inputs):
        pairs = [(by_name[each.name], each) for each in inputs]
    elif len(outputs) == len(inputs) == 1:
        pairs = [(outputs[0], inputs[0])]
    else:
        raise ModelRefused(
            f"the feature pipeline gives {', '.join(sorted(by_name))}, and the model takes "
            f"{', '.join(sorted(each.name for each in inputs))}"
        )
    for source, target in pairs:
        if source.type != target.type:
            raise ModelRefused(
                f"the feature pipeline gives {source.name} as a {source.type}, and the model takes a {target.type}"
            )
    return [source.name for source, _ in pairs], [target.name for _, target in pairs]
