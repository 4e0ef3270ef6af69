"""What a prediction costs: the entry point beside the floor, which is to parse, fill the tensor, run and dump.

A linear ONNX model of 100 features, named or in order. The entry point answers an event of API Gateway, with logs and
metrics on.
"""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from benchmarks.environment import become, output_aside

become("predict", "predict")

import numpy as np  # noqa: E402 - importable from here on
import onnxruntime  # noqa: E402

from bakeoff.publishing import publish  # noqa: E402
from bakeoff_core.assignment.assigner import Assigner  # noqa: E402
from bakeoff_core.clock import utc_now  # noqa: E402
from bakeoff_core.events.recorder import EventRecorder  # noqa: E402
from bakeoff_core.settings import Settings  # noqa: E402
from bakeoff_core.stores.experiments import InMemoryExperimentStore  # noqa: E402
from bakeoff_core.stores.models import InMemoryModelRegistry  # noqa: E402
from bakeoff_core.stores.objects import InMemoryObjectStore  # noqa: E402
from bakeoff_core.stores.streams import InMemoryEventSink  # noqa: E402
from bakeoff_core.telemetry import naming_invocations  # noqa: E402
from benchmarks.http_events import Context, request  # noqa: E402
from benchmarks.linear_model import FEATURES, NAMES, linear_model, metadata  # noqa: E402
from benchmarks.report import Row, at_most, main  # noqa: E402
from benchmarks.side_by_side import ratio, time_in_turns  # noqa: E402
from deployment import deployed_deadline, deployed_server, deployed_shadows  # noqa: E402
from model_administration import ModelAdministration  # noqa: E402
from predict import Services, build_api  # noqa: E402
from prediction_log import PredictionLog  # noqa: E402

TITLE = "Prediction"
BATCH = 256

T = TypeVar("T")


def entry_point(artefact: bytes, weights: Sequence[float]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Answer requests as the function does."""
    registry, objects, experiments = InMemoryModelRegistry(), InMemoryObjectStore(), InMemoryExperimentStore()
    publish("linear", "v1", artefact, metadata(weights), registry=registry, objects=objects, clock=utc_now)
    settings = Settings.from_environment({})
    deadline = deployed_deadline()
    server = deployed_server(settings, registry, objects, deadline)
    recorder = EventRecorder(InMemoryEventSink(), InMemoryEventSink(), utc_now)
    api = build_api(
        Services(
            server=server,
            administration=ModelAdministration(registry, server, experiments, utc_now),
            assigner=Assigner(experiments, utc_now),
            shadows=deployed_shadows(settings, deadline),
            deadline=deadline,
            log=PredictionLog(recorder, 0.0, lambda: 0.5),
            clock=utc_now,
        )
    )
    context: Any = Context()

    @naming_invocations
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        deadline.start(context)
        return api.resolve(event)

    return lambda event: handler(event, context)


def floor_of(artefact: bytes) -> Callable[[str], str]:
    """Parse, fill the tensor, run and dump, and nothing else."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(artefact, options, providers=["CPUExecutionProvider"])

    def answer(body: str) -> str:
        data = json.loads(body)["data"]
        rows = data if isinstance(data[0], list) else [data]
        (predictions,) = session.run(["y"], {"x": np.array(rows, dtype=np.float32)})
        return json.dumps({"prediction": predictions.tolist()})

    return answer


def _events(random: Random, rows: int) -> dict[str, dict[str, Any]]:
    values = [[random.uniform(-1, 1) for _ in range(FEATURES)] for _ in range(rows)]
    named = [dict(zip(NAMES, row, strict=True)) for row in values]
    path = "/predict" if rows == 1 else "/batch_predict"
    return {
        kind: request(path, {"model_name": "linear", "model_version": "v1", "data": data[0] if rows == 1 else data})
        for kind, data in (("in order", values), ("named", named))
    }


def _again(answer: Callable[[T], object], question: T) -> Callable[[int], object]:
    return lambda _number: answer(question)


def _profiled(kind: str, rows: int) -> Callable[[], Callable[[int], object]]:
    def make() -> Callable[[int], object]:
        random = Random(0)  # noqa: S311 - numbers to multiply
        return _again(entry_point(*linear_model(random)), _events(random, rows)[kind])

    return make


WAYS = {
    "one row": _profiled("in order", 1),
    "one named row": _profiled("named", 1),
    "rows": _profiled("in order", BATCH),
    "named rows": _profiled("named", BATCH),
}
"""What can be profiled."""


def run() -> Sequence[Row]:
    """Measure."""
    random = Random(0)  # noqa: S311 - numbers to multiply
    artefact, weights = linear_model(random)
    handle, floor = entry_point(artefact, weights), floor_of(artefact)
    rows: list[Row] = []
    for size, limit, calls in ((1, 2.5, 200), (BATCH, 1.3, 10)):
        events = _events(random, size)
        body = str(events["in order"]["body"])
        with output_aside():
            if handle(events["in order"])["statusCode"] != 200 or handle(events["named"])["statusCode"] != 200:  # noqa: PLR2004
                raise RuntimeError("the entry point does not predict")
            timings = time_in_turns(
                {
                    "floor": _again(floor, body),
                    **{kind: _again(handle, event) for kind, event in events.items()},
                },
                calls=calls,
            )
        times = {name: timing.microseconds for name, timing in timings.items()}
        what = "one row" if size == 1 else f"{size} rows"
        rows += [
            at_most(
                f"entry point over the floor, {what}",
                ratio(timings, "in order", "floor"),
                limit,
                f"{times['in order']:.0f} µs over {times['floor']:.0f} µs",
            ),
            at_most(
                f"named over ordered features, {what}",
                ratio(timings, "named", "in order"),
                1.5,
                f"{times['named']:.0f} µs over {times['in order']:.0f} µs",
            ),
        ]
    return rows


if __name__ == "__main__":
    main(TITLE, run)
