"""The results by the values of attributes: a forest plot a treatment, and the tables."""

from dataclasses import replace

from rendering.blocks import Chart, Section, Table, of
from rendering.charts.intervals import segments_chart
from rendering.summary import level
from rendering.tables import segments_tables
from results import Results


def segments_section(results: Results) -> Section:
    """Charts of the primary metric, then the numbers of all metrics."""
    effects, tests = segments_tables(results)
    charts = segment_charts(results)
    drawn = {row for chart in charts for row in chart.table.rows}
    others = replace(effects, rows=tuple(row for row in effects.rows if row not in drawn))
    return Section("Segments", of(*charts, others, tests))


def segment_charts(results: Results) -> tuple[Chart, ...]:
    """One a treatment, of the primary metric."""
    metric = results.primary_metric
    if metric is None:
        return ()
    effects, _ = segments_tables(results)
    found = (
        segments_chart(results, metric, group, level(results), _rows_of(effects, metric.name, group))
        for group in results.comparisons
    )
    return tuple(chart for chart in found if chart is not None)


def _rows_of(effects: Table, metric: str, group: str) -> Table:
    rows = tuple(row for row in effects.rows if (row[1], row[2]) == (metric, group))
    return replace(effects, title=f"{metric}: effect of {group} by segment", rows=rows)
