"""LightGBM: boosters from `.txt` files, and fitted estimators."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lightgbm
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import DoubleTensorType, FloatTensorType

from bakeoff.conversion.boosters import candidates, class_labels, column_names, convert_with, expected, matrix
from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.parity import Expected
from bakeoff.conversion.samples import Sample
from bakeoff.conversion.source import Candidate, Described, Wishes, normalised

_PACKAGES = ("lightgbm", "onnxmltools", "onnx")


def load(path: Path) -> lightgbm.Booster:
    """Read a booster from a file."""
    try:
        return lightgbm.Booster(model_file=str(path))
    except lightgbm.basic.LightGBMError as error:
        raise NotConvertible(f"{path}: is no LightGBM model") from error


class LightGBMModel:
    """A booster, or an estimator that holds one.

    Args:
        model: `lightgbm.Booster`, `LGBMClassifier` or `LGBMRegressor`, for instance.
        wishes: May name the classes.
    """

    def __init__(self, model: Any, wishes: Wishes) -> None:
        if wishes.logits:
            raise NotConvertible("a LightGBM model gives probabilities by its objective, not by `logits`")
        estimator = None if isinstance(model, lightgbm.Booster) else model
        booster = model if estimator is None else estimator.booster_
        # Written and read again, the booster ends at its best iteration, where both predict by default.
        self._booster = lightgbm.Booster(model_str=booster.model_to_string())
        known = self._booster.dump_model()
        if known.get("pandas_categorical"):
            raise NotConvertible("the model codes categories of pandas itself: encode them as integers before")
        objective = str(known.get("objective", "")).split(" ")[0]
        classes = {"binary": 2, "multiclass": known["num_class"], "multiclassova": known["num_class"]}
        fitted = getattr(estimator, "classes_", None)
        self._labels = class_labels(classes.get(objective, 0), fitted, wishes)

    def feature_names(self, sample: Sample) -> Sequence[str]:
        """Name the columns that it was trained on."""
        # LightGBM writes spaces in a name as underscores.
        ours = {name.replace(" ", "_"): name for name in sample.names}
        return column_names([ours.get(name, name) for name in self._booster.feature_name()], sample)

    def describe(self, sample: Sample) -> Described:
        """Tell the classes and the gain of each feature."""
        gains = self._booster.feature_importance(importance_type="gain").tolist()
        importance = normalised(dict(zip(sample.names, gains, strict=True)))
        return Described("lightgbm", self._labels, importance, _PACKAGES)

    def predict(self, sample: Sample) -> list[Expected]:
        """Predict with LightGBM."""
        return expected(self._booster.predict(matrix(sample)), self._labels)

    def candidates(self, name: str, sample: Sample) -> Iterator[Candidate]:
        """Give float32 first; float64, which the converter knows for regressors, where a threshold needs it."""
        classifies = self._labels is not None
        options = {"zipmap": False} if classifies else {}

        def convert(tensor: Any) -> bytes:
            return convert_with(convert_lightgbm, self._booster, name, len(sample.columns), tensor, **options)

        tensors = [FloatTensorType] if classifies else [FloatTensorType, DoubleTensorType]
        yield from candidates(convert, tensors, classifies=classifies)
