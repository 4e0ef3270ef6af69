"""The executive report: one page for those who decide. What was tested, the decision, how much, how sure, what next."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from bakeoff_core.experiments.metrics import Direction, Metric, Role
from bakeoff_core.experiments.model import Status
from decision import CROSSOVERS_ABOVE, interval_on, p_value_on
from rendering.audit import alerts_table
from rendering.blocks import Fact, Facts, Items, Prose, Report, Section, Table, filled, of
from rendering.charts.course import effect_charts, plan_chart, plan_in_words
from rendering.charts.intervals import values_chart
from rendering.formatting import count, interval, moment, optional, p_value, percent, sentence, signed_percent
from rendering.metrics import about, groups_table
from rendering.quality import sample_ratio
from rendering.summary import basis, course_intervals, deciding_intervals, headline, level, named_control, summary
from rendering.tables import write_difference, write_value
from results import AlertResult, Basis, Comparison, Interval, PlanProgress, Results, StillNeeded, Verdict

Movement = Literal["better", "worse", "not clear"]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Outcome(_Document):
    """One metric of one treatment.

    Attributes:
        control: The control's value.
        treatment: The treatment's value.
        difference: Treatment minus control.
        interval: Its interval on the basis of the decision.
        p_value: The adjusted p-value on the same basis.
        movement: What is certain of it, in the metric's own direction.
    """

    metric: str
    role: Role
    direction: Direction
    group: str
    control: float | None
    treatment: float | None
    difference: float | None
    interval: Interval | None
    relative_difference: float | None
    p_value: float | None
    movement: Movement


class ExecutiveReport(_Document):
    """What the executive report says, for programs; every figure is one of the technical report.

    Attributes:
        headline: The decision in two words.
        decided_on: The metric of the decision.
        expected_improvement: The difference on it, above 0 where the group is better.
        outcomes: By treatment and metric.
        warnings: Why the results may not be what they seem.
    """

    report: Literal["executive"] = "executive"
    experiment: str
    description: str
    hypotheses: tuple[str, ...]
    status: Status
    computed_at: AwareDatetime
    as_of: AwareDatetime
    users: dict[str, int]
    control: str
    primary_metric: str | None
    headline: str
    verdict: Verdict
    rule: str
    basis: Basis
    confidence_level: float
    group: str | None
    decided_on: str | None
    expected_improvement: float | None
    interval: Interval | None
    relative_improvement: float | None
    explanation: str
    next_steps: tuple[str, ...]
    still_needed: StillNeeded | None
    plan: PlanProgress | None
    outcomes: tuple[Outcome, ...]
    warnings: tuple[str, ...]
    alerts: tuple[AlertResult, ...]


def executive_document(results: Results) -> ExecutiveReport:
    """What the report says as one JSON document."""
    decision, primary = results.decision, results.primary_metric
    return ExecutiveReport(
        experiment=results.experiment,
        description=results.description,
        hypotheses=results.hypotheses,
        status=results.status,
        computed_at=results.computed_at,
        as_of=results.as_of,
        users={name: group.n for name, group in results.groups.items()},
        control=results.control,
        primary_metric=None if primary is None else primary.name,
        headline=headline(results),
        verdict=decision.verdict,
        rule=decision.rule,
        basis=decision.basis,
        confidence_level=results.analysis.confidence_level,
        group=decision.group,
        decided_on=decision.metric,
        expected_improvement=decision.expected_improvement,
        interval=decision.interval,
        relative_improvement=decision.relative_improvement,
        explanation=decision.explanation,
        next_steps=decision.next_steps,
        still_needed=decision.still_needed,
        plan=results.plan,
        outcomes=outcomes(results),
        warnings=_warnings(results),
        alerts=results.alerts,
    )


def executive_report(results: Results) -> Report:
    """The report in words."""
    return Report(
        kind="executive",
        experiment=results.experiment,
        headline=headline(results),
        verdict=results.decision.verdict,
        about=f"Executive report, computed {moment(results.computed_at)}. The experiment is {results.status}.",
        summary=summary(results),
        sections=filled(
            Section("Before you decide", of(*map(Prose, _warnings(results)), alerts_table(_open(results)))),
            _primary(results),
            Section("Every metric", of(outcomes_table(results))),
            Section(
                "What was tested",
                of(
                    Prose(results.description) if results.description else None,
                    Items("Hypotheses:", results.hypotheses) if results.hypotheses else None,
                    Facts(_tested(results)),
                ),
            ),
        ),
    )


def outcomes(results: Results) -> tuple[Outcome, ...]:
    """Every metric of every treatment, on the basis that may decide on it."""
    return tuple(
        _outcome(results, group, metric, comparisons[metric.name])
        for metric in results.metrics
        for group, comparisons in results.comparisons.items()
    )


def outcomes_table(results: Results) -> Table:
    """The same, written out."""
    metrics = {metric.name: metric for metric in results.metrics}
    return Table(
        "Outcomes",
        f"Each treatment against {named_control(results.control)}, with {deciding_intervals(results)} "
        f"({basis(results)}).",
        ("Metric", "Role", "Group", "Control", "Treatment", "Difference", "Interval", "Relative", "p", "Finding"),
        tuple(_outcome_row(each, metrics[each.metric]) for each in outcomes(results)),
    )


def _outcome(results: Results, group: str, metric: Metric, comparison: Comparison) -> Outcome:
    on = results.decision.basis
    p = p_value_on(comparison, on)
    return Outcome(
        metric=metric.name,
        role=metric.role,
        direction=metric.direction,
        group=group,
        control=comparison.control,
        treatment=comparison.treatment,
        difference=comparison.difference,
        interval=interval_on(comparison, on),
        relative_difference=comparison.relative_difference,
        p_value=p,
        movement=_movement(comparison, p, 1 - results.analysis.confidence_level),
    )


def _movement(comparison: Comparison, p: float | None, alpha: float) -> Movement:
    if p is None or p >= alpha or not comparison.difference:
        return "not clear"
    return "better" if (comparison.difference > 0) == (comparison.direction == "increase") else "worse"


def _outcome_row(each: Outcome, metric: Metric) -> tuple[str, ...]:
    write, write_of = write_value(metric), write_difference(metric)
    return (
        each.metric,
        each.role,
        each.group,
        optional(each.control, write),
        optional(each.treatment, write),
        optional(each.difference, write_of),
        interval(each.interval, write_of),
        optional(each.relative_difference, signed_percent),
        optional(each.p_value, p_value),
        each.movement,
    )


def _primary(results: Results) -> Section:
    metric = results.primary_metric
    if metric is None:
        return Section("The primary metric")
    groups = groups_table(results, metric)
    return Section(
        metric.name,
        of(
            values_chart(results, metric, level(results), groups) or groups,
            *effect_charts(results, course_intervals(results), _leaders(results)),
            plan_chart(results),
        ),
    )


def _leaders(results: Results) -> tuple[str, ...]:
    """The treatment that the decision is about, or the one that did best so far on the primary metric."""
    if results.decision.group is not None:
        return (results.decision.group,)
    metric = results.primary_metric
    found = {
        group: comparison.difference if comparison.direction == "increase" else -comparison.difference
        for group, comparisons in results.comparisons.items()
        if metric is not None and (comparison := comparisons[metric.name]).difference is not None
    }
    return (max(found, key=found.__getitem__),) if found else ()


def _tested(results: Results) -> tuple[Fact, ...]:
    facts = [Fact(metric.name, f"{sentence(about(metric))}.") for metric in results.metrics]
    facts.append(
        Fact("Users", ", ".join(f"{count(group.n)} in {name}" for name, group in results.groups.items()) + ".")
    )
    if results.plan is not None:
        facts.append(Fact("Plan", plan_in_words(results.plan)))
    if results.window.first_exposure is not None and results.window.last_exposure is not None:
        first, last = moment(results.window.first_exposure), moment(results.window.last_exposure)
        facts.append(Fact("Observed", f"from {first} to {last}."))
    return tuple(facts)


def _open(results: Results) -> tuple[AlertResult, ...]:
    return tuple(alert for alert in results.alerts if alert.status == "open")


def _warnings(results: Results) -> tuple[str, ...]:
    found = []
    if results.sample_ratio.alarm:
        found.append(f"Sample ratio: {sample_ratio(results)}")
    seen = results.n + results.crossovers
    if seen and results.crossovers / seen > CROSSOVERS_ABOVE:
        found.append(
            f"Crossovers: {count(results.crossovers)} users, {percent(results.crossovers / seen)} of all, were seen in "
            "two groups and are left out."
        )
    unreadable = len(results.data_quality.unreadable_objects)
    if unreadable:
        objects = "objects" if unreadable > 1 else "object"
        found.append(f"Missing data: {count(unreadable)} {objects} of events could not be read.")
    found.extend(
        f"Novelty: the effect of {group} {each.novelty_finding} with the days since first exposure."
        for group, each in results.sensitivity.items()
        if each.novelty_finding != "no trend"
    )
    found.extend(
        f"Single day: whether the effect of {group} is significant depends on one day alone."
        for group, each in results.sensitivity.items()
        if each.depends_on_a_day
    )
    return tuple(found)
