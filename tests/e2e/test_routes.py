"""Routes that need no experiment to run, and an experiment's life from draft to archive."""

import httpx
import pytest

from bakeoff.standin.standin import Standin


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "application/json"),
        ("/health", "application/json"),
        ("/models", "application/json"),
        ("/ab_test/experiments", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
        ("/openapi.json", "application/json"),
    ],
)
def test_reading_works_and_is_marked(started: Standin, http: httpx.Client, path: str, content_type: str) -> None:
    answer = http.get(path, headers={"X-Request-ID": "mine"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == content_type
    assert answer.headers["x-request-id"] == "mine"
    assert 0 <= float(answer.headers["x-process-time"]) < 60


def test_every_answer_has_an_id_of_its_own(started: Standin, http: httpx.Client) -> None:
    first, second = (http.get("/health").headers["x-request-id"] for _ in range(2))
    assert first != second


def test_an_experiment_lives_from_draft_to_archive(started: Standin, http: httpx.Client) -> None:
    path = "/ab_test/experiments/a_life"
    groups = [{"name": "a", "weight": 1}, {"name": "b", "weight": 3}]
    created = http.post("/ab_test/experiments", json={"name": "a_life", "groups": groups})
    assert (created.status_code, created.json()["status"]) == (201, "draft")
    changed = http.put(path, json=created.json() | {"description": "changed"})
    assert (changed.status_code, changed.json()["description"]) == (200, "changed")
    stale = http.put(path, json=created.json() | {"description": "too late"})
    assert stale.status_code == 409
    for action, status in (("start", "running"), ("pause", "paused"), ("resume", "running"), ("complete", "completed")):
        moved = http.post(f"{path}/{action}")
        assert (moved.status_code, moved.json()["status"]) == (200, status)
    assert http.delete(path).status_code == 200
    assert "a_life" not in [experiment["name"] for experiment in http.get("/ab_test/experiments").json()]


def test_a_running_pure_assignment_answers_with_its_propensity(started: Standin, http: httpx.Client) -> None:
    body = {"experiment_name": "recommendation_model_v2", "user_id": "user-1", "context": {"country": "DE"}}
    first, second = (http.post("/ab_test/assign", json=body | {"context": {"n": n}}).json() for n in range(2))
    assert first == second
    assert first["assigned"] is True
    assert first["propensity"] == {"control": 0.5, "treatment_v2": 0.3, "treatment_v3": 0.2}[first["group_name"]]
    assert first["model_name"] == "recommendation"
