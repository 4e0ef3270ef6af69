"""Train the three example models on the Open Bandit sample: `python -m examples.train_models`.

A logistic regression (v1), gradient-boosted trees (v2) and a small neural network (v3)
predict a click from an impression's text and number columns. Each is converted to ONNX,
compared with scikit-learn on the held-out rows, and written to
`models/recommendation/{version}/` as `model.onnx` and `metadata.json`.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from math import sqrt
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

from bakeoff.conversion.histograms import training_sample
from bakeoff.conversion.samples import MAX_ROWS, read_sample
from examples.impressions import Impression, load_impressions
from model_runtime.outputs import Prediction

MODELS: Final = Path(__file__).parent / "models"
NAME: Final = "recommendation"
# The day of the recipe, not of the run: a rerun must write the same bytes.
CREATED_AT: Final = "2026-11-25T00:00:00Z"
SEED: Final = 42
HELD_OUT_SHARE: Final = 0.3
TOLERANCE: Final = 1e-5
TARGET_OPSET: Final = {"": 18, "ai.onnx.ml": 3}

# Feature order and types, as the models take them.
FEATURES: Final[Mapping[str, str]] = {
    "position": "int",
    "user_feature_0": "str",
    "user_feature_1": "str",
    "user_feature_2": "str",
    "user_feature_3": "str",
    "item_feature_0": "float",
    "item_feature_1": "str",
    "item_feature_2": "str",
    "item_feature_3": "str",
    "affinity": "float",
}
DEFAULTS: Final[Mapping[str, float]] = {"affinity": 0.0}
NUMBERS: Final = [index for index, kind in enumerate(FEATURES.values()) if kind != "str"]
TEXTS: Final = [index for index, kind in enumerate(FEATURES.values()) if kind == "str"]
TENSORS: Final = {"int": Int64TensorType, "float": FloatTensorType, "str": StringTensorType}
DTYPES: Final[Mapping[str, type]] = {"int": np.int64, "float": np.float32, "str": np.object_}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one version is trained."""

    version: str
    description: str
    estimator: Callable[[], Any]


RECIPES: Final = (
    Recipe(
        "v1",
        "Logistic regression: click probability of an item shown to a visitor.",
        lambda: LogisticRegression(C=0.01),
    ),
    Recipe(
        "v2",
        "Gradient-boosted trees: click probability of an item shown to a visitor.",
        lambda: GradientBoostingClassifier(
            n_estimators=100, max_depth=3, learning_rate=0.05, min_samples_leaf=100, random_state=SEED
        ),
    ),
    Recipe(
        "v3",
        "Neural network with one hidden layer: click probability of an item shown to a visitor.",
        lambda: MLPClassifier((16,), alpha=0.01, max_iter=15, batch_size=256, random_state=SEED),
    ),
)


@dataclass(frozen=True, slots=True)
class Split:
    """Impressions as feature rows, with clicks, for training and for the check."""

    train_rows: npt.NDArray[np.object_]
    train_clicks: npt.NDArray[np.int64]
    held_out_rows: npt.NDArray[np.object_]
    held_out_clicks: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trained:
    """One version, ready to be written."""

    version: str
    artefact: bytes
    metadata: dict[str, Any]


def split_impressions(impressions: list[Impression]) -> Split:
    """Split impressions at random, with the same share of clicks on both sides."""
    rows = np.array([[features[name] for name in FEATURES] for features in _features(impressions)], dtype=np.object_)
    clicks = np.array([impression.click for impression in impressions], dtype=np.int64)
    train_rows, held_out_rows, train_clicks, held_out_clicks = train_test_split(
        rows, clicks, test_size=HELD_OUT_SHARE, random_state=SEED, stratify=clicks
    )
    return Split(train_rows, train_clicks, held_out_rows, held_out_clicks)


def train(recipe: Recipe, split: Split) -> Trained:
    """Train, convert and check one version.

    Raises:
        RuntimeError: The ONNX model's probabilities differ from scikit-learn's.
    """
    pipeline = build_pipeline(recipe)
    _fit(pipeline, split.train_rows, split.train_clicks)
    artefact = convert(pipeline, f"{NAME}-{recipe.version}")
    expected = pipeline.predict_proba(split.held_out_rows)
    difference = float(np.abs(predict_onnx(artefact, split.held_out_rows) - expected).max())
    if difference > TOLERANCE:
        raise RuntimeError(f"{recipe.version}: ONNX differs from scikit-learn by {difference}")
    return Trained(recipe.version, artefact, _metadata(recipe, pipeline, artefact, split))


def build_pipeline(recipe: Recipe) -> Pipeline:
    """An untrained pipeline from feature rows to click probabilities; a category it never saw counts as none."""
    columns: Any = ColumnTransformer(
        [("numbers", MinMaxScaler(), NUMBERS), ("texts", OneHotEncoder(handle_unknown="ignore"), TEXTS)]
    )
    return Pipeline([("columns", columns), ("classifier", recipe.estimator())])


def convert(pipeline: Pipeline, name: str) -> bytes:
    """Convert a pipeline to ONNX, one input per feature, with nothing in the file that varies from run to run."""
    model = convert_sklearn(
        pipeline,
        name=name,
        initial_types=[(feature, TENSORS[kind]([None, 1])) for feature, kind in FEATURES.items()],
        options={"zipmap": False},
        target_opset=TARGET_OPSET,
    )
    model.producer_version = ""
    # The converter keeps operator sets in a set, whose order the hash seed decides.
    operator_sets = sorted(model.opset_import, key=lambda each: str(each.domain))
    del model.opset_import[:]
    model.opset_import.extend(operator_sets)
    return bytes(model.SerializeToString(deterministic=True))


def predict_onnx(artefact: bytes, rows: npt.NDArray[np.object_]) -> npt.NDArray[np.float32]:
    """Run the ONNX model on feature rows and give its probabilities, one column per class."""
    session = onnxruntime.InferenceSession(artefact, providers=["CPUExecutionProvider"])
    columns: dict[str, npt.NDArray[Any]] = {
        feature: rows[:, [index]].astype(DTYPES[kind]) for index, (feature, kind) in enumerate(FEATURES.items())
    }
    probabilities: npt.NDArray[np.float32] = session.run(["probabilities"], columns)[0]
    return probabilities


def cross_validated_auc(recipe: Recipe, impressions: list[Impression]) -> float:
    """The AUC of predictions for every impression by a model that did not see it (four folds)."""
    everything = split_impressions(impressions)
    rows = np.concatenate([everything.train_rows, everything.held_out_rows])
    clicks = np.concatenate([everything.train_clicks, everything.held_out_clicks])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        folds = StratifiedKFold(4, shuffle=True, random_state=SEED)
        predicted = cross_val_predict(build_pipeline(recipe), rows, clicks, cv=folds, method="predict_proba")
    return float(roc_auc_score(clicks, predicted[:, 1]))


def auc_standard_error(auc: float, positives: int, negatives: int) -> float:
    """Standard error of an AUC (Hanley and McNeil 1982, Radiology 143, 29-36)."""
    both_positive = auc / (2 - auc)
    both_negative = 2 * auc**2 / (1 + auc)
    variance = (
        auc * (1 - auc) + (positives - 1) * (both_positive - auc**2) + (negatives - 1) * (both_negative - auc**2)
    ) / (positives * negatives)
    return sqrt(variance)


def write(trained: Trained, folder: Path) -> None:
    """Write one version below a folder."""
    target = folder / NAME / trained.version
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.onnx").write_bytes(trained.artefact)
    (target / "metadata.json").write_text(json.dumps(trained.metadata, indent=2) + "\n", encoding="utf-8")


def _features(impressions: list[Impression]) -> list[dict[str, int | float | str]]:
    return [impression.features() for impression in impressions]


def _fit(pipeline: Pipeline, rows: npt.NDArray[np.object_], clicks: npt.NDArray[np.int64]) -> None:
    with warnings.catch_warnings():
        # The network stops after a fixed number of epochs, before it fits the noise of 200 clicks.
        warnings.simplefilter("ignore", ConvergenceWarning)
        pipeline.fit(rows, clicks)


def _metadata(recipe: Recipe, pipeline: Pipeline, artefact: bytes, split: Split) -> dict[str, Any]:
    probe = split.held_out_rows[0]
    sample = read_sample([dict(zip(FEATURES, row, strict=True)) for row in split.train_rows[:MAX_ROWS].tolist()])
    probabilities = predict_onnx(artefact, split.held_out_rows[:1])[0]
    return {
        "name": NAME,
        "version": recipe.version,
        "created_at": CREATED_AT,
        "framework": "scikit-learn",
        "description": recipe.description,
        "input_schema": {
            "features": [
                {"name": name, "type": kind, **({"default": DEFAULTS[name]} if name in DEFAULTS else {})}
                for name, kind in FEATURES.items()
            ]
        },
        "output_schema": {"prediction": "label", "probabilities": "probabilities"},
        "class_labels": [0, 1],
        "performance_metrics": _performance(pipeline, split),
        "feature_importance": _importance(pipeline, split),
        "dependencies": {package: installed_version(package) for package in ("scikit-learn", "skl2onnx", "onnx")},
        "probe": {
            "features": dict(zip(FEATURES, probe.tolist(), strict=True)),
            "prediction": int(probabilities.argmax()),
            "probabilities": [float(probability) for probability in probabilities],
        },
        "training_sample": training_sample(
            sample,
            [
                Prediction(int(distribution.argmax()), [float(probability) for probability in distribution])
                for distribution in predict_onnx(artefact, split.train_rows[:MAX_ROWS])
            ],
        ).model_dump(mode="json"),
    }


def _performance(pipeline: Pipeline, split: Split) -> dict[str, float]:
    clicks = split.held_out_clicks
    predicted = pipeline.predict_proba(split.held_out_rows)[:, 1]
    auc = float(roc_auc_score(clicks, predicted))
    positives = int(clicks.sum())
    return {
        "held_out_rows": len(clicks),
        "held_out_clicks": positives,
        "auc": round(auc, 4),
        "auc_standard_error": round(auc_standard_error(auc, positives, len(clicks) - positives), 4),
        "log_loss": round(float(log_loss(clicks, predicted)), 5),
        "brier_score": round(float(brier_score_loss(clicks, predicted)), 6),
    }


def _importance(pipeline: Pipeline, split: Split) -> dict[str, float]:
    """How much the training AUC falls when a column is shuffled."""
    importance = permutation_importance(
        pipeline, split.train_rows, split.train_clicks, scoring="roc_auc", n_repeats=2, random_state=SEED
    )
    return {name: round(float(drop), 4) for name, drop in zip(FEATURES, importance.importances_mean, strict=True)}


def main(arguments: list[str]) -> None:
    """Train all versions, print how good they are, and write them."""
    parser = argparse.ArgumentParser(description="Train the example models.")
    parser.add_argument("--output", type=Path, default=MODELS, help="folder to write to (default: examples/models)")
    options = parser.parse_args(arguments)
    impressions = load_impressions()
    split = split_impressions(impressions)
    print(f"{len(split.train_clicks)} impressions to train on, {split.train_clicks.sum()} of them clicked")
    for recipe in RECIPES:
        trained = train(recipe, split)
        write(trained, options.output)
        performance = trained.metadata["performance_metrics"]
        print(
            f"{NAME}:{recipe.version}  held-out AUC {performance['auc']:.4f} "
            f"(standard error {performance['auc_standard_error']:.4f}, {performance['held_out_clicks']} clicks in "
            f"{performance['held_out_rows']} rows), log-loss {performance['log_loss']:.5f}; "
            f"cross-validated AUC over all rows {cross_validated_auc(recipe, impressions):.4f}; "
            f"{len(trained.artefact)} bytes"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
