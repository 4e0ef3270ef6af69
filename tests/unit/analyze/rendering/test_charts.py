"""Figures: where each value is drawn, what is said of it, and the table beside it."""

from datetime import date, timedelta
from typing import Any

import pytest

from rendering.blocks import Chart, Table
from rendering.charts.bandit import weights_chart
from rendering.charts.course import effect_charts, metric_charts, plan_chart, plan_in_words, users_charts
from rendering.charts.distribution import distribution_chart
from rendering.charts.intervals import effects_chart, segments_chart, values_chart
from rendering.charts.models import drift_chart, errors_chart, latency_chart
from rendering.plotly import style, text
from rendering.summary import course_intervals
from results import DayPoint, EffectPoint, PlanProgress, Results
from tests.unit.analyze.rendering.samples import DAYS, START, full_results

NO_TABLE = Table("", "", (), ())


@pytest.fixture(scope="module")
def results() -> Results:
    return full_results()


def some(chart: Chart | None) -> Chart:
    assert chart is not None
    return chart


def with_days(results: Results, **days: tuple[DayPoint, ...]) -> Results:
    groups = {name: group.model_copy(update={"daily": days.get(name, ())}) for name, group in results.groups.items()}
    return results.model_copy(update={"groups": groups})


def test_values_are_drawn_in_percent_with_their_intervals(results: Results) -> None:
    chart = some(values_chart(results, results.metrics[0], "95%", NO_TABLE))
    assert [trace["name"] for trace in chart.traces] == ["control", "short", "long"]
    short = chart.traces[1]
    value = results.groups["short"].metrics["purchase_rate"]
    assert value.interval is not None
    assert short["x"] == [pytest.approx(100 * 1_210 / 10_050)]
    assert short["x"][0] + short["error_x"]["array"][0] == pytest.approx(100 * value.interval[1])
    assert short["x"][0] - short["error_x"]["arrayminus"][0] == pytest.approx(100 * value.interval[0])
    assert short["hovertext"] == ["short: 12.04% (11.42% to 12.69%)"]
    assert chart.layout["yaxis"]["ticktext"] == ["control", "short", "long"]
    assert chart.layout["xaxis"]["ticksuffix"] == "%"
    assert "short: 12.04% (11.42% to 12.69%)." in chart.finding


def test_differences_are_drawn_in_points_about_zero(results: Results) -> None:
    chart = some(effects_chart(results, results.metrics[0], "intervals", NO_TABLE))
    always = results.comparisons["long"]["purchase_rate"].always_valid
    assert always is not None
    long = chart.traces[1]
    assert long["x"][0] - long["error_x"]["arrayminus"][0] == pytest.approx(
        100 * (always.adjusted_interval or always.interval)[0]
    )
    assert chart.layout["xaxis"]["zeroline"] is True
    assert chart.layout["xaxis"]["title"]["text"] == "Difference, percentage points"
    assert "which lies above zero. long:" in chart.finding
    assert chart.finding.endswith("which includes zero.")


def test_means_are_drawn_as_they_are(results: Results) -> None:
    chart = some(values_chart(results, results.metrics[1], "95%", NO_TABLE))
    assert chart.traces[0]["x"] == [pytest.approx(4.1)]
    assert chart.layout["xaxis"]["ticksuffix"] == ""


def test_segments_stand_below_all_users(results: Results) -> None:
    chart = some(segments_chart(results, results.metrics[0], "short", "95%", NO_TABLE))
    assert chart.layout["yaxis"]["ticktext"] == ["All users", "country = de", "country = fr"]
    assert chart.layout["yaxis"]["range"] == [2.5, -0.5]
    effect = results.segments.effects[0]
    assert effect.difference is not None
    assert chart.traces[1]["x"] == [pytest.approx(100 * effect.difference)]
    assert segments_chart(results, results.metrics[1], "short", "95%", NO_TABLE) is None


def test_users_are_cumulated_from_first_exposures(results: Results) -> None:
    daily, total = users_charts(results)
    new = [point.users for point in results.groups["short"].daily]
    assert daily.traces[1]["y"] == new
    assert total.traces[1]["y"] == [sum(new[: at + 1]) for at in range(DAYS)]
    assert total.traces[1]["y"][-1] == results.groups["short"].n
    assert total.traces[1]["x"] == [(START + timedelta(days=day)).date().isoformat() for day in range(DAYS)]
    assert total.finding == "By 17 Jan 2026: control 10,000, short 10,050, long 9,970."
    assert total.table.rows[-1] == ("17 Jan 2026", "10,000", "10,050", "9,970")


def test_days_on_which_nobody_came_are_zeros(results: Results) -> None:
    days = [date(2026, 1, 1), date(2026, 1, 4)]
    gaps = with_days(
        results,
        control=tuple(DayPoint(date=day, users=5, value=2) for day in days),
        short=(DayPoint(date=days[0], users=0, value=0),),
    )
    daily, total = users_charts(gaps)
    assert [trace["y"] for trace in daily.traces] == [[5, 0, 0, 5], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert total.traces[0]["y"] == [5, 5, 5, 10]
    amounts, values = metric_charts(gaps)
    assert amounts.traces[0]["y"] == [2, 0, 0, 2]
    assert values.traces[0]["y"] == [40, 40, 40, 40]
    assert values.traces[1]["y"] == [None] * 4
    assert values.table.rows[0] == ("1 Jan 2026", "40.00%", "\N{EN DASH}", "\N{EN DASH}")


def test_the_metric_by_the_end_of_the_last_day_is_its_value(results: Results) -> None:
    amounts, values = metric_charts(results)
    assert sum(amounts.traces[1]["y"]) == pytest.approx(1_210)
    assert values.traces[1]["y"][-1] == pytest.approx(100 * 1_210 / 10_050)
    assert values.table.rows[-1] == ("17 Jan 2026", "10.00%", "12.04%", "10.46%")


def test_the_effect_is_drawn_with_its_sequence_and_boundary(results: Results) -> None:
    short, long = effect_charts(results, "intervals")
    low, high, above, below, effect = short.traces
    points = results.timeline["short"]
    last = points[-1]
    assert last.difference is not None
    assert last.interval is not None
    assert last.boundary is not None
    assert (low["y"][-1], high["y"][-1]) == pytest.approx(tuple(100 * bound for bound in last.interval))
    assert (above["y"][-1], below["y"][-1]) == pytest.approx((100 * last.boundary, -100 * last.boundary))
    assert effect["y"][-1] == pytest.approx(100 * last.difference)
    assert effect["y"][0] is low["y"][0] is above["y"][0] is None
    assert effect["x"] == [point.date.isoformat() for point in points]
    assert high["fill"] == "tonexty"
    assert "it has been beyond the boundary of a decision since 12 Jan 2026" in short.finding
    assert "it is within the boundary of a decision, ±1.17 points" in long.finding
    assert [chart.title for chart in effect_charts(results, "x", ("long",))] == [long.title.replace("intervals", "x")]


def test_where_nothing_can_decide_no_boundary_is_spoken_of(results: Results) -> None:
    point: dict[str, Any] = {"date": START.date(), "at": START, "control_n": 5, "treatment_n": 5, "difference": 0.5}
    open_ended = results.model_copy(update={"timeline": {"short": (EffectPoint(**point),)}})
    (chart,) = effect_charts(open_ended, "intervals")
    assert chart.finding == "By 10 Jan 2026, with 10 users, the difference is +50.00 points (\N{EN DASH})."
    assert "boundary" not in " ".join(chart.traces[-1]["hovertext"])


def test_the_plan_is_a_line_to_be_reached(results: Results) -> None:
    users, needed = some(plan_chart(results)).traces
    assert users["y"][-1] == results.n == 30_020
    assert set(needed["y"]) == {40_000}
    assert some(plan_chart(results)).finding == (
        "30,020 of 40,000 users, 75.05% of the plan (the sample size that was planned)."
    )


def test_a_plan_without_a_number_is_said_and_not_drawn(results: Results) -> None:
    plan = PlanProgress(users=7, by="power", reason="no effect is seen so far")
    assert plan_chart(results.model_copy(update={"plan": plan})) is None
    assert plan_in_words(plan) == (
        "7 users (what it takes to find the effect with the plan's power); how many are needed cannot be told: "
        "no effect is seen so far."
    )
    assert plan_in_words(PlanProgress(users=7, share=0.5, by="end_time")) == (
        "7 users, 50.00% of the plan (until the planned end)."
    )


def test_distributions_are_shares_of_each_group(results: Results) -> None:
    chart = some(distribution_chart(results, results.metrics[1]))
    control = chart.traces[0]
    assert control["x"] == [0, 5, 10, 20, 40, 80]
    assert control["y"] == pytest.approx([62, 20, 10, 5, 2, 2])
    assert control["line"]["shape"] == "hv"
    assert control["hovertext"][1] == "control, 5 to 10: 2,000 users, 20.00%"
    assert chart.table.rows[0] == ("0 to 5", "6,200", "62.00%", "6,231", "62.00%", "6,181", "62.00%")
    assert chart.table.rows[-1][:3] == ("above 80", "100", "1.00%")
    assert "100 users lie outside the chart" in chart.finding
    assert distribution_chart(results, results.metrics[0]) is None


def test_weights_hold_until_now(results: Results) -> None:
    chart = some(weights_chart(results))
    short = chart.traces[1]
    assert short["y"] == pytest.approx([100 * (1 / 3 + 0.1 * number) for number in (1, 2, 3, 4, 5, 5)])
    assert short["x"][-1] == results.as_of.isoformat()
    assert short["line"]["shape"] == "hv"
    assert chart.finding.endswith("short 83.33%, long 8.33%. short has most.")
    assert chart.table.rows[0] == (
        *("10 Jan 2026, 06:00 UTC", "1"),
        *("28.33%", "300", "30", "43.33%", "300", "31", "28.33%", "300", "32"),
    )
    assert weights_chart(results.model_copy(update={"epochs": ()})) is None


def test_models_are_drawn_day_by_day(results: Results) -> None:
    latency = some(latency_chart(results.models))
    assert latency.traces[0]["y"] == pytest.approx([1.2 + at / 10 for at in range(DAYS)])
    assert latency.traces[1]["y"] == pytest.approx([3.0 + at / 5 for at in range(DAYS)])
    errors = some(errors_chart(results.models))
    assert errors.traces[0]["y"] == pytest.approx([100 * at / (1_500 + at) for at in range(DAYS)])
    assert errors.finding.startswith(
        "ranking:v1 in control: 28 errors beside 12,000 predictions, 24 of them in place of another model."
    )
    drift = some(drift_chart(results.models[0]))
    assert [trace["name"] for trace in drift.traces] == ["age", "income", "moderate", "large"]
    assert drift.traces[0]["y"] == pytest.approx([0.05 * at for at in range(DAYS)])
    assert drift.finding.startswith("age moved most: 0.513 over all days, large.")
    assert latency_chart(()) is errors_chart(()) is None
    assert drift_chart(results.models[0].model_copy(update={"drift": ()})) is None


def test_no_two_of_the_first_groups_look_alike() -> None:
    looks = [style(index) for index in range(24)]
    assert len({(look.colour, look.dash) for look in looks}) == 24
    assert len({look.colour for look in looks[:8]}) == len({look.symbol for look in looks[:8]}) == 8


def test_text_in_a_figure_stays_text() -> None:
    assert text("<b>&lt;a</b>\n x") == "&lt;b&gt;&amp;lt;a&lt;/b&gt; x"


def test_a_single_day_has_its_interval_and_boundary_too(results: Results) -> None:
    point = results.timeline["short"][-1]
    (chart,) = effect_charts(results.model_copy(update={"timeline": {"short": (point,)}}), "intervals")
    above, below, effect = chart.traces
    assert (above["mode"], below["mode"]) == ("markers", "markers")
    assert point.interval is not None
    assert effect["y"][0] + effect["error_y"]["array"][0] == pytest.approx(100 * point.interval[1])
    assert effect["y"][0] - effect["error_y"]["arrayminus"][0] == pytest.approx(100 * point.interval[0])
    assert chart.layout["xaxis"]["tickvals"] == [point.date.isoformat()]


def test_a_fixed_horizon_is_shown_by_its_confidence_sequence_without_a_boundary(results: Results) -> None:
    timeline = tuple(point.model_copy(update={"boundary": None}) for point in results.timeline["short"])
    plan = results.analysis.model_copy(update={"inference": "fixed_horizon"})
    fixed = results.model_copy(update={"timeline": {"short": timeline}, "analysis": plan})
    (chart,) = effect_charts(fixed, course_intervals(fixed))
    assert chart.title == "purchase_rate: effect of short day by day, with always-valid 95% intervals"
    assert len(chart.traces) == 3


def test_planned_looks_are_drawn_at_their_times(results: Results) -> None:
    plan = results.analysis.model_copy(update={"inference": "group_sequential", "planned_looks": 8})
    looked = results.model_copy(update={"analysis": plan})
    chart = effect_charts(looked, course_intervals(looked))[0]
    assert chart.traces[-1]["x"][-1] == "2026-01-18T00:00:00+00:00"
    assert "with repeated 95% intervals" in chart.title
