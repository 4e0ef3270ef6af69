"""What is recorded, and that recording never fails a prediction."""

from collections.abc import Callable
from typing import Any

import pytest

from experiment_serving import ExperimentAnswer


def answer_of(house: Any, features: dict[str, Any]) -> Any:
    return house.server.predict("recommendation", "v2", features, "data")


@pytest.mark.parametrize(("draw", "recorded"), [(0.09, 1), (0.1, 0)])
def test_predictions_outside_experiments_are_sampled(
    make_house: Callable[..., Any], features: dict[str, Any], draw: float, recorded: int
) -> None:
    house = make_house(sample_rate=0.1, draws=lambda: draw)
    house.publish("v2")
    house.log.single(answer_of(house, features), lambda: features, "r-1")
    assert len(house.stream.events) == recorded


def test_event_holds_model_features_output_and_latency(
    make_house: Callable[..., Any], features: dict[str, Any]
) -> None:
    house = make_house(sample_rate=1.0)
    house.publish("v2")
    answer = answer_of(house, features)
    house.log.single(answer, lambda: features, "r-1")
    (event,) = house.stream.events
    assert (event.event_type, event.model_name, event.model_version) == ("prediction", "recommendation", "v2")
    assert event.user_id is None
    assert event.metadata == {
        "request_id": "r-1",
        "features": features,
        "prediction": 0,
        "probabilities": answer.prediction.probabilities,
        "latency_ms": answer.latency_ms,
    }


def test_batch_records_its_drawn_good_rows(make_house: Callable[..., Any], features: dict[str, Any]) -> None:
    draws = iter([0.0, 0.9, 0.0])
    house = make_house(sample_rate=0.5, draws=lambda: next(draws))
    house.publish("v2")
    rows = [features | {"position": 1}, {}, features | {"position": 2}, features | {"position": 3}]
    house.log.batch(house.server.predict_batch("recommendation", "v2", rows, "data"), rows, "r-1")
    assert [event.metadata["features"]["position"] for event in house.stream.events] == [1, 3]


def test_exposure_and_prediction_go_in_one_call(house: Any, features: dict[str, Any]) -> None:
    calls: list[list[str]] = []
    put = house.stream.put

    def note_and_put(events: Any) -> Any:
        calls.append([event.event_type for event in events])
        return put(events)

    house.stream.put = note_and_put
    groups = [{"name": name, "weight": 1, "model_name": "recommendation"} for name in ("control", "treatment")]
    house.experiment(*groups)
    assignment = house.assigner.assign("ranking", "user-1", {})
    chosen = ExperimentAnswer(answer_of(house, features), fallback=True)
    house.log.in_experiment(chosen, features, "r-1", assignment, {"country": "JP"})
    assert calls == [["exposure", "prediction"]]
    exposure, prediction = house.stream.events
    assert exposure.metadata["context"] == {"country": "JP"}
    for event in (exposure, prediction):
        assert (event.user_id, event.experiment_name, event.group_name, event.config_version, event.propensity) == (
            "user-1",
            "ranking",
            assignment.group.name,
            1,
            0.5,
        )
    assert prediction.metadata["fallback"] is True


def test_refused_events_go_to_the_fallback_queue(house: Any, features: dict[str, Any]) -> None:
    house.stream.put = list
    groups = [{"name": name, "weight": 1, "model_name": "recommendation"} for name in ("control", "treatment")]
    house.experiment(*groups)
    assignment = house.assigner.assign("ranking", "user-1", {})
    chosen = ExperimentAnswer(answer_of(house, features), fallback=False)
    house.log.in_experiment(chosen, features, "r-1", assignment, {})
    assert [event.event_type for event in house.fallback_queue.events] == ["exposure", "prediction"]


def test_recording_that_breaks_is_only_logged(make_house: Callable[..., Any], features: dict[str, Any]) -> None:
    house = make_house(sample_rate=1.0)
    house.publish("v2")

    def fail(_events: object) -> list[Any]:
        raise RuntimeError("stream client broke")

    house.stream.put = fail
    house.log.single(answer_of(house, features), lambda: features, "r-1")
    assert house.stream.events == []


@pytest.mark.parametrize(
    ("features", "left_out"),
    [
        ({"x": [0.5] * 1_000}, None),
        ({"x": [0.25] * 20_000}, ["features"]),
        ({"x": "y" * 70_000}, ["features"]),
        ([1.5] * 20_000, ["features"]),
        ({f"f{n}": "some text of a certain length" for n in range(3_000)}, ["features"]),
        ({"x": [[["y" * 100] * 30] * 30]}, ["features"]),
    ],
)
def test_what_the_stream_cannot_carry_is_left_out_and_named(
    make_house: Callable[..., Any], features: Any, left_out: list[str] | None
) -> None:
    house = make_house(sample_rate=1.0)
    house.publish("v2")
    probe = house.registry.get("recommendation", "v2").metadata["probe"]["features"]
    house.log.single(answer_of(house, probe), lambda: features, "r-1")
    (event,) = house.stream.events
    assert event.metadata.get("left_out") == left_out
    assert event.metadata["features"] == (None if left_out else features)
    assert len(event.model_dump_json()) < 200_000
