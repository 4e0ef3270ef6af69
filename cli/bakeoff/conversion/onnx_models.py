"""Plain ONNX: nothing is converted, but the sample's columns and the classes are found."""

from collections.abc import Iterator, Sequence
from typing import Any

from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.parity import Expected
from bakeoff.conversion.samples import Sample
from bakeoff.conversion.source import Candidate, Described, Wishes
from model_runtime.errors import ModelRefused
from model_runtime.metadata import OutputSchema
from model_runtime.sessions import build_session

_LABELS = {"tensor(string)", "tensor(int64)"}
_MATRIX_RANK = 2


class OnnxModel:
    """An ONNX file's bytes.

    Args:
        artefact: The file.
        wishes: Class labels, where the graph's output holds none.
    """

    def __init__(self, artefact: bytes, wishes: Wishes) -> None:
        try:
            session = build_session(artefact, 1)
        except ModelRefused as error:
            raise NotConvertible(str(error)) from error
        self._artefact = artefact
        self._wishes = wishes
        self._inputs = session.get_inputs()
        self._outputs = session.get_outputs()

    def feature_names(self, sample: Sample) -> Sequence[str]:
        """Name the inputs, where the sample has columns of their names; else all columns go into the only one."""
        names = [each.name for each in self._inputs]
        if all(name in sample.names for name in names):
            return names
        if len(names) > 1:
            return sample.select(names).names
        width = self._inputs[0].shape[-1] if self._inputs[0].shape else 1
        if isinstance(width, int) and width != len(sample.columns):
            raise NotConvertible(
                f"the model takes {width} columns, but the sample has {len(sample.columns)}: {', '.join(sample.names)}"
            )
        return sample.names

    def describe(self, sample: Sample) -> Described:  # noqa: ARG002 - a graph knows nothing of its features
        """Tell the classes, as they are given or numbered."""
        labels = self._wishes.class_labels
        if labels is None and self._output_schema().probabilities is not None:
            raise NotConvertible("the model gives probabilities: name their classes, in the order of the outputs")
        return Described("onnx", labels)

    def predict(self, sample: Sample) -> list[Expected]:  # noqa: ARG002 - see below
        """Give nothing: the graph is its own source."""
        return []

    def candidates(self, name: str, sample: Sample) -> Iterator[Candidate]:  # noqa: ARG002 - it stays as it is
        """Give the file as it is, or with its logits turned into probabilities."""
        schema = self._output_schema()
        yield Candidate(self._finished, schema)

    def _finished(self) -> bytes:
        if not self._wishes.logits:
            return self._artefact
        from bakeoff.conversion.graphs import with_probabilities  # noqa: PLC0415 - needs the package onnx

        return with_probabilities(self._artefact, self._outputs[0].name, _width(self._outputs[0]))

    def _output_schema(self) -> OutputSchema:
        if self._wishes.outputs is not None:
            return self._wishes.outputs
        if self._wishes.logits:
            if self._wishes.class_labels is None or len(self._outputs) != 1:
                raise NotConvertible("logits are turned into probabilities where one output and its classes are given")
            return OutputSchema(probabilities="probabilities")
        labels = [each.name for each in self._outputs if each.type in _LABELS]
        scores = [each.name for each in self._outputs if each.type not in _LABELS]
        if len(labels) == 1 and len(scores) == 1:
            return OutputSchema(prediction=labels[0], probabilities=scores[0])
        if len(self._outputs) != 1:
            named = ", ".join(each.name for each in self._outputs)
            raise NotConvertible(f"the model gives {named}: say by output_schema in the metadata which is what")
        only = self._outputs[0]
        if self._wishes.class_labels is not None and only.type not in _LABELS:
            return OutputSchema(probabilities=only.name)
        return OutputSchema(prediction=only.name)


def _width(output: Any) -> int:
    shape = list(output.shape)
    return shape[1] if len(shape) == _MATRIX_RANK and isinstance(shape[1], int) else 1
