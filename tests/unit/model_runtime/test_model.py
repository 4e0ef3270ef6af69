"""Predictions of real ONNX models."""

import json
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto

from model_runtime.errors import InvalidFeatures, ModelRefused, PredictionFailed, ProbeMismatch
from model_runtime.metadata import ModelMetadata
from model_runtime.model import Model, load_model
from model_runtime.outputs import Prediction
from model_runtime.sessions import build_session

COMMITTED = Path(__file__).parents[3] / "examples" / "models" / "recommendation"


def committed(version: str) -> tuple[bytes, ModelMetadata]:
    folder = COMMITTED / version
    return (folder / "model.onnx").read_bytes(), ModelMetadata.model_validate_json(
        (folder / "metadata.json").read_text()
    )


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_example_models_load_and_answer_with_their_probabilities(version: str) -> None:
    artefact, metadata = committed(version)
    model = load_model(artefact, metadata, threads=1)
    answer = model.predict(metadata.probe.features)
    assert answer.prediction == 0
    assert answer.probabilities == pytest.approx(metadata.probe.probabilities, abs=1e-6)
    assert json.dumps(answer.probabilities)


def test_batch_gives_each_row_what_it_gets_alone() -> None:
    artefact, metadata = committed("v2")
    model = load_model(artefact, metadata, threads=1)
    rows = [metadata.probe.features | {"position": position} for position in (1, 2, 3)]
    batch = model.predict_batch(rows)
    alone = [model.predict(row) for row in rows]
    assert [answer.prediction for answer in batch if isinstance(answer, Prediction)] == [0, 0, 0]
    for together, single in zip(batch, alone, strict=True):
        assert isinstance(together, Prediction)
        assert together.probabilities == pytest.approx(single.probabilities, abs=1e-7)


def test_bad_rows_fail_in_their_place(onnx_models: Any) -> None:
    model = onnx_models.model(onnx_models.linear(), {"a": "float", "b": "float"})
    good, bad, other = model.predict_batch([{"a": 1, "b": 2}, {"a": "x", "b": 2}, [10, 20]])
    assert good == Prediction(5.0, None)
    assert isinstance(bad, InvalidFeatures)
    assert str(bad) == "data[1].a: must be a number, got 'x'"
    assert other == Prediction(50.0, None)


def test_batch_is_one_run(onnx_models: Any) -> None:
    session = CountingSession(onnx_models.linear())
    model = Model(onnx_models.metadata({"a": "float", "b": "float"}), session)
    answers = model.predict_batch([[index, 0] for index in range(1_000)])
    assert [answer.prediction for answer in answers if isinstance(answer, Prediction)] == [*map(float, range(1_000))]
    assert session.runs == 1


def test_batch_without_a_good_row_runs_nothing(onnx_models: Any) -> None:
    session = CountingSession(onnx_models.linear())
    model = Model(onnx_models.metadata({"a": "float", "b": "float"}), session)
    (outcome,) = model.predict_batch([{"a": 1}])
    assert isinstance(outcome, InvalidFeatures)
    assert session.runs == 0


def test_row_that_makes_the_run_fail_does_not_take_the_others_with_it(onnx_models: Any) -> None:
    model = onnx_models.model(onnx_models.lookup(), {"i": "int"})
    answers = model.predict_batch([[0], [1], [99], [2], [2]])
    assert [answer.prediction if isinstance(answer, Prediction) else str(answer) for answer in answers] == [
        10.0,
        20.0,
        "the model failed on these features",
        30.0,
        30.0,
    ]


def test_output_that_is_not_finite_fails_its_row_only(onnx_models: Any) -> None:
    model = onnx_models.model(onnx_models.logarithm(), {"x": "float"})
    failed, fine = model.predict_batch([[0], [1]])
    assert isinstance(failed, PredictionFailed)
    assert fine == Prediction(0.0, None)
    with pytest.raises(PredictionFailed, match="not a finite number"):
        model.predict([0])


@pytest.mark.parametrize(
    ("element", "kind", "value"),
    [
        (TensorProto.FLOAT, "float", 0.5),
        (TensorProto.DOUBLE, "float", 0.1),
        (TensorProto.FLOAT16, "float", 0.25),
        (TensorProto.INT64, "int", 2**53 + 1),
        (TensorProto.INT32, "int", -7),
        (TensorProto.INT8, "int", 127),
        (TensorProto.UINT8, "int", 255),
        (TensorProto.BOOL, "bool", True),
        (TensorProto.STRING, "str", "Zürich"),
    ],
)
def test_every_element_type_passes_through(onnx_models: Any, element: int, kind: str, value: object) -> None:
    model = onnx_models.model(onnx_models.echo(element), {"x": kind})
    answer = model.predict({"x": value})
    assert answer.prediction == value
    assert type(answer.prediction) is type(value)
    json.dumps(answer.prediction)


def test_maps_become_probabilities_in_the_order_of_the_labels(onnx_models: Any) -> None:
    model = onnx_models.model(
        onnx_models.zipmap(),
        {"a": "float", "b": "float"},
        output_schema={"prediction": "label", "probabilities": "p"},
        class_labels=["yes", "no"],
    )
    assert model.predict_batch([[0.25, 0.75], [0.5, 0.25]]) == [
        Prediction("yes", [0.75, 0.25]),
        Prediction("no", [0.25, 0.5]),
    ]


def test_single_probability_is_that_of_the_second_class(onnx_models: Any) -> None:
    model = onnx_models.model(
        onnx_models.sigmoid(), {"x": "float"}, output_schema={"probabilities": "p"}, class_labels=["no", "yes"]
    )
    assert model.predict([0]) == Prediction("no", [0.5, 0.5])
    answer = model.predict([2])
    assert answer.prediction == "yes"
    assert answer.probabilities == pytest.approx([0.11920292, 0.88079708], abs=1e-6)


def test_labels_that_do_not_fit_the_probabilities_fail_the_probe(onnx_models: Any) -> None:
    metadata = onnx_models.metadata(
        {"x": "float"},
        output_schema={"probabilities": "p"},
        class_labels=["a", "b", "c"],
        probe={"features": {"x": 0}, "prediction": "a"},
    )
    with pytest.raises(ProbeMismatch, match="gave 1 probabilities, but has 3 class labels"):
        load_model(onnx_models.sigmoid(), metadata, threads=1)


def test_output_that_is_not_there_is_refused(onnx_models: Any) -> None:
    with pytest.raises(ModelRefused, match="no output z, only y"):
        onnx_models.model(onnx_models.linear(), {"a": "float", "b": "float"}, output_schema={"prediction": "z"})


def test_bytes_that_are_no_model_are_refused(onnx_models: Any) -> None:
    with pytest.raises(ModelRefused, match="not an ONNX model that this runtime can run"):
        load_model(b"no model", onnx_models.metadata({"a": "float"}), threads=1)


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ({"features": {"a": 1, "b": 2}, "prediction": 5.1}, "gives 5.0 instead of 5.1"),
        ({"features": {"a": 1, "b": 2}, "prediction": "5.0"}, "gives 5.0 instead of '5.0'"),
        (
            {"features": {"a": 1, "b": 2}, "prediction": 5.0, "probabilities": [0.5, 0.5]},
            r"probabilities None instead of \[0.5, 0.5\]",
        ),
        ({"features": {"a": 1}, "prediction": 5.0}, "the probe row fails: probe.features.b: is missing"),
    ],
)
def test_probe_that_is_not_reproduced_is_refused(onnx_models: Any, probe: dict[str, Any], message: str) -> None:
    metadata = onnx_models.metadata({"a": "float", "b": "float"}, probe=probe)
    with pytest.raises(ProbeMismatch, match=message):
        load_model(onnx_models.linear(), metadata, threads=1)


def test_probe_within_its_tolerance_passes(onnx_models: Any) -> None:
    probe = {"features": {"a": 1, "b": 2}, "prediction": 5.1, "tolerance": 0.1}
    metadata = onnx_models.metadata({"a": "float", "b": "float"}, probe=probe)
    assert load_model(onnx_models.linear(), metadata, threads=1).predict([1, 2]).prediction == 5.0


class CountingSession:
    """A session that counts its runs."""

    def __init__(self, artefact: bytes) -> None:
        self._session = build_session(artefact, threads=1)
        self.runs = 0

    def get_inputs(self) -> Any:
        return self._session.get_inputs()

    def get_outputs(self) -> Any:
        return self._session.get_outputs()

    def run(self, output_names: Any, input_feed: Any, run_options: Any = None) -> Any:
        self.runs += 1
        return self._session.run(output_names, input_feed, run_options)
