"""XGBoost: boosters from `.json` and `.ubj` files, and fitted estimators."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import xgboost
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from bakeoff.conversion.boosters import candidates, class_labels, column_names, convert_with, expected, matrix
from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.parity import Expected
from bakeoff.conversion.samples import Sample
from bakeoff.conversion.source import Candidate, Described, Wishes, normalised

_PACKAGES = ("xgboost", "onnxmltools", "onnx")


def load(path: Path) -> xgboost.Booster:
    """Read a booster from a file."""
    try:
        return xgboost.Booster(model_file=str(path))
    except xgboost.core.XGBoostError as error:
        raise NotConvertible(f"{path}: is no XGBoost model") from error


class XGBoostModel:
    """A booster, or an estimator that holds one.

    Args:
        model: `xgboost.Booster`, `XGBClassifier` or `XGBRegressor`, for instance.
        wishes: May name the classes.
    """

    def __init__(self, model: Any, wishes: Wishes) -> None:
        if wishes.logits:
            raise NotConvertible("an XGBoost model gives probabilities by its objective, not by `logits`")
        estimator = None if isinstance(model, xgboost.Booster) else model
        booster: xgboost.Booster = model if estimator is None else estimator.get_booster()
        best = getattr(estimator, "best_iteration", None) if _stopped_early(estimator) else None
        # A copy, since the names are taken off for the converter, which knows columns by number only.
        self._booster = booster.copy() if best is None else booster[: best + 1]
        self._names = booster.feature_names or [f"f{index}" for index in range(booster.num_features())]
        if "c" in (booster.feature_types or []):
            raise NotConvertible("the converter knows no categorical features of XGBoost: encode them before")
        learner = json.loads(booster.save_config())["learner"]
        objective = learner["objective"]["name"]
        classes = {"binary:logistic": 2, "multi:softprob": int(learner["learner_model_param"]["num_class"])}
        if objective == "multi:softmax":
            raise NotConvertible("the objective multi:softmax has no probabilities: train with multi:softprob")
        fitted = getattr(estimator, "classes_", None)
        self._labels = class_labels(classes.get(objective, 0), fitted, wishes)

    def feature_names(self, sample: Sample) -> Sequence[str]:
        """Name the columns that it was trained on."""
        return column_names(self._names, sample)

    def describe(self, sample: Sample) -> Described:
        """Tell the classes and the gain of each feature."""
        gains = self._booster.get_score(importance_type="gain")
        importance = {name: float(gains.get(own, 0.0)) for own, name in zip(self._names, sample.names, strict=True)}
        return Described("xgboost", self._labels, normalised(importance), _PACKAGES)

    def predict(self, sample: Sample) -> list[Expected]:
        """Predict with XGBoost."""
        rows = xgboost.DMatrix(matrix(sample), feature_names=self._booster.feature_names)
        return expected(self._booster.predict(rows), self._labels)

    def candidates(self, name: str, sample: Sample) -> Iterator[Candidate]:
        """XGBoost itself works on float32."""
        nameless = self._booster.copy()
        nameless.feature_names = None
        nameless.feature_types = None

        def convert(tensor: Any) -> bytes:
            return convert_with(convert_xgboost, nameless, name, len(sample.columns), tensor)

        yield from candidates(convert, [FloatTensorType], classifies=self._labels is not None)


def _stopped_early(estimator: Any) -> bool:
    return estimator is not None and getattr(estimator, "early_stopping_rounds", None) is not None
