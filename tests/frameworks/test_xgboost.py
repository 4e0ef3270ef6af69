from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("xgboost")
pytest.importorskip("onnxmltools")

import xgboost
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bakeoff.conversion.errors import NotConvertible, ParityFailure
from bakeoff.conversion.source import Wishes
from tests.frameworks.conftest import COLUMNS, Data, Shelf


def booster(data: Data, objective: str, **parameters: object) -> xgboost.Booster:
    outcome: Any = {
        "multi:softprob": data.train_classes,
        "multi:softmax": data.train_classes,
        "binary:logistic": data.train_labels,
    }.get(objective)
    if objective == "count:poisson":
        outcome = data.train[:, 2]
    rows = xgboost.DMatrix(data.train, data.train_values if outcome is None else outcome, feature_names=list(COLUMNS))
    return xgboost.train({"objective": objective, **parameters}, rows, 40)


@pytest.mark.parametrize("suffix", ["json", "ubj"])
def test_binary_classifier_from_a_file(suffix: str, data: Data, shelf: Shelf, tmp_path: Path) -> None:
    file = tmp_path / f"model.{suffix}"
    model = booster(data, "binary:logistic")
    model.save_model(file)
    published = shelf.publish(file, f"XGBoost binary classifier from {suffix}", data.rows, wishes=Wishes(("no", "yes")))
    assert published.status == "ready"
    assert published.metadata["framework"] == "xgboost"
    assert published.metadata["class_labels"] == ["no", "yes"]
    assert published.metadata["feature_importance"].keys() == set(COLUMNS)
    assert sum(published.metadata["feature_importance"].values()) == pytest.approx(1, abs=1e-4)
    expected = float(model.predict(xgboost.DMatrix(data.held_out[:1], feature_names=list(COLUMNS)))[0])
    assert published.metadata["probe"]["probabilities"] == pytest.approx([1 - expected, expected], rel=1e-5)
    assert published.metadata["probe"]["prediction"] == ("yes" if expected > 0.5 else "no")


def test_classifier_of_three_classes(data: Data, shelf: Shelf) -> None:
    model = booster(data, "multi:softprob", num_class=3)
    published = shelf.publish(model, "XGBoost classifier of three classes", data.rows)
    assert published.metadata["class_labels"] == [0, 1, 2]


@pytest.mark.parametrize("objective", ["reg:squarederror", "count:poisson", "reg:absoluteerror"])
def test_regressors(objective: str, data: Data, shelf: Shelf) -> None:
    published = shelf.publish(booster(data, objective), f"XGBoost {objective}", data.rows)
    assert "class_labels" not in published.metadata


def test_fitted_estimators_with_their_classes_and_best_iteration(data: Data, shelf: Shelf) -> None:
    model = xgboost.XGBClassifier(n_estimators=200, early_stopping_rounds=5, learning_rate=0.3)
    model.fit(
        data.train[:700], data.train_labels[:700], eval_set=[(data.train[700:], data.train_labels[700:])], verbose=False
    )
    assert model.best_iteration < model.get_booster().num_boosted_rounds() - 1
    published = shelf.publish(model, "XGBoost estimator, stopped early", data.rows)
    expected = model.predict_proba(data.held_out[:1])[0]
    assert published.metadata["probe"]["probabilities"] == pytest.approx(expected, rel=1e-5)


def test_pipelines_of_scikit_learn_may_end_in_xgboost(data: Data, shelf: Shelf) -> None:
    for estimator, outcome in (
        (xgboost.XGBClassifier(n_estimators=30), data.train_labels),
        (xgboost.XGBClassifier(n_estimators=30), data.train_classes),
        (xgboost.XGBRegressor(n_estimators=30), data.train_values),
    ):
        model = make_pipeline(StandardScaler(), estimator).fit(data.train, outcome)
        key = f"pipeline:v{len(shelf.parities)}"
        published = shelf.publish(model, f"XGBoost {type(estimator).__name__} in a pipeline", data.rows, key=key)
        assert published.metadata["framework"] == "scikit-learn"
        assert {"scikit-learn", "xgboost", "onnxmltools"} <= published.metadata["dependencies"].keys()


def test_columns_are_taken_by_name(data: Data, shelf: Shelf) -> None:
    rows = [{"outcome": 1, **dict(reversed(row.items()))} for row in data.rows]
    published = shelf.publish(booster(data, "binary:logistic"), "XGBoost, columns in another order", rows)
    assert [each["name"] for each in published.metadata["input_schema"]["features"]] == list(COLUMNS)


def test_a_conversion_that_predicts_something_else_is_refused_with_its_worst_row(data: Data, shelf: Shelf) -> None:
    # The converter takes no notice of the weights that DART gives its trees.
    with pytest.raises(ParityFailure, match=r"above 1e-05; the worst of 1000 rows: \{'age': "):
        shelf.publish(booster(data, "binary:logistic", booster="dart", rate_drop=0.2), "dart", data.rows)
    assert shelf.stack.registry.list() == []


def test_what_cannot_be_published_is_refused(data: Data, shelf: Shelf, tmp_path: Path) -> None:
    model = booster(data, "binary:logistic")
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    with pytest.raises(NotConvertible, match="is no XGBoost model"):
        shelf.publish(broken, "broken", data.rows)
    with pytest.raises(NotConvertible, match="2 classes, but 3 labels"):
        shelf.publish(model, "labels", data.rows, wishes=Wishes((1, 2, 3)))
    with pytest.raises(NotConvertible, match="age: the model takes numbers, but the sample has texts"):
        shelf.publish(model, "texts", [{**row, "age": "old"} for row in data.rows])
    with pytest.raises(NotConvertible, match="multi:softmax has no probabilities"):
        shelf.publish(booster(data, "multi:softmax", num_class=3), "softmax", data.rows)
    categorical = xgboost.DMatrix(
        data.train[:, :1].astype(int), data.train_labels, feature_types=["c"], enable_categorical=True
    )
    with pytest.raises(NotConvertible, match="no categorical features"):
        shelf.publish(xgboost.train({"objective": "binary:logistic"}, categorical, 2), "categories", [{"age": 1}])
    with pytest.raises(NotConvertible, match="by its objective"):
        shelf.publish(model, "logits", data.rows, wishes=Wishes(logits=True))
    with pytest.raises(NotConvertible, match=r"takes 6 columns .* but the sample has 1"):
        shelf.publish(model, "columns", [{"age": 1}])
