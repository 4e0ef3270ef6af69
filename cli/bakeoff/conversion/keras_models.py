"""TensorFlow: Keras models from `.keras` files or from memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from onnx import numpy_helper

from bakeoff.conversion.boosters import matrix
from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.graphs import with_probabilities
from bakeoff.conversion.networks import expected
from bakeoff.conversion.parity import Expected
from bakeoff.conversion.samples import Sample
from bakeoff.conversion.source import Candidate, Described, Wishes
from model_runtime.metadata import OutputSchema

_PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "tf2onnx", "onnx")
_OPSET = 17


def load(path: Path) -> Any:
    """Read a Keras model from a file."""
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever a layer raises
        raise NotConvertible(f"{path}: cannot be read by Keras: {error}") from error


class KerasModel:
    """A model that takes one matrix, [rows, features], or a column for each of its inputs, by their names.

    Args:
        model: A Keras model of one output.
        wishes: Class labels make a classifier of it.
    """

    def __init__(self, model: Any, wishes: Wishes) -> None:
        if len(model.outputs) != 1:
            raise NotConvertible(f"the model must give one output, but gives {len(model.outputs)}")
        self._model = model
        self._inputs = [each.name for each in model.inputs]
        self._wishes = wishes
        self._width = 0

    def feature_names(self, sample: Sample) -> Sequence[str]:
        """Name the inputs, where there is more than one; else all of the sample's columns."""
        if len(self._inputs) > 1:
            return self._inputs
        width = self._model.inputs[0].shape[-1]
        if width is not None and width != len(sample.columns):
            raise NotConvertible(
                f"the model takes {width} columns, but the sample has {len(sample.columns)}: {', '.join(sample.names)}"
            )
        return sample.names

    def describe(self, sample: Sample) -> Described:  # noqa: ARG002 - a network knows nothing of its features
        """Tell the framework; a network has no feature importances."""
        return Described("keras", self._wishes.class_labels, {}, _PACKAGES)

    def predict(self, sample: Sample) -> list[Expected]:
        """Predict with Keras."""
        outputs = np.asarray(self._model.predict(self._arguments(sample), verbose=0), dtype=np.float64)
        self._width = outputs.reshape(len(outputs), -1).shape[1]
        return expected(outputs, self._wishes)

    def candidates(self, name: str, sample: Sample) -> Iterator[Candidate]:
        """There is one way: trace the model, and convert what was traced."""
        outputs = (
            OutputSchema(prediction="output")
            if self._wishes.class_labels is None
            else OutputSchema(probabilities="probabilities" if self._wishes.logits else "output")
        )
        yield Candidate(lambda: self._convert(name, sample), outputs)

    def _convert(self, name: str, sample: Sample) -> bytes:
        if len(self._inputs) > 1:
            shapes = [tf.TensorSpec((None, 1), each.dtype, name=each.name) for each in self._model.inputs]
        else:
            dtype = self._model.inputs[0].dtype
            shapes = [tf.TensorSpec((None, len(sample.columns)), dtype, name="features")]

        def output(*columns: Any) -> Any:
            answer = self._model(columns[0] if len(columns) == 1 else list(columns), training=False)
            return tf.identity(answer, name="output")

        function = tf.function(output, input_signature=shapes)
        model, _external = tf2onnx.convert.from_function(function, input_signature=shapes, opset=_OPSET)
        _keep_constants(model, function.get_concrete_function())
        model.graph.name = name
        _name_output(model)
        artefact = bytes(model.SerializeToString(deterministic=True))
        return with_probabilities(artefact, "output", self._width) if self._wishes.logits else artefact

    def _arguments(self, sample: Sample) -> Any:
        table = matrix(sample)
        if len(self._inputs) > 1:
            return [table[:, [index]].astype(each.dtype) for index, each in enumerate(self._model.inputs)]
        return table.astype(self._model.inputs[0].dtype)


def _keep_constants(model: Any, traced: Any) -> None:
    """Put the constants that layers hold into the graph; the converter makes inputs of them."""
    held = {inner.name: outer for outer, inner in traced.graph.captures}
    for given in [each for each in model.graph.input if each.name in held]:
        model.graph.input.remove(given)
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(held[given.name].numpy()), given.name))


def _name_output(model: Any) -> None:
    """Call the output what the metadata call it; the converter calls it by its node."""
    (output,) = model.graph.output
    former, output.name = output.name, "output"
    for node in model.graph.node:
        node.output[:] = ["output" if each == former else each for each in node.output]
        node.input[:] = ["output" if each == former else each for each in node.input]
