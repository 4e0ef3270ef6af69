"""Real tests, replayed as events and analysed: what the golden files hold."""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from analysis import analyse
from bakeoff.demo.impressions import load_impressions
from bakeoff.demo.replay import logged_events, logged_experiment
from bakeoff_core.events.model import Event, EventRequest
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.duckdb_engine import duckdb_over
from tests.support import NOON, counting_ids

PROJECT = Path(__file__).parents[2]
CAMPAIGNS = ("all", "men", "women")
_LINES_A_FILE = 50_000
_DIGITS = 8


def open_bandit(campaign: str) -> dict[str, Any]:
    """Analyse the logged test of one campaign of the Open Bandit sample."""
    new_id, impressions = counting_ids(), load_impressions(PROJECT / "examples")
    requests = (EventRequest.model_validate_json(json.dumps(each)) for each in logged_events(campaign, impressions))
    events = (request.to_event(new_id(NOON), NOON) for request in requests)
    document = logged_experiment(campaign) | {"created_at": NOON, "updated_at": NOON, "status": "running"}
    return analysed(Experiment.model_validate(document), events, NOON)


def landing_page(file: Path) -> dict[str, Any]:
    """Analyse the landing-page test of an online shop, whose rows name the page that a user saw.

    Args:
        file: The published CSV file. A user is in the group whose page it was, so that those who saw a page of the
            other group cross over where they saw their own as well.
    """
    start = datetime(2017, 1, 2, tzinfo=UTC)
    experiment = Experiment.model_validate(
        {
            "name": "landing_page",
            "status": "completed",
            "start_time": start,
            "end_time": start + timedelta(days=23),
            "groups": [{"name": "control", "weight": 0.5}, {"name": "treatment", "weight": 0.5}],
            "metrics": ["purchase_rate"],
            "created_at": start,
            "updated_at": start + timedelta(days=23),
            "ended_at": start + timedelta(days=23),
        }
    )
    pages = {"control": "old_page", "treatment": "new_page"}

    def events() -> Iterator[Event]:
        with gzip.open(file, "rt") as lines:
            for number, row in enumerate(csv.DictReader(lines)):
                if pages[row["group"]] != row["landing_page"]:
                    continue
                at = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
                shared: dict[str, Any] = {"user_id": row["user_id"], "timestamp": at, "received_at": at}
                named = {"experiment_name": "landing_page", "group_name": row["group"]}
                yield Event(event_id=f"e{number}", event_type="assignment", **shared, **named)
                if row["converted"] == "1":
                    yield Event(event_id=f"p{number}", event_type="purchase", **shared)

    return analysed(experiment, events(), start + timedelta(days=23))


def analysed(experiment: Experiment, events: Iterable[Event], now: datetime) -> dict[str, Any]:
    """Send events through a lake, the engine and the analysis."""
    store, lines = InMemoryObjectStore(), [event.to_line() for event in events]
    for first in range(0, len(lines), _LINES_A_FILE):
        body = gzip.compress(b"\n".join(lines[first : first + _LINES_A_FILE]), compresslevel=1)
        store.put(f"events/dt={now:%Y-%m-%d}/hour=00/s-{first:07}-0.ndjson.gz", body, "application/gzip")
    with duckdb_over(store, memory_mb=1_024) as engine:
        return analyse(experiment, engine.summarise(experiment, now), now).to_json()


def golden(name: str) -> Path:
    """Where a replay's golden file is."""
    return Path(__file__).parent / f"{name}.json"


def rounded(value: Any) -> Any:
    """Round the numbers of a document to so many digits as every machine computes alike."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


def write(name: str, document: dict[str, Any]) -> Path:
    """Write a golden file."""
    path = golden(name)
    path.write_text(json.dumps(rounded(document), indent=1, ensure_ascii=False) + "\n")
    return path


def assert_golden(found: Any, expected: Any, where: str = "") -> None:
    """Compare a document with a golden one: names, texts and counts exactly, numbers to seven digits."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), where
        assert list(found) == list(expected), where
        for key, value in expected.items():
            assert_golden(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(found, list), where
        assert len(found) == len(expected), where
        for index, value in enumerate(expected):
            assert_golden(found[index], value, f"{where}[{index}]")
    elif isinstance(expected, float):
        assert isinstance(found, float), where
        assert abs(found - expected) <= max(1e-7 * abs(expected), 1e-10), f"{where}: {found} is not {expected}"
    else:
        assert found == expected, where
