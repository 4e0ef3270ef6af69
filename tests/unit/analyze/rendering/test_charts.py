"""Where the marks of a chart go."""

from rendering.charts import WIDTH, Row, interval_chart
from rendering.formatting import points


def test_marks_are_placed_on_one_axis() -> None:
    rows = [Row("a", 0.1, (0.0, 0.2), "ten"), Row("b", 0.3, (0.2, 0.4), "thirty", muted=True)]
    chart = interval_chart("Rates", rows, points)
    assert chart is not None
    first, second = chart.marks
    assert 0 < first.low < first.x < first.high == second.low < second.x < second.high < WIDTH
    assert first.x - first.low == second.high - second.x
    assert (first.muted, second.muted) == (False, True)
    assert first.y < second.y < chart.axis_y < chart.height
    assert chart.zero is None
    assert chart.alt == "Rates. a: ten. b: thirty."


def test_zero_is_shown_where_it_means_no_difference() -> None:
    chart = interval_chart("Effect", [Row("a", 0.3, (0.2, 0.4), "up")], points, about_zero=True)
    assert chart is not None
    assert chart.zero is not None
    assert 0 < chart.zero < chart.marks[0].low


def test_a_range_of_one_value_and_no_rows() -> None:
    chart = interval_chart("Point", [Row("a", 0.5, (0.5, 0.5), "half")], points)
    assert chart is not None
    assert chart.marks[0].x == WIDTH / 2
    assert interval_chart("Nothing", [], points) is None


def test_a_long_name_is_shortened_in_the_drawing_and_whole_in_the_alternative_text() -> None:
    chart = interval_chart("Rates", [Row("n" * 128, 0.5, (0.4, 0.6), "half")], points)
    assert chart is not None
    assert chart.marks[0].label == "n" * 49 + "…"
    assert "n" * 128 in chart.alt
