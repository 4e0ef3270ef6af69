"""The three documents of a report."""

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from analysis import analyse
from bakeoff_core.experiments.model import Experiment
from engine.summary import DataQuality, GroupSummary, Statistics, Summary
from rendering.documents import to_html, to_json, to_markdown
from results import Results
from stats.means import Moments
from stats.proportions import Proportion

START = datetime(2026, 1, 10, tzinfo=UTC)


def results(description: str = "A shorter checkout.", **changes: Any) -> Results:
    experiment = Experiment.model_validate(
        {
            "name": "checkout",
            "description": description,
            "hypotheses": ["More users buy.", "They buy <more>."],
            "start_time": START,
            "end_time": START + timedelta(days=7),
            "status": "completed",
            "analysis": {"inference": "fixed_horizon"},
            "ended_at": START + timedelta(days=7),
            "groups": [{"name": "control", "weight": 1}, {"name": "short", "weight": 1}],
            "metrics": ["purchase_rate", "revenue"],
            "created_at": START,
            "updated_at": START,
        }
        | changes
    )
    groups: dict[str, dict[str, Statistics]] = {
        "control": {"purchase_rate": Proportion(1_000, 10_000), "revenue": Moments(10_000, 41_000.0, 2.5e6)},
        "short": {"purchase_rate": Proportion(1_210, 10_050), "revenue": Moments(10_050, 47_000.0, 2.9e6)},
    }
    quality = DataQuality(duplicate_events=3, unreadable_objects=("events/dt=2026-01-11/hour=00/x.ndjson.gz",))
    summary = Summary({name: GroupSummary(each["revenue"].n, each) for name, each in groups.items()}, 12, quality)
    return analyse(experiment, summary, START + timedelta(days=8, hours=3, minutes=5))


def test_json_is_the_results() -> None:
    assert json.loads(to_json(results())) == results().to_json()


def test_markdown_begins_with_the_decision() -> None:
    lines = to_markdown(results()).splitlines()
    assert lines[0] == "# checkout: Implement short"
    assert lines[2] == "- **Tested:** control against short on purchase\\_rate, with 20,050 users."
    assert lines[3].startswith("- **Decision:** Implement short. short is better than the control")
    assert lines[4] == (
        "- **How much:** purchase\\_rate is 12.04% in short and 10.00% in the control: +2.04 points, or +20.40%."
    )
    assert lines[5].startswith("- **How sure:** 95% interval +1.17 to +2.91 points; p \\< 0.0001, Holm-adjusted")
    assert lines[6] == "- **Next:** Roll out short."


def test_markdown_has_a_table_a_metric_and_the_quality() -> None:
    text = to_markdown(results())
    assert "| short | 10,050 | 1,210 | 12.04% | 11.42% to 12.69% |" in text
    assert "| control | 10,000 | 41,000 | 4.100 | 3.790 to 4.410 |" in text
    assert "- Repeated arrivals of an event, counted once: 3" in text
    assert "- Unreadable object: events/dt=2026-01-11/hour=00/x.ndjson.gz" in text
    assert "two-proportion z, pooled; Newcombe interval" in text
    assert "Welch t; t interval" in text
    assert not re.search(r"\bp 0\.0000\b|\| 0\.0000 \|", text)


class Elements(HTMLParser):
    """Collects start tags and checks that all are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "line", "circle"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_well_formed_and_asks_for_nothing() -> None:
    text = to_html(results())
    elements = Elements()
    elements.feed(text)
    assert elements.open == []
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in elements.found}
    assert not re.search(r"https?://|url\(|@import", text)
    charts = [attributes["aria-label"] for tag, attributes in elements.found if tag == "svg"]
    assert len(charts) == 4
    assert charts[1] == (
        "purchase_rate: difference from control, 95% intervals. short: +2.04 points (+1.17 to +2.91 points)."
    )


def test_while_it_runs_the_effects_are_drawn_with_always_valid_intervals() -> None:
    running = results(status="running", analysis={})
    always = running.comparisons["short"]["purchase_rate"].always_valid
    assert always is not None
    low, high = (f"{100 * bound:+.2f}" for bound in always.interval)
    assert f"always-valid 95% intervals. short: +2.04 points ({low} to {high} points)." in to_html(running)
    assert f"**How sure:** 95% interval {low} to {high} points; p" in to_markdown(running)


def test_html_shows_what_was_tested_decided_and_found() -> None:
    text = to_html(results())
    assert '<strong class="headline">Implement short</strong>' in text
    assert "<p>A shorter checkout.</p>" in text
    assert "<td>1,210</td><td>12.04%</td><td>11.42% to 12.69%</td>" in text
    assert "computed 2026-01-18 03:05 UTC" in text


def test_what_people_wrote_stays_text() -> None:
    attack = "<script>alert(1)</script> **bold** | [link](x)\n# heading"
    assert "<script>" not in to_html(results(attack))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in to_html(results(attack))
    assert "They buy &lt;more&gt;." in to_html(results())
    markdown = to_markdown(results(attack))
    assert "\\<script\\>alert(1)\\</script\\> \\*\\*bold\\*\\* \\| \\[link\\](x) \\# heading" in markdown


def test_a_control_of_another_name_is_marked() -> None:
    groups = [{"name": "short", "weight": 1}, {"name": "control", "weight": 1}]
    assert (
        to_markdown(results(groups=groups)).splitlines()[2].startswith("- **Tested:** short (control) against control")
    )


def test_an_empty_experiment_still_makes_a_report() -> None:
    experiment = Experiment.model_validate(
        {"name": "new", "groups": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}], "metrics": ["x_rate", "y"]}
        | {"created_at": START, "updated_at": START}
    )
    nothing: dict[str, Statistics] = {"x_rate": Proportion(0, 0), "y": Moments(0, 0.0, 0.0)}
    empty = analyse(experiment, Summary({"a": GroupSummary(0, nothing), "b": GroupSummary(0, nothing)}), START)
    assert to_markdown(empty).startswith("# new: No data yet\n")
    assert "<svg" not in to_html(empty)
    assert "b: a group has no units." in to_markdown(empty)


@pytest.mark.parametrize("write", [to_json, to_markdown, to_html])
def test_the_same_results_make_the_same_document(write: Any) -> None:
    assert write(results()) == write(results())
