"""A model version that is ready to predict."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from model_runtime.errors import FeatureError, InvalidFeatures, PredictionCancelled, PredictionFailed, ProbeMismatch
from model_runtime.inputs import Rows, batch_size_of, bind_inputs, limits_of, shapes_of
from model_runtime.metadata import ModelMetadata
from model_runtime.outputs import OutputReader, Prediction, as_tensor
from model_runtime.rows import Row, RowReader, Usage
from model_runtime.sessions import build_session, new_run_options
from model_runtime.tensors import Argument, check_feed, element_type, fixed_shape

Outcome = Prediction | InvalidFeatures | PredictionFailed


class Session(Protocol):
    """The part of onnxruntime's InferenceSession that is used."""

    def get_inputs(self) -> Sequence[Argument]:
        """The graph's inputs."""
        ...

    def get_outputs(self) -> Sequence[Argument]:
        """The graph's outputs."""
        ...

    def run(self, output_names: Sequence[str], input_feed: dict[str, Any], run_options: Any = None) -> Sequence[Any]:
        """Compute outputs."""
        ...


@dataclass(frozen=True, slots=True)
class TensorDescription:
    """A tensor that a model takes or gives; None is a length that varies, or a type that is no tensor's."""

    name: str
    dtype: np.dtype[Any] | None
    shape: tuple[int | None, ...]


class Model:
    """Predictions from named features, or from whole tensors.

    Args:
        metadata: What is known of the model.
        session: Runs its graph.
        batch_size: The number of rows that a run must have, where the graph's inputs do not show it.

    Raises:
        ModelRefused: The graph's inputs or outputs do not fit the metadata.
    """

    def __init__(self, metadata: ModelMetadata, session: Session, batch_size: int | None = None) -> None:
        schema = metadata.input_schema
        self.metadata = metadata
        self.session = session
        self._arguments = session.get_inputs()
        self._results = session.get_outputs()
        self._inputs = bind_inputs(schema, self._arguments)
        self.batch_size = batch_size_of(self._inputs) or batch_size
        self._has_batch_axis = any(tensor.batch_axis is not None for tensor in self._inputs)
        # Arrays of varying length, and what all rows of a run share, decide which rows may run together.
        self._deciding = [tensor for tensor in self._inputs if tensor.batch_axis is None or None in tensor.shape]
        self._reader = RowReader(schema, limits_of(schema, self._inputs), shapes_of(schema, self._inputs))
        self._outputs = OutputReader(metadata, self._results)
        self._running: set[Any] = set()

    def read(self, data: object, loc: str = "data") -> Row:
        """Order, complete and check one row.

        Args:
            data: An object of named features, or an array in the schema's order.
            loc: What the request calls the row, for messages.

        Raises:
            InvalidFeatures: The row does not fit the schema.
        """
        block = self._reader.read_block([data])
        return self._reader.read(data, loc) if block is None else block[0]

    def predict_row(self, row: Row) -> Prediction:
        """Predict a row that `read` gave.

        Raises:
            PredictionFailed: The model failed, or gave an output that is not finite.
        """
        (outcome,) = self._run_piece(row.reshape(1, -1) if isinstance(row, np.ndarray) else [row])
        if isinstance(outcome, PredictionFailed):
            raise outcome
        return outcome

    def predict(self, data: object, loc: str = "data") -> Prediction:
        """Read and predict one row.

        Raises:
            InvalidFeatures: The row does not fit the schema.
            PredictionFailed: The model failed, or gave an output that is not finite.
        """
        return self.predict_row(self.read(data, loc))

    def predict_batch(self, rows: Sequence[object], loc: str = "data") -> list[Outcome]:
        """Predict many rows, in one vectorised run where the model's inputs let them share one.

        Rows of a model with a fixed batch size run in pieces of that size, the last one filled up with
        repetitions. Rows whose arrays differ in length, or in a value that all rows of a run share, run apart.

        Args:
            rows: Each as in `predict`.
            loc: What the request calls the list, for messages.

        Returns:
            For each row, in order, its prediction or what was wrong with it.
        """
        block = self._reader.read_block(rows)
        if block is not None:
            return list(self._run_all(block))
        read = [self._read(row, f"{loc}[{index}]") for index, row in enumerate(rows)]
        valid = [row for row in read if not isinstance(row, InvalidFeatures)]
        predicted = iter(self._run_all(valid))
        return [row if isinstance(row, InvalidFeatures) else next(predicted) for row in read]

    def infer(
        self, feed: Mapping[str, npt.NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Compute whole tensors from whole tensors, as the graph has them; no feature is checked.

        Args:
            feed: Every input, of its own type and shape.
            outputs: The outputs that are wanted; None for all.

        Raises:
            InvalidFeatures: An input is missing, unknown or does not fit, or there is no such output.
            PredictionFailed: The model failed.
        """
        check_feed(feed, self._arguments)
        by_name = {argument.name: argument for argument in self._results}
        names = list(by_name if outputs is None else outputs)
        if unknown := [name for name in names if name not in by_name]:
            raise InvalidFeatures([FeatureError(name, "is not an output of the model") for name in unknown])
        labels = self.metadata.class_labels or ()
        given = self._compute(names, dict(feed))
        return {name: as_tensor(output, by_name[name], labels) for name, output in zip(names, given, strict=True)}

    def rows_in(self, feed: Mapping[str, npt.NDArray[Any]]) -> int:
        """Count the rows in whole tensors; 1 where the model's inputs count none."""
        return max(
            (
                feed[tensor.name].shape[tensor.batch_axis]
                for tensor in self._inputs
                if tensor.batch_axis is not None and tensor.name in feed and feed[tensor.name].ndim > tensor.batch_axis
            ),
            default=1,
        )

    @property
    def inputs(self) -> list[TensorDescription]:
        """The tensors that `infer` takes."""
        return [
            TensorDescription(argument.name, element_type(argument), fixed_shape(argument))
            for argument in self._arguments
        ]

    @property
    def outputs(self) -> list[TensorDescription]:
        """The tensors that `infer` gives."""
        return [self._described(argument) for argument in self._results]

    def take_usage(self) -> Usage:
        """Say how the features were used since this was last asked."""
        return self._reader.take_usage()

    def cancel(self) -> None:
        """End the runs that are under way at their next operator; they fail."""
        for options in list(self._running):
            options.terminate = True

    def run_probe(self) -> None:
        """Predict the metadata's probe row.

        Raises:
            ProbeMismatch: The answer is not the expected one.
            PredictionCancelled: `cancel` was called meanwhile.
        """
        probe = self.metadata.probe
        try:
            answer = self.predict(probe.features, "probe.features")
        except PredictionCancelled:
            raise
        except (InvalidFeatures, PredictionFailed) as error:
            raise ProbeMismatch(f"the probe row fails: {error}") from error
        if not _close(answer.prediction, probe.prediction, probe.tolerance):
            raise ProbeMismatch(f"the probe row gives {answer.prediction!r} instead of {probe.prediction!r}")
        expected = None if probe.probabilities is None else list(probe.probabilities)
        if not _close(answer.probabilities, expected, probe.tolerance):
            raise ProbeMismatch(f"the probe row gives the probabilities {answer.probabilities} instead of {expected}")

    def _read(self, row: object, loc: str) -> Row | InvalidFeatures:
        try:
            return self._reader.read(row, loc)
        except InvalidFeatures as error:
            return error

    def _described(self, argument: Argument) -> TensorDescription:
        shape = fixed_shape(argument)
        if "map(" in argument.type:
            shape = (None, len(self.metadata.class_labels or ()) or None)
        elif argument.type.startswith("seq("):
            shape = (None, *shape)
        return TensorDescription(argument.name, element_type(argument), shape)

    def _run_all(self, rows: Rows) -> list[Prediction | PredictionFailed]:
        outcomes: list[Prediction | PredictionFailed] = [_NEVER_RAN] * len(rows)
        for indexes in self._runs(rows):
            together = self._run_surviving(_picked(rows, indexes))
            for index, outcome in zip(indexes, together, strict=True):
                outcomes[index] = outcome
        return outcomes

    def _runs(self, rows: Rows) -> Iterator[Sequence[int]]:
        """Divide rows into those that run together."""
        kinds: dict[object, list[int]] = {}
        if not self._deciding:
            kinds[None] = list(range(len(rows)))
        else:
            for index, row in enumerate(rows):
                kinds.setdefault(tuple(tensor.kind_of(row) for tensor in self._deciding), []).append(index)
        for indexes in kinds.values():
            size = self.batch_size or len(indexes)
            yield from (indexes[start : start + size] for start in range(0, len(indexes), size or 1))

    def _run_piece(self, rows: Rows) -> list[Prediction | PredictionFailed]:
        """Run rows that may run together, filled up to the model's fixed batch size."""
        missing = (self.batch_size or len(rows)) - len(rows)
        filled = _picked(rows, [*range(len(rows)), *[len(rows) - 1] * missing]) if missing else rows
        feed = {tensor.name: tensor.of(filled) for tensor in self._inputs}
        outputs = self._compute(self._outputs.names, feed)
        if not self._has_batch_axis:
            return self._outputs.read(outputs, 1, has_batch_axis=False) * len(rows)
        return self._outputs.read(outputs, len(filled))[: len(rows)]

    def _compute(self, names: Sequence[str], feed: dict[str, Any]) -> Sequence[Any]:
        options = new_run_options()
        self._running.add(options)
        try:
            return self.session.run(names, feed, options)
        except Exception as error:  # the runtime's exceptions have no base of their own
            if options.terminate:
                raise PredictionCancelled("the model was stopped, for it took too long") from error
            raise PredictionFailed("the model failed on these features") from error
        finally:
            self._running.discard(options)

    def _run_surviving(self, rows: Rows) -> list[Prediction | PredictionFailed]:
        # A run fails as a whole, so a failing one is halved until the rows that make it fail stand alone.
        if not len(rows):
            return []
        try:
            return self._run_piece(rows)
        except PredictionCancelled as error:
            return [error] * len(rows)
        except PredictionFailed as error:
            if len(rows) == 1:
                return [error]
        middle = len(rows) // 2
        return self._run_surviving(rows[:middle]) + self._run_surviving(rows[middle:])


def _picked(rows: Rows, indexes: Sequence[int]) -> Rows:
    return rows[np.asarray(indexes)] if isinstance(rows, np.ndarray) else [rows[index] for index in indexes]


_NEVER_RAN = PredictionFailed("the model did not run")


def load_model(
    artefact: bytes,
    metadata: ModelMetadata,
    threads: int,
    on_built: Callable[[Model], object] = lambda _model: None,
) -> Model:
    """Build a model from its artefact, and prove it on the probe row.

    Args:
        artefact: An ONNX file.
        metadata: What is known of the model.
        threads: How many threads one run may use.
        on_built: Called with the model before it is proved, for who wants to cancel that.

    Raises:
        ModelRefused: The artefact is no ONNX model, does not fit its metadata, or (ProbeMismatch)
            does not reproduce the probe.
    """
    model = Model(metadata, build_session(artefact, threads))
    on_built(model)
    model.run_probe()
    return model


def _close(given: object, expected: object, tolerance: float) -> bool:
    if isinstance(given, list) and isinstance(expected, list):
        return len(given) == len(expected) and all(
            _close(one, other, tolerance) for one, other in zip(given, expected, strict=True)
        )
    if isinstance(given, dict) and isinstance(expected, dict):
        return given.keys() == expected.keys() and all(
            _close(given[name], expected[name], tolerance) for name in expected
        )
    if isinstance(given, float) and isinstance(expected, int | float) and not isinstance(expected, bool):
        return math.isclose(given, expected, rel_tol=tolerance, abs_tol=tolerance)
    return given == expected and isinstance(given, bool) == isinstance(expected, bool)
