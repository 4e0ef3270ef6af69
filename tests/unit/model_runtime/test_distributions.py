from typing import Any

import pytest
from pydantic import ValidationError

from model_runtime.distributions import TrainingSample


def sample(**changes: Any) -> dict[str, Any]:
    return {
        "rows": 3,
        "features": {
            "age": {"kind": "number", "cuts": [1, 2.5], "counts": [1, 1, 1]} | changes,
            "city": {"kind": "text", "texts": ["Graz"], "counts": [2, 1]},
        },
        "scores": {"probability": {"kind": "number", "cuts": [], "counts": [3]}},
    }


def test_reads_histograms_and_frequencies() -> None:
    assert TrainingSample.model_validate(sample()).model_dump(mode="json") == sample()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cuts": [2.5, 1]}, "cuts must rise"),
        ({"cuts": [1, 1]}, "cuts must rise"),
        ({"counts": [1, 2]}, "one count more than there are cuts"),
        ({"kind": "text", "texts": ["a"], "cuts": []}, "Extra inputs"),
    ],
)
def test_refuses_counts_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainingSample.model_validate(sample(**changes))


@pytest.mark.parametrize(
    ("texts", "message"), [(["a", "a"], "texts must differ"), (["a", "b"], "one count more than there are texts")]
)
def test_refuses_texts_that_do_not_fit(texts: list[str], message: str) -> None:
    document = {"rows": 1, "features": {"city": {"kind": "text", "texts": texts, "counts": [1, 1]}}}
    if texts == ["a", "a"]:
        document["features"]["city"]["counts"] = [1, 1, 1]  # type: ignore[index]
    with pytest.raises(ValidationError, match=message):
        TrainingSample.model_validate(document)
