"""Tensors of every type and form, by rows and as a whole."""

import threading
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from model_runtime.errors import InvalidFeatures, ModelRefused, PredictionCancelled
from model_runtime.model import Model
from model_runtime.outputs import OutputReader, Prediction

ELEMENTS = [
    (TensorProto.FLOAT16, "float", np.float16, 0.25),
    (TensorProto.FLOAT, "float", np.float32, 0.5),
    (TensorProto.DOUBLE, "float", np.float64, 0.1),
    (TensorProto.INT8, "int", np.int8, -128),
    (TensorProto.INT16, "int", np.int16, -(2**15)),
    (TensorProto.INT32, "int", np.int32, 2**31 - 1),
    (TensorProto.INT64, "int", np.int64, 2**53 + 1),
    (TensorProto.UINT8, "int", np.uint8, 255),
    (TensorProto.UINT16, "int", np.uint16, 2**16 - 1),
    (TensorProto.UINT32, "int", np.uint32, 2**32 - 1),
    (TensorProto.UINT64, "int", np.uint64, 2**64 - 1),
    (TensorProto.BOOL, "bool", np.bool_, True),
    (TensorProto.STRING, "str", np.object_, "Zürich"),
]


def echo(onnx_models: Any, kind: int, shape: list[int | str], features: list[dict[str, Any]], **changes: Any) -> Model:
    artefact = onnx_models.graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        [onnx_models.tensor("x", kind, *shape)],
        [onnx_models.tensor("y", kind, *shape)],
    )
    return onnx_models.model(artefact, features, **changes)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("kind", "feature", "dtype", "value"), ELEMENTS)
def test_arrays_of_every_type_pass_through(onnx_models: Any, kind: int, feature: str, dtype: Any, value: Any) -> None:
    model = echo(onnx_models, kind, ["n", 2, "m"], [{"name": "x", "type": feature, "shape": [2, None]}])
    given = [[value] * 3] * 2
    assert model.predict({"x": given}).prediction == given
    whole = np.array([given], dtype=dtype)
    answer = model.infer({"x": whole})["y"]
    assert (answer.dtype, answer.tolist()) == (whole.dtype, [given])


@pytest.mark.parametrize(("kind", "feature", "dtype", "value"), ELEMENTS)
def test_scalars_of_every_type_pass_through(onnx_models: Any, kind: int, feature: str, dtype: Any, value: Any) -> None:
    model = echo(onnx_models, kind, [], [{"name": "x", "type": feature}])
    assert model.predict([value]) == Prediction(value, None)
    assert model.predict_batch([[value], [value]]) == [Prediction(value, None)] * 2


def test_rows_that_share_no_run_are_run_apart_in_order(onnx_models: Any) -> None:
    model = echo(onnx_models, TensorProto.FLOAT, ["n", "m"], [{"name": "x", "type": "float", "shape": [None]}])
    rows = [[1, 2], [3, 4, 5], [6, 7], [8, 9, 10]]
    answers = model.predict_batch([{"x": row} for row in rows])
    assert [outcome.prediction for outcome in answers if isinstance(outcome, Prediction)] == rows


def test_matrix_without_a_batch_is_one_row(onnx_models: Any) -> None:
    model = echo(onnx_models, TensorProto.FLOAT, [3, 2], [{"name": "x", "type": "float", "shape": [3, 2]}])
    rows = [[[float(n), 2.0]] * 3 for n in range(3)]
    answers = model.predict_batch([{"x": row} for row in rows])
    assert [outcome.prediction for outcome in answers if isinstance(outcome, Prediction)] == rows


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7])
def test_fixed_batch_size_runs_in_pieces(onnx_models: Any, rows: int) -> None:
    model = onnx_models.model(onnx_models.linear(batch=3), {"a": "float", "b": "float"})
    outcomes = model.predict_batch([[n, 1] for n in range(rows)])
    assert outcomes == [Prediction(n + 2.0, None) for n in range(rows)]
    assert model.predict([1, 2]) == Prediction(5.0, None)


def test_different_fixed_batch_sizes_are_refused(onnx_models: Any) -> None:
    artefact = onnx_models.graph(
        [helper.make_node("Identity", ["a"], ["y"]), helper.make_node("Identity", ["b"], ["z"])],
        [onnx_models.tensor("a", TensorProto.FLOAT, 2), onnx_models.tensor("b", TensorProto.FLOAT, 3)],
        [onnx_models.tensor("y", TensorProto.FLOAT, 2), onnx_models.tensor("z", TensorProto.FLOAT, 3)],
    )
    with pytest.raises(ModelRefused, match="different fixed batch sizes: 2, 3"):
        onnx_models.model(artefact, {"a": "float", "b": "float"})


def several(onnx_models: Any) -> Model:
    """Inputs and outputs whose names have colons and dots; the second counts its rows on axis 1."""
    return onnx_models.model(  # type: ignore[no-any-return]
        onnx_models.graph(
            [
                helper.make_node("Mul", ["serving_default.x:0", "factor"], ["out.y:0"]),
                helper.make_node("Identity", ["state/in:0"], ["state/out:0"]),
            ],
            [
                onnx_models.tensor("serving_default.x:0", TensorProto.FLOAT, "n", 2),
                onnx_models.tensor("state/in:0", TensorProto.FLOAT, 2, "n", 2),
                onnx_models.tensor("factor", TensorProto.FLOAT),
            ],
            [
                onnx_models.tensor("out.y:0", TensorProto.FLOAT, "n", 2),
                onnx_models.tensor("state/out:0", TensorProto.FLOAT, 2, "n", 2),
            ],
        ),
        [
            {"name": "width", "type": "float", "input": "serving_default.x:0"},
            {"name": "depth", "type": "float", "input": "serving_default.x:0"},
            {"name": "state", "type": "float", "input": "state/in:0", "shape": [2, 2], "batch_axis": 1, "default": 0},
            {"name": "factor", "type": "float", "default": 1},
        ],
        output_schema={"prediction": ["out.y:0", "state/out:0"], "batch_axes": {"state/out:0": 1}},
    )


def test_several_inputs_and_outputs_are_fed_and_read_by_name(onnx_models: Any) -> None:
    model = several(onnx_models)
    state = [[1.0, 2.0], [3.0, 4.0]]
    rows = [
        {"width": 1, "depth": 2, "factor": 3},
        {"width": 4, "depth": 5, "state": state},
        {"width": 6, "depth": 7, "state": state, "factor": 3},
    ]
    expected = [
        {"out.y:0": [3.0, 6.0], "state/out:0": [[0.0, 0.0], [0.0, 0.0]]},
        {"out.y:0": [4.0, 5.0], "state/out:0": state},
        {"out.y:0": [18.0, 21.0], "state/out:0": state},
    ]
    assert [model.predict(row).prediction for row in rows] == expected
    assert [each.prediction for each in model.predict_batch(rows) if isinstance(each, Prediction)] == expected


def test_whole_tensors_are_described_and_checked(onnx_models: Any) -> None:
    model = several(onnx_models)
    assert [(each.name, str(each.dtype), each.shape) for each in model.inputs] == [
        ("serving_default.x:0", "float32", (None, 2)),
        ("state/in:0", "float32", (2, None, 2)),
        ("factor", "float32", ()),
    ]
    good: dict[str, Any] = {
        "serving_default.x:0": np.ones((1, 2), np.float32),
        "state/in:0": np.ones((2, 1, 2), np.float32),
        "factor": np.array(2, np.float32),
    }
    assert {name: array.tolist() for name, array in model.infer(good, ["out.y:0"]).items()} == {"out.y:0": [[2.0, 2.0]]}
    assert list(model.infer(good)) == ["out.y:0", "state/out:0"]
    bad: dict[str, Any] = {
        "serving_default.x:0": np.ones((1, 3), np.float32),
        "state/in:0": np.ones((2, 1, 2), np.float64),
        "colour": np.ones(1),
    }
    with pytest.raises(InvalidFeatures) as caught:
        model.infer(bad)
    assert [str(error) for error in caught.value.errors] == [
        "colour: is not an input of the model",
        "serving_default.x:0: must have the shape [any, 2], got [1, 3]",
        "state/in:0: must be a tensor(float), got elements of type float64",
        "factor: is missing",
    ]
    with pytest.raises(InvalidFeatures, match="z: is not an output of the model"):
        model.infer(good, ["z"])


def test_map_outputs_are_tensors_in_the_order_of_the_labels(onnx_models: Any) -> None:
    model = onnx_models.model(
        onnx_models.zipmap(),
        {"a": "float", "b": "float"},
        output_schema={"prediction": "label", "probabilities": "p"},
        class_labels=["yes", "no"],
    )
    answer = model.infer({"x": np.array([[0.25, 0.75], [0.5, 0.25]], np.float32)})
    assert answer["p"].dtype == np.float32
    assert answer["p"].tolist() == [[0.75, 0.25], [0.25, 0.5]]
    assert answer["label"].tolist() == ["yes", "no"]
    assert [(each.name, str(each.dtype), each.shape) for each in model.outputs] == [
        ("label", "object", (None,)),
        ("p", "float32", (None, 2)),
    ]


def test_sequence_of_maps_may_be_the_prediction(onnx_models: Any) -> None:
    model = onnx_models.model(
        onnx_models.zipmap(), {"a": "float", "b": "float"}, output_schema={"prediction": ["label", "p"]}
    )
    assert model.predict([0.25, 0.75]).prediction == {"label": "yes", "p": {"no": 0.25, "yes": 0.75}}


def test_sequence_of_tensors_is_one_prediction_each(onnx_models: Any) -> None:
    sequence = helper.make_value_info(
        "y", helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, shape=[1, 2]))
    )
    artefact = onnx_models.graph(
        [helper.make_node("SplitToSequence", ["x"], ["y"], axis=0, keepdims=1)],
        [onnx_models.tensor("x", TensorProto.FLOAT, "n", 2)],
        [sequence],
    )
    model = onnx_models.model(artefact, {"a": "float", "b": "float"})
    assert [each.prediction for each in model.predict_batch([[1, 2], [3, 4]])] == [[[1.0, 2.0]], [[3.0, 4.0]]]
    assert model.infer({"x": np.ones((3, 2), np.float32)})["y"].shape == (3, 1, 2)


def test_bare_map_is_the_one_rows(onnx_models: Any) -> None:
    metadata = onnx_models.metadata(
        {"a": "float"},
        output_schema={"probabilities": "p"},
        class_labels=[1, 0],
        probe={"features": {}, "prediction": 0},
    )
    (probabilities,) = [
        each
        for each in onnx_models.model(
            onnx_models.zipmap(), {"a": "float", "b": "float"}, output_schema={"prediction": "p"}
        ).outputs
        if each.name == "p"
    ]
    reader = OutputReader(metadata, [probabilities])
    assert reader.read([{0: 0.75, 1: 0.25}], 1) == [Prediction(0, [0.25, 0.75])]


def test_run_that_is_cancelled_fails(onnx_models: Any) -> None:
    """A loop of a billion turns ends when it is told to."""
    model = onnx_models.model(onnx_models.endless(), {"x": "float"})
    timer = threading.Timer(0.1, model.cancel)
    timer.start()
    with pytest.raises(PredictionCancelled, match="the model was stopped, for it took too long"):
        model.predict([1])
    timer.join()
