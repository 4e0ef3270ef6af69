"""The documents of a report."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from analysis import analyse
from bakeoff_core.experiments.model import Experiment
from engine.summary import DataQuality, GroupSummary, Statistics, Summary
from rendering.documents import in_words, to_html, to_json, to_markdown
from rendering.kinds import KINDS, Kind
from results import Detectable, Results
from stats.means import Moments
from stats.proportions import Proportion
from tests.unit.analyze.rendering.samples import full_results

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
    assert lines[6] == "- **Next:** Roll out short. Name a guardrail in the next experiment."


def test_the_technical_report_says_what_the_users_so_far_can_show() -> None:
    document = to_markdown(
        results().model_copy(
            update={
                "detectable": {
                    "short": Detectable(effect=0.0123, relative=0.123, power=0.64),
                    "long": Detectable(reason="the values do not vary"),
                }
            }
        ),
        "technical",
    )
    assert (
        "- **Shown by short:** with its users so far, a difference of 1.23 points (12.30% of the control's value) or "
        "more is found with the power above, and the smallest effect named above with 64.00%."
    ) in document
    assert "- **Shown by long:** cannot be told: the values do not vary." in document


def test_markdown_has_a_table_a_metric_and_the_quality() -> None:
    text = to_markdown(results())
    assert "| short | 10,050 | 1,210 | 12.04% | 11.42% to 12.69% |" in text
    assert "| control | 10,000 | 41,000 | 4.100 | 3.790 to 4.410 |" in text
    assert "| Duplicates: repeated arrivals of an event, counted once | 3 |" in text
    assert "1. events/dt=2026-01-11/hour=00/x.ndjson.gz" in text
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
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("kind", KINDS)
def test_html_is_well_formed_and_names_no_other_file(kind: Kind) -> None:
    elements = Elements()
    elements.feed(to_html(full_results(), kind))
    assert elements.open == []
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in elements.found}
    addresses = {value for _, each in elements.found for name, value in each.items() if name in ("src", "href")}
    assert all(address is not None and address.startswith("#") for address in addresses)


@pytest.mark.parametrize("kind", KINDS)
def test_headings_go_down_by_one_step_and_sections_have_names(kind: Kind) -> None:
    elements = Elements()
    elements.feed(to_html(full_results(), kind))
    levels = [int(tag[1]) for tag, _ in elements.found if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    ids = [each["id"] for _, each in elements.found if "id" in each]
    assert len(ids) == len(set(ids))
    labelled = [each for tag, each in elements.found if tag == "section"]
    assert all(each.get("aria-label") or each["aria-labelledby"] in ids for each in labelled)


@pytest.mark.parametrize("kind", KINDS)
def test_every_chart_has_a_text_and_a_table_beside_it(kind: Kind) -> None:
    text = to_html(full_results(), kind)
    figures = re.findall(r"<figure>.*?</figure>", text, re.DOTALL)
    charts = in_words(full_results(), kind).charts
    assert len(figures) == len(charts) >= 3
    for chart, figure in zip(charts, figures, strict=True):
        assert f"{chart.title}. {chart.finding}" in unescape(figure)
        assert figure.count("<table>") == 1
        assert figure.count("<tr>") == 1 + len(chart.table.rows) > 1
        assert '<th scope="col"' in figure
        assert '<th scope="row"' in figure


def test_while_it_runs_the_effects_are_drawn_with_always_valid_intervals() -> None:
    running = results(status="running", analysis={})
    always = running.comparisons["short"]["purchase_rate"].always_valid
    assert always is not None
    low, high = (f"{100 * bound:+.2f}" for bound in always.interval)
    drawn = f"with always-valid 95% intervals. short: +2.04 points ({low} to {high} points), which lies above zero."
    assert drawn in to_html(running)
    assert f"**How sure:** 95% interval {low} to {high} points; p" in to_markdown(running)


def test_html_shows_what_was_tested_decided_and_found() -> None:
    text = to_html(results())
    assert '<p class="headline">Implement short</p>' in text
    assert "<p>A shorter checkout.</p>" in text
    assert '<td class="number">1,210</td><td class="number">12.04%</td>' in text
    assert "computed 18 Jan 2026, 03:05 UTC" in text


@pytest.mark.parametrize("kind", ["executive", "dashboard"])
def test_the_first_lines_are_what_one_wants_to_know_first(kind: Kind) -> None:
    labels = [fact.label for fact in in_words(results(), kind).summary]
    if kind == "executive":
        assert labels == ["Tested", "Decision", "How much", "How sure", "Next"]
    else:
        assert labels == ["Status", "Users", "Last exposure", "Alerts", "Plan", "Decision", "Next"]


def test_the_executive_report_follows_the_group_of_the_decision_alone() -> None:
    titles = [chart.title for chart in in_words(full_results(), "executive").charts]
    assert [title for title in titles if "day by day" in title] == [
        "purchase_rate: effect of short day by day, with always-valid 95% intervals and the boundary of a decision"
    ]


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
    for kind in KINDS:
        assert "<figure>" not in to_html(empty, kind)
        assert "<script" not in to_html(empty, kind)
        assert "script-src &#39;none&#39;" in to_html(empty, kind)
    assert "b: a group has no units." in to_markdown(empty)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("write", [to_json, to_markdown, to_html])
def test_the_same_results_make_the_same_document(write: Any, kind: Kind) -> None:
    assert write(full_results(), kind) == write(full_results(), kind)
