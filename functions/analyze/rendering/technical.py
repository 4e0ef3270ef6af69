"""The technical report: every number, how it came about, and what it rests on."""

from rendering.audit import alerts_table, history_table
from rendering.blocks import Items, Prose, Report, Section, filled, of
from rendering.charts.bandit import weights_chart
from rendering.charts.course import effect_charts, metric_charts, users_charts
from rendering.formatting import moment
from rendering.methods import assumptions_section, methods_section, plan_section
from rendering.metrics import metric_section
from rendering.models import models_section
from rendering.quality import quality_section
from rendering.segments import segments_section
from rendering.summary import course_intervals, headline, summary
from rendering.tables import omnibus_table, rules_table, sensitivity_tables, tests_table, trends_table
from results import Results


def technical_report(results: Results) -> Report:
    """The report in words."""
    return Report(
        kind="technical",
        experiment=results.experiment,
        headline=headline(results),
        verdict=results.decision.verdict,
        about=f"Technical report, computed {moment(results.computed_at)}. The experiment is {results.status}.",
        summary=summary(results),
        sections=filled(
            Section(
                "What was tested",
                of(
                    Prose(results.description) if results.description else None,
                    Items("Hypotheses:", results.hypotheses) if results.hypotheses else None,
                ),
            ),
            Section("Metrics", (), tuple(metric_section(results, metric) for metric in results.metrics)),
            Section(
                "Course over time",
                of(
                    *effect_charts(results, course_intervals(results)),
                    *users_charts(results),
                    *metric_charts(results),
                ),
            ),
            Section("Tests", of(tests_table(results), omnibus_table(results))),
            Section("Sensitivity", of(*sensitivity_tables(results), trends_table(results))),
            segments_section(results),
            Section("Bandit", of(weights_chart(results))),
            plan_section(results),
            models_section(results.models),
            quality_section(results),
            Section("Alerts", of(alerts_table(results.alerts))),
            Section("Decision", of(rules_table(results))),
            Section("Configuration", of(history_table(results.history))),
            methods_section(results),
            assumptions_section(results),
        ),
    )
