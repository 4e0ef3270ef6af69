from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("skl2onnx")
pytest.importorskip("pandas")

import joblib
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from bakeoff.conversion.convert import Reading
from bakeoff.conversion.errors import NotConvertible, ParityFailure
from bakeoff_core.errors import InvalidInput
from tests.frameworks.conftest import COLUMNS, Data, Shelf

pytestmark = pytest.mark.filterwarnings("ignore")

CLASSIFIERS = {
    "logistic regression": lambda: LogisticRegression(max_iter=2_000),
    "scaled logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "random forest": lambda: RandomForestClassifier(30, random_state=0),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=30, random_state=0),
    "histogram gradient boosting": lambda: HistGradientBoostingClassifier(max_iter=30, random_state=0),
    "neural network": lambda: make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=300, random_state=0)),
}
REGRESSORS = {
    "linear regression": LinearRegression,
    "random forest": lambda: RandomForestRegressor(30, random_state=0),
    "histogram gradient boosting": lambda: HistGradientBoostingRegressor(max_iter=30, random_state=0),
}


@pytest.mark.parametrize("what", CLASSIFIERS)
@pytest.mark.parametrize("classes", [2, 3])
def test_classifiers_keep_their_probabilities(what: str, classes: int, data: Data, shelf: Shelf) -> None:
    model = CLASSIFIERS[what]().fit(data.train, data.train_labels if classes == 2 else data.train_classes)
    published = shelf.publish(model, f"scikit-learn {what}, {classes} classes", data.rows)
    assert published.status == "ready"
    assert published.metadata["framework"] == "scikit-learn"
    assert published.metadata["class_labels"] == list(range(classes))
    assert [each["name"] for each in published.metadata["input_schema"]["features"]] == list(COLUMNS)
    expected = model.predict_proba(data.held_out[:1])[0]
    assert published.metadata["probe"]["probabilities"] == pytest.approx(expected, rel=1e-5)
    assert shelf.stack.registry.resolve("model", None) == published


@pytest.mark.parametrize("what", REGRESSORS)
def test_regressors_keep_their_values(what: str, data: Data, shelf: Shelf) -> None:
    model = REGRESSORS[what]().fit(data.train, data.train_values)
    published = shelf.publish(model, f"scikit-learn {what}, regression", data.rows)
    assert published.metadata["probe"]["prediction"] == pytest.approx(model.predict(data.held_out[:1])[0], rel=1e-4)
    assert "class_labels" not in published.metadata


def frame(data: Data, rows: Any) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["visits"] = table["visits"].astype(int)
    table["city"] = np.where(table["age"] > 40, "Graz", np.where(table["debt"] > 0, "Linz", "Wien"))
    table["note"] = np.where(table["score"] > 0, "pays late, moves often", "pays early")
    return table


def text_pipeline() -> Pipeline:
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["age", "income", "visits"]),
            ("cities", OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("notes", TfidfVectorizer(), "note"),
        ]
    )
    return Pipeline([("columns", columns), ("classifier", LogisticRegression())])


def test_pipeline_with_text_and_number_columns(data: Data, shelf: Shelf, tmp_path: Path) -> None:
    labels = np.where(data.train_labels == 1, "yes", "no")
    train = frame(data, data.train).drop(columns=["height", "score", "debt"])
    file = tmp_path / "model.joblib"
    joblib.dump(text_pipeline().fit(train, labels), file)
    sample = tmp_path / "held_out.csv"
    frame(data, data.held_out).to_csv(sample, index=False)
    published = shelf.publish(
        file,
        "scikit-learn pipeline of texts and numbers, from CSV",
        sample,
        metadata={"performance_metrics": {"auc": 0.7}, "description": "pays back"},
    )
    metadata = published.metadata
    assert metadata["input_schema"]["features"] == [
        {"name": "age", "type": "float"},
        {"name": "income", "type": "float"},
        {"name": "visits", "type": "int"},
        {"name": "city", "type": "str"},
        {"name": "note", "type": "str"},
    ]
    assert metadata["class_labels"] == ["no", "yes"]
    assert (metadata["performance_metrics"], metadata["description"]) == ({"auc": 0.7}, "pays back")
    assert metadata["dependencies"].keys() == {"scikit-learn", "skl2onnx", "onnx"}
    assert metadata["probe"]["prediction"] in {"no", "yes"}
    assert metadata["training_sample"]["rows"] == 1_000
    assert metadata["training_sample"]["features"]["city"]["texts"]
    assert sum(metadata["training_sample"]["scores"]["probability"]["counts"]) == 1_000


def test_publishing_the_same_again_changes_nothing(data: Data, shelf: Shelf) -> None:
    model = LogisticRegression(max_iter=2_000).fit(data.train, data.train_labels)
    first = shelf.publish(model, "again", data.rows)
    assert shelf.publish(model, "again", data.rows) == first
    assert len(shelf.stack.registry.alias_history("model", "champion")) == 1


def test_a_missing_value_in_the_sample_becomes_a_default(data: Data, shelf: Shelf) -> None:
    model = LogisticRegression(max_iter=2_000).fit(data.train, data.train_labels)
    rows = data.rows
    rows[3]["age"] = None
    rows[4]["debt"] = float("nan")
    published = shelf.publish(model, "defaults", rows, reading=Reading(defaults={"score": 0}))
    defaults = {each["name"]: each.get("default") for each in published.metadata["input_schema"]["features"]}
    ages = sorted(row["age"] for row in rows if row["age"] is not None)
    assert defaults["age"] == ages[(len(ages) - 1) // 2]
    assert defaults["score"] == 0.0
    assert defaults["debt"] is not None
    assert defaults["income"] is None


def test_labels_without_probabilities(data: Data, shelf: Shelf) -> None:
    model = make_pipeline(StandardScaler(), LinearSVC(random_state=0)).fit(data.train, data.train_labels)
    published = shelf.publish(model, "scikit-learn linear SVC, labels", data.rows)
    assert published.metadata["output_schema"] == {"prediction": "label"}
    assert published.metadata["probe"]["prediction"] == int(model.predict(data.held_out[:1])[0])


def test_what_no_converter_knows_is_refused(data: Data, shelf: Shelf) -> None:
    model = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()).fit(
        np.abs(data.train[:, [0]]), data.train_labels
    )
    with pytest.raises(NotConvertible, match="the model cannot be converted to ONNX"):
        shelf.publish(model, "unknown", [{"age": abs(row["age"])} for row in data.rows])
    assert shelf.stack.registry.list() == []


def test_a_conversion_that_predicts_something_else_is_refused_with_its_worst_row(
    data: Data, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LogisticRegression(max_iter=2_000).fit(data.train, data.train_labels)
    right = model.predict_proba
    wrong = np.asarray(right(data.held_out))
    wrong[17] = [wrong[17, 0] + 1e-4, wrong[17, 1] - 1e-4]
    monkeypatch.setattr(model, "predict_proba", lambda _table: wrong)
    with pytest.raises(ParityFailure) as failure:
        shelf.publish(model, "wrong", data.rows)
    assert f"'age': {data.rows[17]['age']!r}" in str(failure.value)
    assert str(float(wrong[17, 1])) in str(failure.value)
    assert shelf.stack.registry.list() == []
    assert shelf.stack.objects.list("") == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"age": 1.0}], "takes 6 columns, but the sample has 1: age"),
        ([], "the sample has no rows"),
        ([dict.fromkeys(COLUMNS)], "has no value in any row"),
        ([{name: [1] for name in COLUMNS}], "sample column 'age'"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(rows: Any, message: str, data: Data, shelf: Shelf) -> None:
    model = LogisticRegression(max_iter=2_000).fit(data.train, data.train_labels)
    with pytest.raises(NotConvertible, match=message):
        shelf.publish(model, "misfit", rows)


def test_clusters_are_predictions(data: Data, shelf: Shelf) -> None:
    model = KMeans(3, n_init=1, random_state=0).fit(data.train)
    published = shelf.publish(model, "scikit-learn k-means, labels", data.rows)
    assert published.metadata["probe"]["prediction"] == int(model.predict(data.held_out[:1])[0])


def test_a_transformer_is_a_feature_pipeline_before_a_model(data: Data, shelf: Shelf) -> None:
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), ["age", "income"]), ("cities", OneHotEncoder(handle_unknown="ignore"), ["city"])]
    )
    train, held_out = (frame(data, rows)[["age", "income", "city"]] for rows in (data.train, data.held_out))
    columns.fit(train)
    model = LogisticRegression().fit(columns.transform(train), data.train_labels)
    engineered = columns.transform(held_out)
    engineered = pd.DataFrame(engineered, columns=[f"f{index}" for index in range(engineered.shape[1])])
    before = shelf.publish(columns, "scikit-learn transformer", held_out, key="columns:v1")
    assert before.metadata["output_schema"] == {"prediction": "features"}
    assert len(before.metadata["probe"]["prediction"]) == engineered.shape[1]
    named: dict[str, Any] = {"feature_pipeline": "columns:v1"}
    published = shelf.publish(model, "scikit-learn model behind a transformer", engineered, metadata=named)
    assert published.metadata["feature_pipeline"] == "columns:v1"
    for pipeline, message in (
        ("columns:v9", "feature_pipeline: columns:v9 is not registered"),
        ("model:v1", "feature_pipeline: model:v1 has a feature pipeline of its own"),
    ):
        with pytest.raises(InvalidInput, match=message):
            shelf.publish(model, "refused", engineered, key="model:v2", metadata={"feature_pipeline": pipeline})
    narrow = LogisticRegression().fit(columns.transform(train)[:, :2], data.train_labels)
    with pytest.raises(InvalidInput, match="feature_pipeline: "):
        shelf.publish(narrow, "misfit", engineered[["f0", "f1"]], key="model:v2", metadata=named)
    shelf.stack.objects.put("models/columns/v1/model.onnx", b"damaged", "application/octet-stream")
    with pytest.raises(InvalidInput, match="feature_pipeline: the artefact of columns:v1 is damaged"):
        shelf.publish(model, "damaged", engineered, key="model:v2", metadata=named)
