"""What an assignment costs: the decision beside GrowthBook's SDK, and the entry point beside a route that does nothing.

GrowthBook's SDK evaluates the same experiment: 50/50 by the hash of an attribute, for users whose country is one of two
and whose version is at least 3. Both have the configuration in memory. The entry point answers an event of API Gateway,
with logs and metrics on and the exposure handed to a stream in memory; beside it a Powertools resolver returns a
constant, with the same logging.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.environment import become, output_aside

become("assign", "assign")

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver  # noqa: E402 - importable from here on
from growthbook import GrowthBook  # noqa: E402

from assign import Services, build_api  # noqa: E402
from bakeoff_core.assignment.assigner import Assigner, decide  # noqa: E402
from bakeoff_core.clock import utc_now  # noqa: E402
from bakeoff_core.events.model import Event  # noqa: E402
from bakeoff_core.events.recorder import EventRecorder  # noqa: E402
from bakeoff_core.experiments.model import Experiment  # noqa: E402
from bakeoff_core.stores.experiments import Audit, CachedExperiments, InMemoryExperimentStore  # noqa: E402
from bakeoff_core.telemetry import logger  # noqa: E402
from benchmarks.http_events import Context, request  # noqa: E402
from benchmarks.report import Row, at_least, at_most, main  # noqa: E402
from benchmarks.side_by_side import ratio, time_in_turns  # noqa: E402

TITLE = "Assignment"

NOW = datetime(2026, 1, 5, tzinfo=UTC)
CONDITION = {"country": {"$in": ["DE", "AT"]}, "version": {"$gte": 3}}
CONTEXT = {"country": "DE", "version": 4}
EXPERIMENT = Experiment.model_validate(
    {
        "name": "checkout",
        "groups": [{"name": "a", "weight": 0.5}, {"name": "b", "weight": 0.5}],
        "targeting": CONDITION,
        "metrics": ["click_rate"],
        "status": "running",
        "created_at": NOW,
        "updated_at": NOW,
    }
)


class Forgetful:
    """A stream that takes everything and keeps nothing."""

    def put(self, _events: Sequence[Event]) -> list[Event]:
        """Take events."""
        return []


def decision() -> Callable[[int], object]:
    """Decide about one user after the other."""
    return lambda number: decide(EXPERIMENT, f"user-{number}", CONTEXT, NOW)


def growthbook() -> Callable[[int], object]:
    """Evaluate the experiment with one client whose attributes are set for each user."""
    rule = {"key": "checkout", "variations": ["a", "b"], "weights": [0.5, 0.5], "coverage": 1, "hashAttribute": "id"}
    features = {"checkout": {"defaultValue": "a", "rules": [{**rule, "condition": CONDITION}]}}
    client = GrowthBook(features=features)

    def evaluate(number: int) -> object:
        client.set_attributes({"id": f"user-{number}", **CONTEXT})
        return client.eval_feature("checkout").value

    return evaluate


def entry_point() -> Callable[[int], Any]:
    """Answer requests as the function does."""
    store = InMemoryExperimentStore()
    store.put(EXPERIMENT, Audit("benchmark", "create", NOW))
    experiments = CachedExperiments(store, 3_600, utc_now, lambda _name: None)
    recorder = EventRecorder(Forgetful(), Forgetful(), utc_now)
    api = build_api(Services(Assigner(experiments, utc_now), recorder, lambda: ["checkout"]))
    return _answering(lambda event, _context: api.resolve(event))


def constant() -> Callable[[int], Any]:
    """Answer requests with a constant."""
    resolver = APIGatewayHttpResolver()

    @resolver.post("/ab_test/assign")
    def assign() -> dict[str, object]:
        return {"group_name": "a"}

    return _answering(resolver.resolve)


def _answering(resolve: Callable[[Any, Any], dict[str, Any]]) -> Callable[[int], Any]:
    context = Context()

    @logger.inject_lambda_context
    def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
        return resolve(event, context)

    def answer(number: int) -> Any:
        body = {"user_id": f"user-{number}", "experiment_name": "checkout", "context": CONTEXT}
        return handler(request("/ab_test/assign", body, f"request-{number}"), context)

    return answer


WAYS = {"decision": decision, "growthbook": growthbook, "entry point": entry_point, "constant": constant}
"""What can be profiled."""


def run() -> Sequence[Row]:
    """Measure."""
    decided = time_in_turns({"bakeoff": decision(), "growthbook": growthbook()}, calls=2_000)
    with output_aside():
        entry = time_in_turns({"bakeoff": entry_point(), "constant": constant()}, calls=200)
    return [
        at_least(
            "GrowthBook SDK over the decision",
            ratio(decided, "growthbook", "bakeoff"),
            10,
            f"{decided['growthbook'].microseconds:.1f} µs over {decided['bakeoff'].microseconds:.2f} µs",
        ),
        at_most(
            "entry point over a constant answer",
            ratio(entry, "bakeoff", "constant"),
            3,
            f"{entry['bakeoff'].microseconds:.0f} µs over {entry['constant'].microseconds:.0f} µs",
        ),
    ]


if __name__ == "__main__":
    main(TITLE, run)
