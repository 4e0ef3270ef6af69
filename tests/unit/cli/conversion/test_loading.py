"""Telling frameworks apart, whether or not they are installed."""

import builtins
from pathlib import Path
from typing import Any

import pytest

from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.loading import open_source
from bakeoff.conversion.onnx_models import OnnxModel
from bakeoff.conversion.source import Wishes
from tests.conftest import PROJECT_ROOT

MODEL = PROJECT_ROOT / "examples" / "models" / "recommendation" / "v1" / "model.onnx"
WISHES = Wishes()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without any extra."""
    imported = builtins.__import__
    extras = {
        "joblib",
        "skops",
        "skl2onnx",
        "sklearn",
        "xgboost",
        "lightgbm",
        "torch",
        "keras",
        "tensorflow",
        "tf2onnx",
    }

    def without_extras(name: str, *arguments: Any, **more: Any) -> Any:
        if name.partition(".")[0] in extras:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return imported(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without_extras)
    for module in ("sklearn", "xgboost", "lightgbm", "torch", "keras"):
        monkeypatch.delitem(__import__("sys").modules, f"bakeoff.conversion.{module}_models", raising=False)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("name", "framework", "extra"),
    [
        ("model.joblib", "scikit-learn", "sklearn"),
        ("model.skops", "scikit-learn", "sklearn"),
        ("model.ubj", "XGBoost", "xgboost"),
        ("model.txt", "LightGBM", "lightgbm"),
        ("model.pt2", "PyTorch", "torch"),
        ("model.keras", "TensorFlow", "tensorflow"),
    ],
)
def test_a_framework_that_is_not_installed_names_its_extra(
    name: str, framework: str, extra: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(b"model")
    with pytest.raises(NotConvertible, match=rf"{framework} models need the extra: pip install 'bakeoff\[{extra}\]'"):
        open_source(file, WISHES)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("form", ["path", "text", "bytes"])
def test_plain_onnx_needs_no_extra(form: str) -> None:
    model = {"path": MODEL, "text": str(MODEL), "bytes": MODEL.read_bytes()}[form]
    assert isinstance(open_source(model, WISHES), OnnxModel)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    for model, message in (
        (object(), "a object is no model of scikit-learn, XGBoost, LightGBM, PyTorch, TensorFlow or ONNX"),
        (Path("model.bin"), "model.bin: a model's file ends in .joblib, .json, .keras"),
        (Path("missing.onnx"), "missing.onnx: not found"),
        (broken, "not an ONNX model that this runtime can run"),
    ):
        with pytest.raises(NotConvertible, match=message):
            open_source(model, WISHES)
