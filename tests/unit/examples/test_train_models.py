"""The committed example models against the ones that the training script makes now."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from examples.impressions import load_impressions
from examples.train_models import (
    MODELS,
    NAME,
    RECIPES,
    Recipe,
    Split,
    build_pipeline,
    convert,
    predict_onnx,
    split_impressions,
    train,
    write,
)


@pytest.fixture(scope="module")
def split() -> Split:
    return split_impressions(load_impressions())


def committed(version: str) -> tuple[bytes, dict[str, Any]]:
    folder = MODELS / NAME / version
    return (folder / "model.onnx").read_bytes(), json.loads((folder / "metadata.json").read_text())


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.version)
def test_retraining_gives_the_committed_model(recipe: Recipe, split: Split, tmp_path: Path) -> None:
    trained = train(recipe, split)
    artefact, metadata = committed(recipe.version)
    if trained.metadata["dependencies"] != metadata["dependencies"]:
        pytest.skip(f"the committed model was made with {metadata['dependencies']}")
    # Another processor may round a step of the optimiser differently, so predictions are compared, not bytes.
    np.testing.assert_allclose(
        predict_onnx(trained.artefact, split.held_out_rows), predict_onnx(artefact, split.held_out_rows), atol=1e-3
    )
    assert trained.metadata["input_schema"] == metadata["input_schema"]
    assert trained.metadata["performance_metrics"]["auc"] == pytest.approx(
        metadata["performance_metrics"]["auc"], abs=0.01
    )
    write(trained, tmp_path)
    assert (tmp_path / NAME / recipe.version / "model.onnx").read_bytes() == trained.artefact


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.version)
def test_category_never_seen_counts_as_none(recipe: Recipe, split: Split) -> None:
    artefact, _ = committed(recipe.version)
    row = split.held_out_rows[:1].copy()
    known = predict_onnx(artefact, row)
    row[0, 2] = "never seen"
    unknown = predict_onnx(artefact, row)
    assert unknown.sum() == pytest.approx(1, abs=1e-6)
    assert 0 < unknown[0, 1] < 0.05
    assert known.shape == unknown.shape == (1, 2)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.version)
def test_committed_model_beats_chance_on_held_out_clicks(recipe: Recipe) -> None:
    artefact, metadata = committed(recipe.version)
    assert 0.54 < metadata["performance_metrics"]["auc"] < 0.60
    assert len(artefact) < 300_000


def test_converted_file_does_not_depend_on_the_hash_seed(split: Split) -> None:
    artefact, _ = committed("v1")
    domains = [operator_set.domain for operator_set in onnx.load_from_string(artefact).opset_import]
    assert domains == sorted(domains)
    pipeline = build_pipeline(RECIPES[0]).fit(split.train_rows, split.train_clicks)
    converted = onnx.load_from_string(convert(pipeline, "test")).opset_import
    assert [operator_set.domain for operator_set in converted] == ["", "ai.onnx.ml"]
