"""Plain ONNX models, which need no framework: what is derived from the sample, and what is refused."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bakeoff.conversion.convert import Converted, Reading, convert
from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.source import Wishes
from bakeoff_core.errors import InvalidInput
from tests.conftest import PROJECT_ROOT

onnx = pytest.importorskip("onnx")

FOLDER = PROJECT_ROOT / "examples" / "models" / "recommendation" / "v1"
ARTEFACT = (FOLDER / "model.onnx").read_bytes()
ROW: dict[str, Any] = json.loads((FOLDER / "metadata.json").read_text())["probe"]["features"]
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def converted(artefact: bytes = ARTEFACT, rows: Any = (ROW,), **more: Any) -> Converted:
    wishes = more.pop("wishes", Wishes((0, 1)))
    return convert(artefact, "m", "v1", list(rows), created_at=NOW, wishes=wishes, **more)


def graph(*outputs: tuple[str, int], width: int = 2) -> bytes:
    """A model that gives its input's columns, or their sum, as it is."""
    tensor = onnx.TensorProto.FLOAT
    given = onnx.helper.make_tensor_value_info("x", tensor, [None, width])
    nodes = []
    named = []
    for name, columns in outputs:
        named.append(onnx.helper.make_tensor_value_info(name, tensor, [None, columns]))
        if columns == 1:
            nodes.append(onnx.helper.make_node("ReduceSum", ["x", "axis"], [name], keepdims=1))
        else:
            nodes.append(onnx.helper.make_node("Identity", ["x"], [name]))
    axis = onnx.helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [1])
    made = onnx.helper.make_graph(nodes, "g", [given], named, [axis])
    model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def test_metadata_come_from_the_sample_and_the_graph() -> None:
    rows = [ROW, ROW | {"position": ROW["position"] - 1}]
    known = converted(rows=rows, extra={"performance_metrics": {"auc": 0.6}, "max_batch_size": 50})
    metadata = known.metadata
    assert (known.artefact, known.parity) == (ARTEFACT, None)
    assert (metadata.name, metadata.version, metadata.created_at, metadata.framework) == ("m", "v1", NOW, "onnx")
    assert [feature.name for feature in metadata.input_schema.features] == list(ROW)
    assert metadata.output_schema.outputs == ("label", "probabilities")
    assert (metadata.class_labels, metadata.performance_metrics, metadata.max_batch_size) == ((0, 1), {"auc": 0.6}, 50)
    assert metadata.probe.features == ROW
    assert metadata.probe.probabilities is not None
    assert metadata.training_sample is not None
    assert metadata.training_sample.rows == 2
    assert metadata.training_sample.features["position"].counts == (1, 1)


def test_columns_are_taken_by_name_and_others_left_out() -> None:
    reversed_row = {"click": 0, **dict(reversed(ROW.items()))}
    assert [feature.name for feature in converted(rows=[reversed_row]).metadata.input_schema.features] == list(ROW)


def test_one_input_takes_all_columns_in_order() -> None:
    rows = [{"a": 1.0, "b": 2.0, "outcome": 1}]
    metadata = converted(graph(("y", 1)), rows, wishes=Wishes(), reading=Reading(exclude=["outcome"])).metadata
    assert [feature.name for feature in metadata.input_schema.features] == ["a", "b"]
    assert (metadata.output_schema.prediction, metadata.probe.prediction) == ("y", 3.0)


@pytest.mark.parametrize(
    ("width", "row", "labels", "probabilities"),
    [
        (2, {"a": 0.0, "b": 1.0}, ("no", "yes"), (0.26894143, 0.73105857)),
        (1, {"a": 0.5, "b": 0.5}, (False, True), (0.26894143, 0.73105857)),
    ],
)
def test_logits_become_probabilities(width: int, row: Any, labels: Any, probabilities: tuple[float, ...]) -> None:
    metadata = converted(graph(("y", width)), [row], wishes=Wishes(labels, logits=True)).metadata
    assert metadata.output_schema.outputs == ("probabilities",)
    assert metadata.probe.prediction == labels[1]
    assert metadata.probe.probabilities == pytest.approx(probabilities, abs=1e-6)


def test_metadata_may_say_which_output_is_what() -> None:
    artefact = graph(("y", 1), ("x2", 2))
    rows = [{"a": 1.0, "b": 2.0}]
    with pytest.raises(
        NotConvertible, match="the model gives y, x2: say by output_schema in the metadata which is what"
    ):
        converted(artefact, rows, wishes=Wishes())
    metadata = converted(artefact, rows, wishes=Wishes(), extra={"output_schema": {"prediction": "x2"}}).metadata
    assert metadata.probe.prediction == [1.0, 2.0]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"wishes": Wishes()}, NotConvertible, "the model gives probabilities: name their classes"),
        ({"wishes": Wishes((0, 1, 2))}, NotConvertible, "the model fails on sample row 1: the model gave 2 prob"),
        ({"wishes": Wishes(logits=True)}, NotConvertible, "where one output and its classes are given"),
        ({"rows": [{"age": 1}]}, NotConvertible, "the sample has no column 'position'"),
        ({"artefact": graph(("y", 1)), "rows": [{"a": 1.0}]}, NotConvertible, "takes 2 columns, but the sample has 1"),
        ({"extra": {"owner": "ann"}}, InvalidInput, "owner: extra inputs are not permitted"),
        ({"extra": {"max_batch_size": 0}}, InvalidInput, "max_batch_size: "),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        converted(**changes)
