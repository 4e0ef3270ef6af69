from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

import keras

from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.source import Wishes
from tests.frameworks.conftest import COLUMNS, Data, Shelf


def network(data: Data, outputs: int, activation: str | None) -> Any:
    keras.utils.set_random_seed(0)
    scaler = keras.layers.Normalization()
    scaler.adapt(data.train.astype("float32"))
    inputs = keras.Input((len(COLUMNS),), name="rows")
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(16, "relu")(scaler(inputs)))
    return keras.Model(inputs, keras.layers.Dense(outputs, activation)(hidden))


@pytest.mark.parametrize(
    ("outputs", "activation", "labels", "logits"),
    [(3, "softmax", ("a", "b", "c"), False), (1, "sigmoid", ("no", "yes"), False), (3, None, (0, 1, 2), True)],
)
def test_classifiers(outputs: int, activation: str | None, labels: Any, logits: bool, data: Data, shelf: Shelf) -> None:  # noqa: FBT001
    model = network(data, outputs, activation)
    what = f"Keras classifier, {outputs} outputs, {activation or 'logits'}"
    published = shelf.publish(model, what, data.rows, wishes=Wishes(labels, logits=logits))
    assert (published.status, published.metadata["framework"]) == ("ready", "keras")
    assert published.metadata["class_labels"] == list(labels)
    answer = model.predict(data.held_out[:1], verbose=0)
    if logits:
        answer = keras.ops.convert_to_numpy(keras.ops.softmax(answer))
    expected = [1 - answer[0, 0], answer[0, 0]] if outputs == 1 else answer[0].tolist()
    assert published.metadata["probe"]["probabilities"] == pytest.approx(expected, rel=1e-5)


def test_regressor_from_a_file(data: Data, shelf: Shelf, tmp_path: Path) -> None:
    model = network(data, 1, None)
    file = tmp_path / "model.keras"
    model.save(file)
    published = shelf.publish(file, "Keras regressor from .keras", data.rows)
    expected = float(model.predict(data.held_out[:1], verbose=0)[0, 0])
    assert published.metadata["probe"]["prediction"] == pytest.approx(expected, rel=1e-4)


def test_several_inputs_by_name(data: Data, shelf: Shelf) -> None:
    keras.utils.set_random_seed(0)
    inputs = [keras.Input((1,), name=name) for name in ("score", "debt")]
    scaled = keras.layers.Rescaling(1 / 5_000)(inputs[1])
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()([inputs[0], scaled])))
    published = shelf.publish(model, "Keras regressor of two named inputs", data.rows)
    assert [each["name"] for each in published.metadata["input_schema"]["features"]] == ["score", "debt"]


def test_what_cannot_be_published_is_refused(data: Data, shelf: Shelf, tmp_path: Path) -> None:
    broken = tmp_path / "broken.keras"
    broken.write_text("no model")
    with pytest.raises(NotConvertible, match="cannot be read by Keras"):
        shelf.publish(broken, "broken", data.rows)
    with pytest.raises(NotConvertible, match="takes 6 columns, but the sample has 1: age"):
        shelf.publish(network(data, 1, None), "columns", [{"age": row["age"]} for row in data.rows])
