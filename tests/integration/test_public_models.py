"""Models that others made and published: our answers are those of a plain run, bit for bit."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from model_runtime.metadata import ModelMetadata
from model_runtime.model import load_model
from model_runtime.outputs import Prediction

GENERATOR = np.random.default_rng(20260301)


def packaged(package: str, *parts: str) -> Path:
    """Find a model's file in a package of the test environment, without importing it."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"the package {package} is not installed: make setup-dev installs it")
    return Path(next(iter(found.submodule_search_locations)), *parts)


def metadata(name: str, **changes: Any) -> ModelMetadata:
    document = {
        "name": name,
        "version": "v1",
        "created_at": "2026-01-01T00:00:00Z",
        "framework": "onnx",
    }
    return ModelMetadata.model_validate(document | changes)


def plain(file: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def same_bits(given: object, expected: npt.NDArray[Any]) -> bool:
    return np.array(given, dtype=expected.dtype).tobytes() == expected.tobytes()


def predictions(outcomes: Sequence[object]) -> list[Prediction]:
    assert all(isinstance(outcome, Prediction) for outcome in outcomes), outcomes
    return list(outcomes)  # type: ignore[arg-type] # just asserted


def test_logreg_iris_runs_in_pieces_of_its_three_rows() -> None:
    file = packaged("onnxruntime", "datasets", "logreg_iris.onnx")
    rows = GENERATOR.uniform(0, 8, size=(7, 2)).astype(np.float32)
    padded = np.vstack([rows, rows[-1:], rows[-1:]])
    runs = [plain(file).run(None, {"float_input": padded[start : start + 3]}) for start in (0, 3, 6)]
    labels = np.concatenate([label for label, _ in runs])[:7]
    maps = [entry for _, entries in runs for entry in entries][:7]
    model = load_model(
        file.read_bytes(),
        metadata(
            "iris",
            input_schema={"features": [{"type": "float"}, {"type": "float"}]},
            output_schema={"prediction": "label", "probabilities": "probabilities"},
            class_labels=[0, 1, 2],
            probe={
                "features": {"0": float(rows[0, 0]), "1": float(rows[0, 1])},
                "prediction": int(labels[0]),
                "probabilities": [maps[0][label] for label in (0, 1, 2)],
                "tolerance": 0,
            },
        ),
        threads=1,
    )
    answers = predictions(model.predict_batch(rows.tolist()))
    assert [answer.prediction for answer in answers] == labels.tolist()
    assert [answer.probabilities for answer in answers] == [[entry[label] for label in (0, 1, 2)] for entry in maps]
    assert predictions([model.predict(rows[3].tolist())])[0].probabilities == [maps[3][label] for label in (0, 1, 2)]
    tensors = model.infer({"float_input": rows[:3]})
    assert same_bits(tensors["label"], runs[0][0])
    assert tensors["probabilities"].tolist() == [[entry[label] for label in (0, 1, 2)] for entry in maps[:3]]


def test_silero_vad_carries_its_state() -> None:
    file = packaged("silero_vad", "data", "silero_vad.onnx")
    session = plain(file)
    rate = np.array(16_000, np.int64)
    silence = np.zeros((1, 512), np.float32)
    first, state = session.run(None, {"input": silence, "state": np.zeros((2, 1, 128), np.float32), "sr": rate})
    model = load_model(
        file.read_bytes(),
        metadata(
            "vad",
            input_schema={
                "features": [
                    {"name": "input", "type": "float", "shape": [None]},
                    {"name": "state", "type": "float", "shape": [2, 128], "batch_axis": 1, "default": 0},
                    {"name": "sr", "type": "int", "categories": [8_000, 16_000], "default": 16_000},
                ]
            },
            output_schema={"prediction": ["output", "stateN"], "batch_axes": {"stateN": 1}},
            probe={
                "features": {"input": [0] * 512},
                "prediction": {"output": float(first[0, 0]), "stateN": state[:, 0].tolist()},
                "tolerance": 0,
            },
        ),
        threads=1,
    )
    frames = GENERATOR.normal(0, 0.1, size=(6, 512)).astype(np.float32)
    carried, expected = np.zeros((2, 1, 128), np.float32), []
    for frame in frames:
        speech, carried = session.run(None, {"input": frame[None], "state": carried, "sr": rate})
        expected.append((speech, carried))
    request: dict[str, Any] = {}
    for frame, (speech, state) in zip(frames, expected, strict=True):
        answer: Any = model.predict({"input": frame.tolist(), **request}).prediction
        assert same_bits([[answer["output"]]], speech)
        assert same_bits(np.array(answer["stateN"])[:, None], state)
        request = {"state": answer["stateN"], "sr": 16_000}
    states = GENERATOR.normal(size=(2, 6, 128)).astype(np.float32)
    batch = predictions(
        model.predict_batch(
            [{"input": frame.tolist(), "state": states[:, index].tolist()} for index, frame in enumerate(frames)]
        )
    )
    speech, after = session.run(None, {"input": frames, "state": states, "sr": rate})
    outputs: list[Any] = [answer.prediction for answer in batch]
    assert same_bits([[output["output"]] for output in outputs], speech)
    assert same_bits(np.stack([np.array(output["stateN"]) for output in outputs], axis=1), after)


def test_magika_takes_its_2048_integers_as_one_feature() -> None:
    file = packaged("magika", "models", "standard_v3_3", "model.onnx")
    session = plain(file)
    rows = GENERATOR.integers(0, 257, size=(5, 2_048), dtype=np.int32)
    (scores,) = session.run(None, {"bytes": rows})
    (probe,) = session.run(None, {"bytes": rows[:1]})
    labels = [f"type_{index}" for index in range(scores.shape[1])]
    model = load_model(
        file.read_bytes(),
        metadata(
            "magika",
            input_schema={
                "features": [{"name": "bytes", "type": "int", "shape": [2_048], "minimum": 0, "maximum": 256}]
            },
            output_schema={"probabilities": "target_label"},
            class_labels=labels,
            probe={
                "features": {"bytes": rows[0].tolist()},
                "prediction": labels[int(probe[0].argmax())],
                "probabilities": probe[0].tolist(),
                "tolerance": 0,
            },
        ),
        threads=1,
    )
    answers = predictions(model.predict_batch(rows.tolist()))
    assert same_bits([answer.probabilities for answer in answers], scores)
    assert [answer.prediction for answer in answers] == [labels[index] for index in scores.argmax(axis=1)]
    assert same_bits(model.infer({"bytes": rows})["target_label"], scores)
    assert "must lie between 0 and 256, got 257" in str(model.predict_batch([[257] * 2_048])[0])
