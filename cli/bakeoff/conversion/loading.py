"""Finding out of which framework a model is, from its file or from the object."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.source import Source, Wishes

_EXTRAS = {"sklearn": "scikit-learn", "xgboost": "XGBoost", "lightgbm": "LightGBM", "torch": "PyTorch"} | {
    "tensorflow": "TensorFlow"
}
_FRAMEWORK_BY_SUFFIX = {
    ".onnx": "onnx",
    ".joblib": "sklearn",
    ".pkl": "sklearn",
    ".pickle": "sklearn",
    ".skops": "sklearn",
    ".json": "xgboost",
    ".ubj": "xgboost",
    ".txt": "lightgbm",
    ".pt": "torch",
    ".pth": "torch",
    ".pt2": "torch",
    ".keras": "tensorflow",
}


def open_source(model: Any, wishes: Wishes) -> Source:
    """Open a model for conversion.

    A pickled file (.joblib, .pkl, .pth) runs whatever code it holds: open none that others made.

    Args:
        model: A file's path, or a fitted model in memory; bytes are an ONNX file.
        wishes: What the publisher says of it.

    Raises:
        NotConvertible: It is of no framework known, or the framework's extra is not installed.
    """
    if isinstance(model, str | Path):
        return _from_file(Path(model), wishes)
    if isinstance(model, bytes):
        return _wrap("onnx")(model, wishes)
    return _wrap(_framework_of(model))(model, wishes)


def _from_file(path: Path, wishes: Wishes) -> Source:
    framework = _FRAMEWORK_BY_SUFFIX.get(path.suffix.lower())
    if framework is None:
        raise NotConvertible(f"{path}: a model's file ends in {', '.join(sorted(_FRAMEWORK_BY_SUFFIX))}")
    if not path.is_file():
        raise NotConvertible(f"{path}: not found")
    if framework == "onnx":
        return _wrap(framework)(path.read_bytes(), wishes)
    if framework == "sklearn":
        # What was pickled need not be scikit-learn's: an XGBClassifier, say.
        return open_source(_unpickled(path), wishes)
    return _wrap(framework)(_loader(framework)(path), wishes)


def _unpickled(path: Path) -> Any:
    try:
        if path.suffix.lower() == ".skops":
            from skops.io import get_untrusted_types, load  # noqa: PLC0415 - part of an extra

            return load(path, trusted=get_untrusted_types(file=path))
        from joblib import load as load_pickle  # noqa: PLC0415 - part of an extra

        return load_pickle(path)
    except ImportError as error:
        raise _not_installed("sklearn", error) from error
    except Exception as error:  # unpickling may raise anything
        raise NotConvertible(f"{path}: cannot be read: {error}") from error


def _framework_of(model: Any) -> str:
    modules = [each.__module__.partition(".")[0] for each in type(model).__mro__]
    for module in modules:
        if module in {"xgboost", "lightgbm", "torch", "sklearn", "onnx"}:
            return module
        if module in {"keras", "tensorflow"}:
            return "tensorflow"
    raise NotConvertible(f"a {type(model).__name__} is no model of {', '.join(_EXTRAS.values())} or ONNX")


def _wrap(framework: str) -> Callable[[Any, Wishes], Source]:
    try:
        match framework:
            case "sklearn":
                from bakeoff.conversion.sklearn_models import SklearnModel  # noqa: PLC0415 - an extra

                return SklearnModel
            case "xgboost":
                from bakeoff.conversion.xgboost_models import XGBoostModel  # noqa: PLC0415 - an extra

                return XGBoostModel
            case "lightgbm":
                from bakeoff.conversion.lightgbm_models import LightGBMModel  # noqa: PLC0415 - an extra

                return LightGBMModel
            case "torch":
                from bakeoff.conversion.torch_models import TorchModel  # noqa: PLC0415 - an extra

                return TorchModel
            case "tensorflow":
                from bakeoff.conversion.keras_models import KerasModel  # noqa: PLC0415 - an extra

                return KerasModel
    except ImportError as error:
        raise _not_installed(framework, error) from error
    from bakeoff.conversion.onnx_models import OnnxModel  # noqa: PLC0415 - loads ONNX Runtime

    return lambda model, wishes: OnnxModel(
        model if isinstance(model, bytes) else bytes(model.SerializeToString()), wishes
    )


def _loader(framework: str) -> Callable[[Path], Any]:
    try:
        match framework:
            case "xgboost":
                from bakeoff.conversion.xgboost_models import load as load_xgboost  # noqa: PLC0415 - an extra

                return load_xgboost
            case "lightgbm":
                from bakeoff.conversion.lightgbm_models import load as load_lightgbm  # noqa: PLC0415 - an extra

                return load_lightgbm
            case "torch":
                from bakeoff.conversion.torch_models import load as load_torch  # noqa: PLC0415 - an extra

                return load_torch
            case _:
                from bakeoff.conversion.keras_models import load as load_keras  # noqa: PLC0415 - an extra

                return load_keras
    except ImportError as error:
        raise _not_installed(framework, error) from error


def _not_installed(extra: str, error: ImportError) -> NotConvertible:
    return NotConvertible(
        f"{_EXTRAS[extra]} models need the extra: pip install 'bakeoff[{extra}]' ({error.name or error} is missing)"
    )
