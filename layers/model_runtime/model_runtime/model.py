"""A model version that is ready to predict."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

from model_runtime.errors import InvalidFeatures, PredictionFailed, ProbeMismatch
from model_runtime.inputs import Argument, bind_inputs, limits_of
from model_runtime.metadata import ModelMetadata
from model_runtime.outputs import OutputReader, Prediction
from model_runtime.rows import Row, RowReader
from model_runtime.sessions import build_session

Outcome = Prediction | InvalidFeatures | PredictionFailed


class Session(Protocol):
    """The part of onnxruntime's InferenceSession that is used."""

    def get_inputs(self) -> Sequence[Argument]:
        """The graph's inputs."""
        ...

    def get_outputs(self) -> Sequence[Argument]:
        """The graph's outputs."""
        ...

    def run(self, output_names: Sequence[str], input_feed: dict[str, Any]) -> Sequence[Any]:
        """Compute outputs."""
        ...


class Model:
    """Predictions from named features.

    Args:
        metadata: What is known of the model.
        session: Runs its graph.

    Raises:
        ModelRefused: The graph's inputs or outputs do not fit the metadata.
    """

    def __init__(self, metadata: ModelMetadata, session: Session) -> None:
        self.metadata = metadata
        self._session = session
        self._inputs = bind_inputs(metadata.input_schema, session.get_inputs())
        self._reader = RowReader(metadata.input_schema, limits_of(metadata.input_schema, self._inputs))
        self._outputs = OutputReader(metadata, session.get_outputs())

    def predict(self, data: object, loc: str = "data") -> Prediction:
        """Predict one row.

        Args:
            data: An object of named features, or an array in the schema's order.
            loc: What the request calls the row, for messages.

        Raises:
            InvalidFeatures: The row does not fit the schema.
            PredictionFailed: The model failed, or gave an output that is not finite.
        """
        (outcome,) = self._run([self._reader.read(data, loc)])
        if isinstance(outcome, PredictionFailed):
            raise outcome
        return outcome

    def predict_batch(self, rows: Sequence[object], loc: str = "data") -> list[Outcome]:
        """Predict many rows in one vectorised run.

        Args:
            rows: Each as in `predict`.
            loc: What the request calls the list, for messages.

        Returns:
            For each row, in order, its prediction or what was wrong with it.
        """
        read = [self._read(row, f"{loc}[{index}]") for index, row in enumerate(rows)]
        valid = [row for row in read if not isinstance(row, InvalidFeatures)]
        predicted = iter(self._run_surviving(valid))
        return [row if isinstance(row, InvalidFeatures) else next(predicted) for row in read]

    def run_probe(self) -> None:
        """Predict the metadata's probe row.

        Raises:
            ProbeMismatch: The answer is not the expected one.
        """
        probe = self.metadata.probe
        try:
            answer = self.predict(probe.features, "probe.features")
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

    def _run(self, rows: Sequence[Row]) -> list[Prediction | PredictionFailed]:
        feed = {tensor.name: tensor.of(rows) for tensor in self._inputs}
        try:
            outputs = self._session.run(self._outputs.names, feed)
        except Exception as error:  # the runtime's exceptions have no base of their own
            raise PredictionFailed("the model failed on these features") from error
        return self._outputs.read(outputs, len(rows))

    def _run_surviving(self, rows: Sequence[Row]) -> list[Prediction | PredictionFailed]:
        # A run fails as a whole, so a failing one is halved until the rows that make it fail stand alone.
        if not rows:
            return []
        try:
            return self._run(rows)
        except PredictionFailed as error:
            if len(rows) == 1:
                return [error]
        middle = len(rows) // 2
        return self._run_surviving(rows[:middle]) + self._run_surviving(rows[middle:])


def load_model(artefact: bytes, metadata: ModelMetadata, threads: int) -> Model:
    """Build a model from its artefact, and prove it on the probe row.

    Args:
        artefact: An ONNX file.
        metadata: What is known of the model.
        threads: How many threads one run may use.

    Raises:
        ModelRefused: The artefact is no ONNX model, does not fit its metadata, or (ProbeMismatch)
            does not reproduce the probe.
    """
    model = Model(metadata, build_session(artefact, threads))
    model.run_probe()
    return model


def _close(given: object, expected: object, tolerance: float) -> bool:
    if isinstance(given, list) and isinstance(expected, list):
        return len(given) == len(expected) and all(
            _close(one, other, tolerance) for one, other in zip(given, expected, strict=True)
        )
    if isinstance(given, float) and isinstance(expected, int | float) and not isinstance(expected, bool):
        return math.isclose(given, expected, rel_tol=tolerance, abs_tol=tolerance)
    return given == expected and isinstance(given, bool) == isinstance(expected, bool)
