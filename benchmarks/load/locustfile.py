"""What a user does, for Locust: `python -m benchmarks.load` runs it."""

import csv
import json
import os
import uuid
from pathlib import Path
from random import Random
from typing import Any

import gevent
from locust import FastHttpUser, between, events, task
from locust.env import Environment
from locust.stats import PERCENTILES_TO_REPORT, StatsCSV

EXPERIMENT = os.environ.get("LOAD_EXPERIMENT", "recommendation_model_v2")
MODEL = os.environ.get("LOAD_MODEL", "recommendation")
_FIGURES = os.environ.get("LOAD_FIGURES", "load")
_REQUESTS = int(os.environ.get("LOAD_REQUESTS", "0"))
_METADATA = Path(__file__).parents[2] / "examples" / "models" / "recommendation" / "v1" / "metadata.json"
_FEATURES: dict[str, Any] = json.loads(_METADATA.read_text())["probe"]["features"]
_BATCH = 16
_DATATYPES = {int: "INT64", float: "FP32", str: "BYTES"}


class Visitor(FastHttpUser):
    """Somebody new each time: is given a group, has something predicted, and clicks now and then."""

    wait_time = between(0, 0.01)
    connection_timeout = network_timeout = 60.0

    def on_start(self) -> None:
        """Take the key along."""
        self.random = Random()  # noqa: S311 - traffic, no secret
        self.client.client.default_headers = {}
        self.headers = {"X-API-Key": os.environ["BAKEOFF_API_KEY"]}

    @task(10)
    def visit(self) -> None:
        """Come, see what the group's model recommends, and perhaps click."""
        user = str(uuid.uuid4())
        asked = {"user_id": user, "experiment_name": EXPERIMENT}
        self._post("/ab_test/assign", asked)
        self._post("/ab_test/predict", asked | {"features": self._features()})
        if self.random.random() < 0.5:  # noqa: PLR2004 - every other one
            self._post("/ab_test/events", asked | {"event_type": "click"})

    @task(2)
    def predict(self) -> None:
        """Have one row predicted outside experiments."""
        self._post("/predict", {"model_name": MODEL, "data": self._features()})

    @task(1)
    def predict_batch(self) -> None:
        """Have some rows predicted at once."""
        self._post("/batch_predict", {"model_name": MODEL, "data": [self._features() for _ in range(_BATCH)]})

    @task(1)
    def flag(self) -> None:
        """Ask for the experiment as OpenFeature's clients do."""
        path = f"/ofrep/v1/evaluate/flags/{EXPERIMENT}"
        self._post(path, {"context": {"targetingKey": str(uuid.uuid4())}})

    @task(1)
    def infer(self) -> None:
        """Have one row predicted by the Open Inference Protocol."""
        inputs = [
            {"name": name, "shape": [1, 1], "datatype": _DATATYPES[type(value)], "data": [value]}
            for name, value in self._features().items()
        ]
        self._post(f"/v2/models/{MODEL}/infer", {"inputs": inputs})

    def _features(self) -> dict[str, Any]:
        """The features of a row that no cache has seen."""
        return _FEATURES | {"affinity": self.random.random(), "position": self.random.randint(1, 3)}

    def _post(self, path: str, body: dict[str, Any]) -> None:
        self.client.post(path, json=body, headers=self.headers)


@events.init.add_listener
def stop_after_enough(environment: Environment, **_: Any) -> None:
    """End the run once as many requests were made as are wanted."""
    made = 0

    def count(**_: Any) -> None:
        nonlocal made
        made += 1
        if made == _REQUESTS and environment.runner is not None:
            # Not within the user that made the last one: it is ended by this, too.
            gevent.spawn(environment.runner.quit)

    environment.events.request.add_listener(count)


@events.quitting.add_listener
def write_figures(environment: Environment, **_: Any) -> None:
    """Write the figures of the whole run, as Locust itself does second by second."""
    figures = StatsCSV(environment, PERCENTILES_TO_REPORT)
    for kind, write in (("stats", figures.requests_csv), ("failures", figures.failures_csv)):
        with Path(f"{_FIGURES}_{kind}.csv").open("w", newline="") as file:
            write(csv.writer(file))
