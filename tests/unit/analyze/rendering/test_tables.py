"""The tables of a report: what each says, and that none stands empty."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analysis import analyse
from bakeoff_core.experiments.model import Experiment
from engine.summary import Day, GroupSummary, Statistics, Summary
from rendering.blocks import Prose, Section, Table
from rendering.documents import to_html, to_markdown
from rendering.metrics import metric_section
from rendering.technical import technical_report
from results import Results
from stats.paired import PairedMoments
from stats.proportions import Proportion
from stats.quantiles import QuantileStatistic

START = datetime(2026, 1, 5, tzinfo=UTC)
NOW = START + timedelta(days=10)
CLICK = {"name": "click_rate", "kind": "conversion", "event_type": "click"}
SPEND = {"name": "spend", "kind": "mean", "event_type": "spend", "covariate": {}, "winsorize": {"quantile": 0.99}}


def experiment(*metrics: dict[str, Any], **changes: Any) -> Experiment:
    document: dict[str, Any] = {
        "name": "checkout",
        "start_time": START,
        "end_time": START + timedelta(days=20),
        "status": "running",
        "groups": [{"name": "control", "weight": 1}, {"name": "short", "weight": 1}],
        "metrics": list(metrics),
        "created_at": START,
        "updated_at": START,
    }
    return Experiment.model_validate(document | changes)


def group(clicks: int, segments: dict[str, int], by_day: list[int], values: list[tuple[float, float]]) -> GroupSummary:
    spend = PairedMoments.of(values)
    cohorts: dict[date, Statistics] = {
        date(2026, 1, 5) + timedelta(days=day): Proportion(count, 2_500) for day, count in enumerate(by_day)
    }
    return GroupSummary(
        10_000,
        {"click_rate": Proportion(clicks, 10_000), "spend": spend.y},
        daily=tuple(Day(day, 2_500, 0) for day in cohorts),
        waiting={"spend": 5},
        covariates={"spend": spend},
        uncut={"spend": spend.y},
        cohorts={"click_rate": cohorts},
        since_exposure={"click_rate": {day: Proportion(count, 9_000) for day, count in enumerate(by_day)}},
        segments={"country": {name: {"click_rate": Proportion(n, 5_000)} for name, n in segments.items()}},
    )


def results(**changes: Any) -> Results:
    control = [(10 + x + (i % 7), x) for i in range(200) for x in (float(i % 20),)]
    treatment = [(10.5 + x + (i % 6), x + 0.5) for i in range(210) for x in (float(i % 19),)]
    summary = Summary(
        {
            "control": group(1_000, {"de": 500, "fr": 500}, [250, 240, 262, 248], control),
            "short": group(1_113, {"de": 640, "fr": 473}, [290, 280, 263, 280], treatment),
        },
        first_exposure=START,
        caps={"spend": 44.0},
    )
    return analyse(experiment(CLICK, SPEND, **{"analysis": {"segments": ["country"]}} | changes), summary, NOW)


@pytest.mark.parametrize(
    "line",
    [
        "| short | 99.53% | 0.001% | 1.13% | +0.28 to +1.98 points |",
        "| short | without the covariate, which takes away 90.13% of the variance | -0.5129 | -1.667 to +0.6409 |",
        "| short | without cutting values off at 44.00 | -0.5129 | -1.667 to +0.6409 | 0.383 |",
        "| country = de | click\\_rate | short | 5,000 / 5,000 | +2.80 points | +1.56 to +4.05 points | \\< 0.0001 |",
        "| 5 Jan 2026 | 10,000 / 10,000 | +1.13 points | +0.28 to +1.98 points | 0.0093 |",
        "| primary\\_metric\\_undecided | None of the above. | continue\\_testing | decides |",
        "| control | 200 (+ 5 waiting) |",
        "The effect within one day of a user's own: it shows no trend.",
        "whether it is significant does depend on a single day",
        "- **Still needed:** to find a difference of +1.13 points with 80% power takes ",
    ],
)
def test_markdown_says(line: str) -> None:
    assert line in to_markdown(results())


def sections_of(found: Results) -> dict[str, Section]:
    return {section.title: section for section in technical_report(found).sections}


def titles(section: Section) -> list[str]:
    return [block.title for block in section.blocks if isinstance(block, Table)]


def test_tables_stand_where_one_looks_for_them() -> None:
    sections = sections_of(results())
    assert [titles(metric) for metric in sections["Metrics"].sections] == [
        ["click_rate: Bayesian"],
        ["spend: Bayesian", "spend: without adjustments"],
    ]
    assert titles(sections["Tests"]) == ["All tests"]
    assert titles(sections["Segments"]) == ["Do segments differ?"]
    assert titles(sections["Sensitivity"]) == [
        "short: by week of first exposure",
        "short: without one day",
        "short: by days since first exposure",
        "Trend",
    ]
    assert titles(sections["Decision"]) == ["Rules of the decision"]
    text = to_html(results())
    for section in sections.values():
        for title in titles(section):
            assert f"<strong>{title}</strong>" in text


def test_all_tests_are_listed_with_raw_and_adjusted_p_values() -> None:
    (table,) = (block for block in sections_of(results())["Tests"].blocks if isinstance(block, Table))
    rows = {row[:3]: row[3:] for row in table.rows}
    assert rows["click_rate", "short", "two-proportion z, pooled; Newcombe interval"] == ("0.0093", "0.0093", "Holm")
    de = rows["click_rate, country = de", "short", "effect in a segment"]
    assert de == ("< 0.0001", "< 0.0001", "Benjamini-Hochberg")
    assert rows["click_rate by country", "short", "Cochran's Q"][1:] == ("\N{EN DASH}", "none")
    assert ("sample ratio", "all", "chi-square against the weights") in rows


def test_the_confidence_level_is_named_everywhere() -> None:
    text = to_markdown(results(analysis={"confidence_level": 0.9}))
    assert "95%" not in text
    assert "90% interval" in text


def test_a_planned_look_has_a_table_and_its_interval_is_drawn() -> None:
    plan = {"inference": "group_sequential", "planned_looks": 4}
    text = to_markdown(results(analysis=plan))
    assert "| short | 2 of 4 | 2.963 | -0.16 to +2.42 points | 0.0909 | 0.0909 |" in text
    assert "95% interval -0.16 to +2.42 points; p 0.0909" in text
    assert "group-sequential: holds at the planned looks together" in text
    assert "with repeated 95% intervals. short: +1.13 points (-0.16 to +2.42 points), which includes zero." in to_html(
        results(analysis=plan)
    )


def test_what_metrics_of_every_kind_mean() -> None:
    def about(**metric: Any) -> str:
        statistics: dict[str, Statistics] = {
            "ratio": PairedMoments.of([(1, 2), (2, 3), (1, 3)]),
            "quantile": QuantileStatistic.of([1.0, 2, 3], 0.9),
            "retention": Proportion(1, 3),
        }
        each = GroupSummary(3, {"m": statistics[metric["kind"]]})
        found = analyse(experiment({"name": "m"} | metric), Summary({"control": each, "short": each}), NOW)
        section = metric_section(found, found.metrics[0])
        return next(block.text for block in section.blocks if isinstance(block, Prose))

    assert about(kind="retention", retention_day=7) == (
        "Primary metric, the share of users with any event from 168 to 192 hours after first exposure; it should "
        "increase."
    )
    assert about(
        kind="ratio", event_type="click", aggregate="count", denominator={"aggregate": "count", "event_type": "view"}
    ) == (
        "Primary metric, the number of their events of type click over the number of their events of type view, of all "
        "users together; it should increase."
    )
    assert about(kind="quantile", quantile=0.9, field="ms", window_hours=24) == (
        "Primary metric, the 90% quantile over users of the sum of ms of their events within 24 hours of first "
        "exposure; it should increase."
    )


def test_an_experiment_without_metrics_has_the_table_of_rules_alone() -> None:
    each = GroupSummary(3, {})
    found = analyse(experiment(), Summary({"control": each, "short": each}), NOW)
    assert titles(sections_of(found)["Decision"]) == ["Rules of the decision"]
    assert "Metrics" not in sections_of(found)


def test_several_groups_are_asked_at_once() -> None:
    groups = [{"name": name, "weight": 1} for name in ("control", "short", "long")]
    sizes = {"control": 1_000, "short": 1_113, "long": 1_050}
    summary = Summary({name: GroupSummary(10_000, {"click_rate": Proportion(n, 10_000)}) for name, n in sizes.items()})
    text = to_markdown(analyse(experiment(CLICK, groups=groups), summary, NOW))
    assert "| click\\_rate | 6.799 | 2 | 0.0334 |" in text
