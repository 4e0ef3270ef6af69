"""scikit-learn: estimators and pipelines, with text and number columns."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn.base import is_classifier, is_regressor

from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.parity import Expected
from bakeoff.conversion.samples import Sample
from bakeoff.conversion.source import Candidate, Described, Wishes, normalised
from model_runtime.metadata import Label, OutputSchema

_TARGET_OPSET = {"": 18, "ai.onnx.ml": 3}
_TYPES = {"bool": BooleanTensorType, "int": Int64TensorType, "float": FloatTensorType, "str": StringTensorType}
_DTYPES = {"bool": np.bool_, "int": np.int64, "float": np.float64, "str": np.object_}
# Lower-casing by Unicode's rules, and there on every Linux; the runtime's own choice, en_US.UTF-8, is on few.
_LOCALE = "C.UTF-8"
_PACKAGES = ("scikit-learn", "skl2onnx", "onnx")


class SklearnModel:
    """A fitted estimator or pipeline; one that only transforms is a feature pipeline.

    Args:
        estimator: With `predict`, and `predict_proba` if it has probabilities; or with `transform`.
        wishes: Nothing that scikit-learn would not know itself.
    """

    def __init__(self, estimator: Any, wishes: Wishes) -> None:
        if wishes.logits:
            raise NotConvertible("a scikit-learn model has no logits to turn into probabilities")
        self._estimator = estimator
        self._transforms = not hasattr(estimator, "predict")
        if self._transforms and not hasattr(estimator, "transform"):
            raise NotConvertible(f"a {type(estimator).__name__} neither predicts nor transforms")
        self._probabilities = is_classifier(estimator) and hasattr(estimator, "predict_proba")

    def feature_names(self, sample: Sample) -> Sequence[str]:
        """Name the columns that it was fitted on; all of the sample's, where it was fitted without names."""
        named = getattr(self._estimator, "feature_names_in_", None)
        if named is not None:
            return [str(name) for name in named]
        wanted = getattr(self._estimator, "n_features_in_", len(sample.columns))
        if wanted != len(sample.columns):
            raise NotConvertible(
                f"the model takes {wanted} columns, but the sample has {len(sample.columns)}: {', '.join(sample.names)}"
            )
        return sample.names

    def describe(self, sample: Sample) -> Described:
        """Tell the classes, and the importances or coefficients of an estimator without preprocessing."""
        labels = None
        if self._probabilities:
            labels = tuple(_plain(label) for label in self._estimator.classes_)
        last = self._estimator.steps[-1][1] if hasattr(self._estimator, "steps") else self._estimator
        booster = type(last).__module__.partition(".")[0]
        packages = (*_PACKAGES, booster, "onnxmltools") if booster in {"xgboost", "lightgbm"} else _PACKAGES
        return Described("scikit-learn", labels, self._importance(sample), packages)

    def predict(self, sample: Sample) -> list[Expected]:
        """Predict with scikit-learn."""
        table = self._table(sample)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predictions = self._transformed(table) if self._transforms else np.asarray(self._estimator.predict(table))
            distributions = np.asarray(self._estimator.predict_proba(table)) if self._probabilities else None
        if predictions.ndim == 2 and predictions.shape[1] == 1:  # noqa: PLR2004 - a matrix of one column
            predictions = predictions[:, 0]
        return [
            Expected(prediction, None if distributions is None else tuple(float(each) for each in distributions[index]))
            for index, prediction in enumerate(predictions.tolist())
        ]

    def _transformed(self, table: Any) -> npt.NDArray[Any]:
        features = self._estimator.transform(table)
        return np.asarray(features.toarray() if hasattr(features, "toarray") else features)

    def candidates(self, name: str, sample: Sample) -> Iterator[Candidate]:
        """Give numbers their own types first, then all of them as float32, then as float64."""
        outputs = (
            OutputSchema(prediction="label", probabilities="probabilities")
            if self._probabilities
            else OutputSchema(prediction=self._output)
        )
        if self._takes_columns(sample):
            for numbers in (None, FloatTensorType, DoubleTensorType):
                types = [(column.name, _tensor(column.type, numbers)([None, 1])) for column in sample.columns]
                yield Candidate(lambda types=types: self._convert(name, types), outputs)  # type: ignore[misc]
        else:
            for number in (FloatTensorType, DoubleTensorType):
                types = [("features", number([None, len(sample.columns)]))]
                yield Candidate(lambda types=types: self._convert(name, types), outputs)  # type: ignore[misc]

    def _convert(self, name: str, types: list[tuple[str, Any]]) -> bytes:
        _register_boosters()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = convert_sklearn(
                self._estimator, name=name, initial_types=types, options=self._options(), target_opset=_TARGET_OPSET
            )
        if self._transforms:
            _name_output(model, self._output)
        for node in model.graph.node:
            if node.op_type == "StringNormalizer" and not any(each.name == "locale" for each in node.attribute):
                node.attribute.append(helper.make_attribute("locale", _LOCALE))
        # The converter keeps operator sets in a set, whose order varies from run to run.
        operator_sets = sorted(model.opset_import, key=lambda each: str(each.domain))
        del model.opset_import[:]
        model.opset_import.extend(operator_sets)
        return bytes(model.SerializeToString(deterministic=True))

    @property
    def _output(self) -> str:
        if self._transforms:
            return "features"
        return "variable" if is_regressor(self._estimator) else "label"

    def _options(self) -> dict[str, bool] | None:
        if self._probabilities:
            return {"zipmap": False}
        # Of a pipeline that ends in a classifier without probabilities, the converter asks for ZipMap unless
        # another option of classifiers is set.
        return {"nocl": False} if is_classifier(self._estimator) and hasattr(self._estimator, "steps") else None

    def _takes_columns(self, sample: Sample) -> bool:
        return any(column.type == "str" for column in sample.columns) or _has_columns(self._estimator)

    def _table(self, sample: Sample) -> Any:
        columns: list[npt.NDArray[Any]] = [
            np.array(column.complete(), dtype=_DTYPES[column.type]) for column in sample.columns
        ]
        if getattr(self._estimator, "feature_names_in_", None) is not None:
            import pandas as pd  # noqa: PLC0415 - only models that were fitted on data frames need it

            return pd.DataFrame(dict(zip(sample.names, columns, strict=True)))
        if any(column.type == "str" for column in sample.columns):
            return np.array([list(row.values()) for row in sample.rows()], dtype=np.object_)
        return np.column_stack([column.astype(np.float64) for column in columns])

    def _importance(self, sample: Sample) -> dict[str, float]:
        importances = getattr(self._estimator, "feature_importances_", None)
        if importances is None:
            coefficients = getattr(self._estimator, "coef_", None)
            if coefficients is None:
                return {}
            importances = np.abs(np.atleast_2d(coefficients)).mean(axis=0)
        importances = np.asarray(importances, dtype=np.float64).ravel()
        if len(importances) != len(sample.columns):
            return {}
        return normalised(dict(zip(sample.names, importances.tolist(), strict=True)))


def _tensor(kind: str, numbers: Any) -> Any:
    return _TYPES[kind] if numbers is None or kind == "str" else numbers


def _plain(label: Any) -> Label:
    plain = label.item() if hasattr(label, "item") else label
    if not isinstance(plain, bool | int | float | str):
        raise NotConvertible(f"the class {plain!r} is no string, number or boolean")
    return plain


def _has_columns(estimator: Any) -> bool:
    """Whether an estimator picks columns of its input, by name or place."""
    if type(estimator).__name__ == "ColumnTransformer":
        return True
    parts = getattr(estimator, "steps", None) or getattr(estimator, "transformer_list", None) or []
    return any(_has_columns(part[1]) for part in parts)


def _name_output(model: Any, name: str) -> None:
    """Rename a graph's only output, which the converter names after the last step."""
    (output,) = model.graph.output
    former, output.name = output.name, name
    for node in model.graph.node:
        node.output[:] = [name if each == former else each for each in node.output]
        node.input[:] = [name if each == former else each for each in node.input]


def _register_boosters() -> None:
    """Let pipelines end in XGBoost's and LightGBM's estimators, where those and their converters are installed."""
    with suppress(ImportError):
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost  # noqa: PLC0415 - an extra
        from xgboost import XGBClassifier, XGBRegressor  # noqa: PLC0415 - an extra

        _register(XGBClassifier, XGBRegressor, convert_xgboost)
    with suppress(ImportError):
        from lightgbm import LGBMClassifier, LGBMRegressor  # noqa: PLC0415 - an extra
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm  # noqa: PLC0415 - an extra

        _register(LGBMClassifier, LGBMRegressor, convert_lightgbm)


def _register(classifier: type, regressor: type, convert: Any) -> None:
    update_registered_converter(
        classifier,
        f"Bakeoff{classifier.__name__}",
        calculate_linear_classifier_output_shapes,
        convert,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
    )
    update_registered_converter(
        regressor, f"Bakeoff{regressor.__name__}", calculate_linear_regressor_output_shapes, convert
    )
