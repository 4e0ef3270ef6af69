"""Metadata that contradict themselves are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from model_runtime.metadata import ModelMetadata
from model_runtime.schema import Feature, InputSchema, OutputSchema

COMMITTED = Path(__file__).parents[3] / "examples" / "models" / "recommendation" / "v1" / "metadata.json"


def changed(**changes: Any) -> dict[str, Any]:
    return json.loads(COMMITTED.read_text()) | changes  # type: ignore[no-any-return]


def test_example_metadata_are_read() -> None:
    metadata = ModelMetadata.model_validate(changed())
    assert [feature.name for feature in metadata.input_schema.features][:2] == ["position", "user_feature_0"]
    assert metadata.input_schema.features[-1].default == 0.0
    assert metadata.class_labels == (0, 1)
    assert [type(label) for label in metadata.class_labels] == [int, int]
    assert metadata.probe.tolerance == 1e-5


def test_features_without_names_are_called_their_positions() -> None:
    schema = InputSchema.model_validate({"features": [{"type": "int"}, {"name": "b", "type": "int"}, {"type": "str"}]})
    assert [feature.name for feature in schema.features] == ["0", "b", "2"]


def test_feature_is_written_without_what_it_leaves_as_it_is() -> None:
    document = {"name": "a", "type": "float", "shape": [2, None], "minimum": 0, "on_out_of_range": "clip"}
    assert Feature.model_validate(document).model_dump(mode="json") == document
    assert Feature.model_validate({"name": "a", "type": "int"}).model_dump(mode="json") == {"name": "a", "type": "int"}


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"type": "str", "minimum": 0}, "minimum and maximum are for numbers"),
        ({"type": "int", "minimum": 2, "maximum": 1}, "minimum must not be above maximum"),
        ({"type": "int", "categories": [1], "maximum": 1}, "categories leave nothing"),
        ({"type": "int", "categories": [1.5]}, "categories: must be an integer, got 1.5"),
        ({"type": "str", "categories": []}, "at least 1 item"),
        ({"type": "str", "on_out_of_range": "clip"}, "clip is for numbers"),
        ({"type": "int", "on_missing": "nan"}, "nan is for floats"),
        ({"type": "int", "on_missing": "default"}, "on_missing: there is no default"),
        ({"type": "int", "on_wrong_type": "default"}, "on_wrong_type: there is no default"),
        ({"type": "int", "on_out_of_range": "default"}, "on_out_of_range: there is no default"),
        ({"type": "int", "default": 5, "maximum": 4}, "default: is out of range"),
        ({"type": "str", "default": "c", "categories": ["a", "b"]}, "default: is out of range"),
        ({"type": "float", "shape": [2], "default": [1, 2, 3]}, "default: does not have the shape"),
        ({"type": "float", "default": [1]}, "default: has more dimensions"),
        ({"type": "float", "shape": [None], "default": 0}, "fills no shape of varying length"),
        ({"type": "float", "shape": [0]}, "greater than 0"),
        ({"type": "float", "shape": [2], "batch_axis": 2}, "batch_axis: must be at most 1"),
    ],
)
def test_declarations_that_cannot_be_kept_are_refused(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Feature.model_validate({"name": "a"} | declared)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"prediction": []}, "must name the output"),
        ({"prediction": ["y", "y"]}, "must name each output once"),
        ({"prediction": "y", "batch_axes": {"z": 1}}, "batch_axes: z is no output"),
    ],
)
def test_outputs_that_cannot_be_read_are_refused(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OutputSchema.model_validate(declared)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_labels": None}, "class_labels: must name the classes"),
        ({"output_schema": {}}, "must name the output"),
        ({"input_schema": {"features": []}}, "at least 1 item"),
        ({"input_schema": {"features": [{"name": "a", "type": "int"}] * 2}}, "but repeats a"),
        ({"input_schema": {"features": [{"name": "a", "type": "int", "default": "x"}]}}, "must be an integer, got 'x'"),
        ({"input_schema": {"features": [{"name": "a", "type": "date"}]}}, "'int', 'float', 'str' or 'bool'"),
        ({"created_at": "2026-01-01T00:00:00"}, "timezone"),
        ({"performance_metrics": {"auc": float("nan")}}, "finite number"),
        ({"performance_metrics": {"auc": True}}, "must hold numbers only"),
        ({"feature_pipeline": "steps"}, "should match pattern"),
        ({"feature_pipeline": "recommendation:v1"}, "feature_pipeline: must be another version"),
        ({"max_batch_size": 0}, "greater than 0"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelMetadata.model_validate(changed(**changes))
