from pathlib import Path

import pytest

pytest.importorskip("lightgbm")
pytest.importorskip("onnxmltools")

import lightgbm
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bakeoff.conversion.errors import NotConvertible, ParityFailure
from bakeoff.conversion.source import Wishes
from tests.frameworks.conftest import COLUMNS, Data, Shelf

OBJECTIVES = ["binary", "multiclass", "regression", "regression_l1", "poisson"]


def booster(data: Data, objective: str, names: list[str] | None = None) -> lightgbm.Booster:
    outcome = {
        "binary": data.train_labels,
        "multiclass": data.train_classes,
        "multiclassova": data.train_classes,
        "poisson": data.train[:, 2],
    }.get(objective, data.train_values)
    parameters = {"objective": objective, "verbose": -1, "deterministic": True, "num_threads": 1}
    if objective.startswith("multiclass"):
        parameters["num_class"] = 3
    rows = lightgbm.Dataset(data.train, outcome, feature_name=names or list(COLUMNS))
    return lightgbm.train(parameters, rows, 40)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_boosters_from_files(objective: str, data: Data, shelf: Shelf, tmp_path: Path) -> None:
    file = tmp_path / "model.txt"
    model = booster(data, objective)
    model.save_model(file)
    published = shelf.publish(file, f"LightGBM {objective} from txt", data.rows)
    assert (published.status, published.metadata["framework"]) == ("ready", "lightgbm")
    assert published.metadata["feature_importance"].keys() == set(COLUMNS)
    expected = np.asarray(model.predict(data.held_out[:1]))[0]
    classes = {"binary": [0, 1], "multiclass": [0, 1, 2]}.get(objective)
    assert published.metadata.get("class_labels") == classes
    if classes is None:
        assert published.metadata["probe"]["prediction"] == pytest.approx(expected, rel=1e-4)
    else:
        distribution = [1 - expected, expected] if objective == "binary" else expected.tolist()
        assert published.metadata["probe"]["probabilities"] == pytest.approx(distribution, rel=1e-5)


def test_fitted_estimator_with_text_labels(data: Data, shelf: Shelf) -> None:
    labels = np.where(data.train_labels == 1, "yes", "no")
    model = lightgbm.LGBMClassifier(n_estimators=40, verbose=-1, n_jobs=1).fit(data.train, labels)
    published = shelf.publish(model, "LightGBM estimator with text labels", data.rows)
    assert published.metadata["class_labels"] == ["no", "yes"]
    assert published.metadata["probe"]["prediction"] == model.predict(data.held_out[:1])[0]


def test_pipelines_of_scikit_learn_may_end_in_lightgbm(data: Data, shelf: Shelf) -> None:
    for estimator, outcome in (
        (lightgbm.LGBMClassifier(n_estimators=30, verbose=-1, n_jobs=1), data.train_labels),
        (lightgbm.LGBMClassifier(n_estimators=30, verbose=-1, n_jobs=1), data.train_classes),
        (lightgbm.LGBMRegressor(n_estimators=30, verbose=-1, n_jobs=1), data.train_values),
    ):
        model = make_pipeline(StandardScaler(), estimator).fit(data.train, outcome)
        key = f"pipeline:v{len(shelf.parities)}"
        published = shelf.publish(model, f"LightGBM {type(estimator).__name__} in a pipeline", data.rows, key=key)
        assert published.metadata["framework"] == "scikit-learn"
        assert {"scikit-learn", "lightgbm", "onnxmltools"} <= published.metadata["dependencies"].keys()


def test_categorical_features_by_number(data: Data, shelf: Shelf) -> None:
    rows = lightgbm.Dataset(data.train, data.train_labels, feature_name=list(COLUMNS), categorical_feature=["visits"])
    model = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, rows, 40)
    shelf.publish(model, "LightGBM with a categorical feature", data.rows)


def test_names_with_spaces(data: Data, shelf: Shelf) -> None:
    names = [f"the {name}" for name in COLUMNS]
    rows = [{f"the {name}": value for name, value in row.items()} for row in data.rows]
    published = shelf.publish(booster(data, "binary", names), "LightGBM, names with spaces", rows)
    assert [each["name"] for each in published.metadata["input_schema"]["features"]] == names


def test_a_conversion_that_predicts_something_else_is_refused_with_its_worst_row(data: Data, shelf: Shelf) -> None:
    # The converter takes one classifier per class for one classifier of all.
    with pytest.raises(ParityFailure, match=r"above 1e-05; the worst of 1000 rows: \{'age': "):
        shelf.publish(booster(data, "multiclassova"), "one against all", data.rows)
    assert shelf.stack.registry.list() == []


def test_what_cannot_be_published_is_refused(data: Data, shelf: Shelf, tmp_path: Path) -> None:
    broken = tmp_path / "broken.txt"
    broken.write_text("tree")
    with pytest.raises(NotConvertible, match="is no LightGBM model"):
        shelf.publish(broken, "broken", data.rows)
    with pytest.raises(NotConvertible, match="by its objective"):
        shelf.publish(booster(data, "binary"), "logits", data.rows, wishes=Wishes(logits=True))
