"""The dashboard report: the charts first, then whether all is well."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from bakeoff_core.experiments.model import Status
from model_documents import Latency
from rendering.audit import alerts_table
from rendering.blocks import Fact, Facts, Report, Section, filled, of
from rendering.charts.bandit import weights_chart
from rendering.charts.course import effect_charts, metric_charts, plan_chart, plan_in_words, users_charts
from rendering.charts.models import drift_chart, errors_chart, latency_chart
from rendering.executive import Outcome, outcomes, outcomes_table
from rendering.formatting import count, moment
from rendering.metrics import value_charts
from rendering.models import models_table
from rendering.quality import counts_table, sample_ratio, shares_table
from rendering.segments import segment_charts
from rendering.summary import course_intervals, headline, summary
from results import (
    AlertResult,
    DayPoint,
    EffectPoint,
    EpochPoint,
    PlanProgress,
    Quality,
    Results,
    SampleRatioResult,
    Value,
    Verdict,
)


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


class GroupOnDashboard(_Document):
    """One group: its users, its values and its days."""

    n: int
    control: bool
    configured_share: float
    metrics: dict[str, Value]
    daily: tuple[DayPoint, ...]


class ModelOnDashboard(_Document):
    """One model in one group; `drift` is the level of the variable that moved most."""

    group: str | None
    model_name: str
    model_version: str
    predictions: int
    fallbacks: int
    latency_ms: Latency | None
    drifted_variable: str | None
    drift: str | None


class DashboardReport(_Document):
    """What the dashboard report says, for programs; every figure is one of the technical report."""

    report: Literal["dashboard"] = "dashboard"
    experiment: str
    status: Status
    computed_at: AwareDatetime
    as_of: AwareDatetime
    headline: str
    verdict: Verdict
    explanation: str
    next_steps: tuple[str, ...]
    users: int
    last_exposure: AwareDatetime | None
    groups: dict[str, GroupOnDashboard]
    outcomes: tuple[Outcome, ...]
    timeline: dict[str, tuple[EffectPoint, ...]]
    plan: PlanProgress | None
    epochs: tuple[EpochPoint, ...]
    sample_ratio: SampleRatioResult
    crossovers: int
    data_quality: Quality
    models: tuple[ModelOnDashboard, ...]
    alerts: tuple[AlertResult, ...]


def dashboard_document(results: Results) -> DashboardReport:
    """What the report says as one JSON document."""
    return DashboardReport(
        experiment=results.experiment,
        status=results.status,
        computed_at=results.computed_at,
        as_of=results.as_of,
        headline=headline(results),
        verdict=results.decision.verdict,
        explanation=results.decision.explanation,
        next_steps=results.decision.next_steps,
        users=results.n,
        last_exposure=results.window.last_exposure,
        groups={
            name: GroupOnDashboard(
                n=group.n,
                control=group.control,
                configured_share=group.configured_share,
                metrics=group.metrics,
                daily=group.daily,
            )
            for name, group in results.groups.items()
        },
        outcomes=outcomes(results),
        timeline=results.timeline,
        plan=results.plan,
        epochs=results.epochs,
        sample_ratio=results.sample_ratio,
        crossovers=results.crossovers,
        data_quality=results.data_quality,
        models=tuple(
            ModelOnDashboard(
                group=model.group,
                model_name=model.model_name,
                model_version=model.model_version,
                predictions=model.predictions,
                fallbacks=model.fallbacks,
                latency_ms=model.latency_ms,
                drifted_variable=next((each.variable for each in model.drift if each.level is not None), None),
                drift=next((each.level for each in model.drift if each.level is not None), None),
            )
            for model in results.models
        ),
        alerts=results.alerts,
    )


def dashboard_report(results: Results) -> Report:
    """The report in words."""
    primary = results.primary_metric
    return Report(
        kind="dashboard",
        experiment=results.experiment,
        headline=headline(results),
        verdict=results.decision.verdict,
        about=f"Dashboard, computed {moment(results.computed_at)}.",
        summary=_status(results),
        sections=filled(
            Section(
                "Results",
                of(
                    *(() if primary is None else value_charts(results, primary)),
                    *effect_charts(results, course_intervals(results)),
                ),
            ),
            Section("Traffic", of(*users_charts(results), *metric_charts(results), plan_chart(results))),
            Section("Segments", of(*segment_charts(results))),
            Section("Bandit", of(weights_chart(results))),
            Section(
                "Models",
                of(
                    latency_chart(results.models),
                    errors_chart(results.models),
                    *map(drift_chart, results.models),
                    models_table(results.models),
                ),
            ),
            Section("Alerts", of(alerts_table(results.alerts))),
            Section(
                "Health of the data",
                of(
                    Facts((Fact("Sample ratio", sample_ratio(results)),)),
                    shares_table(results),
                    counts_table(results),
                ),
            ),
            Section("Every metric", of(outcomes_table(results))),
        ),
    )


def _status(results: Results) -> tuple[Fact, ...]:
    last = results.window.last_exposure
    opened = sum(alert.status == "open" for alert in results.alerts)
    facts = [
        Fact("Status", f"{results.status}."),
        Fact("Users", f"{count(results.n)} in {count(len(results.groups))} groups."),
        Fact("Last exposure", "none so far." if last is None else f"{moment(last)}."),
        Fact("Alerts", "none open." if not opened else f"{count(opened)} open."),
    ]
    if results.plan is not None:
        facts.append(Fact("Plan", plan_in_words(results.plan)))
    return (*facts, *(fact for fact in summary(results) if fact.label in ("Decision", "Next")))
