"""Results with something in every part, and with text of one's choice wherever people or programs put text."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

from analysis import analyse
from bakeoff_core.experiments.model import Experiment
from engine.summary import DataQuality, Day, GroupSummary, Statistics, Summary
from model_documents import DayOfDrift, DayOfUse, Drift, Latency, ModelResult, ShadowResult
from results import (
    AlertResult,
    Distribution,
    EffectPoint,
    EpochPoint,
    HistoryChange,
    HistoryEntry,
    PlanProgress,
    Results,
)
from stats.means import Moments
from stats.proportions import Proportion

START = datetime(2026, 1, 10, tzinfo=UTC)
DAYS = 8
SIZES = {"control": 10_000, "short": 10_050, "long": 9_970}
CONVERTED = {"control": 1_000, "short": 1_210, "long": 1_043}
REVENUE = {"control": (41_000.0, 2.5e6), "short": (47_000.0, 2.9e6), "long": (40_500.0, 2.4e6)}


def experiment(text: str = "") -> Experiment:
    known: dict[str, Any] = {
        "name": "checkout",
        "description": text or "A shorter checkout.",
        "hypotheses": [text or "More users buy.", "They buy <more>."],
        "start_time": START,
        "end_time": START + timedelta(days=DAYS),
        "status": "running",
        "groups": [{"name": name, "weight": 1} for name in SIZES],
        "metrics": ["purchase_rate", "revenue", {"name": "slow", "kind": "mean", "field": "ms", "role": "guardrail"}],
        "analysis": {"segments": [text or "country"]},
        "created_at": START,
        "updated_at": START,
    }
    return Experiment.model_validate(known)


def summary(text: str = "") -> Summary:
    def group(name: str) -> GroupSummary:
        n = SIZES[name]
        metrics: dict[str, Statistics] = {
            "purchase_rate": Proportion(CONVERTED[name], n),
            "revenue": Moments(n, *REVENUE[name]),
            "slow": Moments(n, 210.0 * n, 9e5),
        }
        halves = {text or "de": n // 2, "fr": n - n // 2}
        return GroupSummary(
            n,
            metrics,
            daily=tuple(
                Day((START + timedelta(days=day)).date(), part, CONVERTED[name] * part / n)
                for day, part in enumerate(_parts(n))
            ),
            segments={
                text or "country": {
                    value: {"purchase_rate": Proportion(round(CONVERTED[name] * size * tilt / n), size)}
                    for (value, size), tilt in zip(halves.items(), (1.2, 0.8), strict=True)
                }
            },
            cohorts={
                "purchase_rate": {
                    (START + timedelta(days=day)).date(): Proportion(CONVERTED[name] // DAYS, n // DAYS)
                    for day in range(DAYS)
                }
            },
        )

    quality = DataQuality(
        duplicate_events=3,
        events_before_exposure=14,
        unreadable_objects=(text or "events/dt=2026-01-11/hour=00/x.ndjson.gz",),
    )
    return Summary(
        {name: group(name) for name in SIZES},
        12,
        quality,
        first_exposure=START + timedelta(hours=1),
        last_exposure=START + timedelta(days=DAYS, hours=-1),
    )


@cache
def full_results(text: str = "") -> Results:
    """Results with every part filled.

    Args:
        text: What stands wherever text is free; something harmless without it.
    """
    found = analyse(experiment(text), summary(text), START + timedelta(days=DAYS, hours=3, minutes=5))
    return found.model_copy(
        update={
            "groups": {
                name: group.model_copy(update={"distributions": {"revenue": _distribution(name)}})
                for name, group in found.groups.items()
            },
            "timeline": {name: _timeline(name) for name in found.comparisons},
            "epochs": tuple(map(_epoch, range(1, 6))),
            "plan": PlanProgress(users=found.n, needed=40_000, share=found.n / 40_000, by="planned_sample_size"),
            "history": _history(text),
            "alerts": _alerts(text),
            "models": tuple(_model(name, text) for name in SIZES),
            "data_quality": found.data_quality.model_copy(update={"late_events": 41}),
        }
    )


def _parts(n: int) -> list[int]:
    ends = [n * day * (day + 1) // (DAYS * (DAYS + 1)) for day in range(DAYS + 1)]
    return [high - low for low, high in pairwise(ends)]


def _distribution(name: str) -> Distribution:
    counts = [round(SIZES[name] * share) for share in (0.62, 0.2, 0.1, 0.05, 0.02)]
    return Distribution(edges=(0, 5, 10, 20, 40, 80), counts=tuple(counts), above=SIZES[name] - sum(counts))


def _timeline(name: str) -> tuple[EffectPoint, ...]:
    points = []
    for day in range(1, DAYS + 1):
        control, treatment = (CONVERTED[each] / SIZES[each] for each in ("control", name))
        half = 0.03 / day**0.5
        difference = treatment - control
        points.append(
            EffectPoint(
                date=(START + timedelta(days=day - 1)).date(),
                at=START + timedelta(days=day),
                control_n=SIZES["control"] * day // DAYS,
                treatment_n=SIZES[name] * day // DAYS,
                control=control,
                treatment=treatment,
                difference=difference,
                interval=(difference - half, difference + half),
                boundary=half * 1.1,
            )
        )
    return (EffectPoint(date=date(2026, 1, 9), at=START, control_n=0, treatment_n=0, reason="no users"), *points)


def _epoch(number: int) -> EpochPoint:
    weights = {"control": 1 / 3 - 0.05 * number, "short": 1 / 3 + 0.1 * number, "long": 1 / 3 - 0.05 * number}
    return EpochPoint(
        number=number,
        computed_at=START + timedelta(hours=6 * number),
        weights=weights,
        exposures=dict.fromkeys(SIZES, 300 * number),
        rewards={name: 30 * number + index for index, name in enumerate(SIZES)},
    )


def _history(text: str) -> tuple[HistoryEntry, ...]:
    return (
        HistoryEntry(version=1, action="create", actor=text or "ada", at=START - timedelta(days=1)),
        HistoryEntry(
            version=2,
            action="change",
            actor=text or "grace",
            at=START - timedelta(hours=2),
            changes=(
                HistoryChange(field="description", before="", after=text or "A shorter checkout."),
                HistoryChange(field=text or "sample_rate", before=0.1, after={"note": text, "to": 1.0}),
            ),
        ),
        HistoryEntry(
            version=3,
            action="start",
            actor="bakeoff",
            at=START,
            evidence={"p_value": 0.0004, text or "why": [text or "look"]},
        ),
    )


def _alerts(text: str) -> tuple[AlertResult, ...]:
    return (
        AlertResult(
            kind="SAFETY_THRESHOLD_BREACHED",
            message=text or "slow is 12.00% worse in long",
            opened_at=START + timedelta(days=3),
            status="open",
        ),
        AlertResult(
            kind="NO_EVENTS",
            message="nothing arrived for 3 hours",
            opened_at=START + timedelta(days=1),
            status="recovered",
            acknowledged=True,
        ),
    )


def _model(group: str, text: str) -> ModelResult:
    days = [(START + timedelta(days=day)).date() for day in range(DAYS)]
    age = Drift(
        variable=text or "age",
        kind="feature",
        values=1_200,
        cuts=(40.0,),
        reference=(500, 500),
        counts=(200, 1_000),
        psi=0.5127,
        psi_by_chance=0.004,
        level="large",
        ks=1 / 3,
        ks_p_value=1e-30,
        daily=tuple(DayOfDrift(date=day, counts=(25, 125), psi=0.05 * at) for at, day in enumerate(days)),
    )
    return ModelResult(
        group=group,
        model_name="ranking",
        model_version={"control": "v1", "short": "v2", "long": "v3"}[group],
        predictions=12_000,
        fallbacks=24,
        latency_ms=Latency(p50=1.25, p95=3.5, p99=12.25),
        first=START,
        last=START + timedelta(days=DAYS),
        drift=(age, age.model_copy(update={"variable": "income", "psi": 0.02, "level": "stable"})),
        shadows=(
            ShadowResult(
                model_name="ranking",
                model_version="v9",
                compared=900,
                failed=2,
                same=0.97,
                mean_difference=0.01,
                latency_ms=None,
            ),
        ),
        daily=tuple(
            DayOfUse(date=day, predictions=1_500, fallbacks=3, errors=at, p50_ms=1.2 + at / 10, p95_ms=3.0 + at / 5)
            for at, day in enumerate(days)
        ),
        reason=text or None,
    )
