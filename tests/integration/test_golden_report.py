"""The reports of a real test, replayed from the Open Bandit sample, are what they were.

After a change that is meant to change them: BAKEOFF_WRITE_GOLDEN=1 pytest tests/integration/test_golden_report.py, and
read the difference before it is committed.
"""

import gzip
import json
import os
from typing import Any

import pytest

from analysis import analyse
from bakeoff.demo.impressions import load_impressions
from bakeoff.demo.replay import logged_events, logged_experiment
from bakeoff_core.events.model import EventRequest
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.duckdb_engine import duckdb_over
from rendering.documents import to_html, to_json, to_markdown
from rendering.kinds import KINDS, Kind
from results import Results
from tests.conftest import PROJECT_ROOT
from tests.support import NOON, counting_ids
from tests.unit.analyze.rendering.reading import html_tables, markdown_tables, numbers

GOLDEN = PROJECT_ROOT / "tests" / "fixtures" / "reports"


@pytest.fixture(scope="module")
def results() -> Results:
    new_id = counting_ids()
    logged = logged_events("men", load_impressions(PROJECT_ROOT / "examples"))
    requests = (EventRequest.model_validate_json(json.dumps(each)) for each in logged)
    lines = [request.to_event(new_id(NOON), NOON).to_line() for request in requests]
    store = InMemoryObjectStore()
    store.put("events/dt=2026-03-01/hour=12/s-1-2.ndjson.gz", gzip.compress(b"\n".join(lines)), "application/gzip")
    document: dict[str, Any] = logged_experiment("men") | {"created_at": NOON, "updated_at": NOON}
    experiment = Experiment.model_validate(document | {"status": "running"})
    with duckdb_over(store, memory_mb=512) as engine:
        return analyse(experiment, engine.summarise(experiment), NOON)


def alike(found: Any, right: Any, path: str = "") -> None:
    """Compare JSON, numbers to nine digits: libraries of another release may differ in the last ones."""
    match found, right:
        case dict(), dict():
            assert list(found) == list(right), path
            for name, value in found.items():
                alike(value, right[name], f"{path}.{name}")
        case list(), list():
            assert len(found) == len(right), path
            for at, value in enumerate(found):
                alike(value, right[at], f"{path}[{at}]")
        case float(), float():
            assert found == pytest.approx(right, rel=1e-9, abs=1e-12), path
        case _:
            assert found == right, path


@pytest.mark.parametrize("kind", KINDS)
def test_the_json_is_what_it_was(results: Results, kind: Kind) -> None:
    document, golden = to_json(results, kind), GOLDEN / f"open_bandit_men.{kind}.json"
    if os.environ.get("BAKEOFF_WRITE_GOLDEN"):
        golden.write_text(document)
    alike(json.loads(document), json.loads(golden.read_text()))


def test_the_golden_figures_are_those_of_the_log() -> None:
    document = json.loads((GOLDEN / "open_bandit_men.executive.json").read_text())
    (outcome,) = document["outcomes"]
    assert document["users"] == {"random": 10_000, "bts": 10_000}
    assert (outcome["control"], outcome["treatment"]) == (46 / 10_000, 69 / 10_000)
    assert round(outcome["p_value"], 4) == 0.0315
    assert (document["headline"], outcome["movement"]) == ("Implement bts", "better")


@pytest.mark.parametrize("kind", KINDS)
def test_markdown_and_html_carry_the_same_numbers(results: Results, kind: Kind) -> None:
    markdown, html = markdown_tables(to_markdown(results, kind)), html_tables(to_html(results, kind))
    assert markdown == html
    golden = json.loads((GOLDEN / "open_bandit_men.technical.json").read_text())
    for name, *cells in markdown["click_rate by group"][1:]:
        value = golden["groups"][name.removesuffix(" (control)")]["metrics"]["click_rate"]
        found = [number for cell in cells for number in numbers(cell)]
        right = [value["n"], value["conversions"], value["rate"], *value["interval"]]
        assert len(found) == len(right)
        for (number, accuracy), expected in zip(found, right, strict=True):
            assert number == pytest.approx(expected, abs=accuracy)
