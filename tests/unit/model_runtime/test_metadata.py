"""Metadata that contradict themselves are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from model_runtime.metadata import ModelMetadata

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
        ({"feature_pipeline": "steps"}, "Extra inputs are not permitted"),
        ({"max_batch_size": 0}, "greater than 0"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelMetadata.model_validate(changed(**changes))
