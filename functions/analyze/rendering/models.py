"""The models of an experiment: what they did, and how far their inputs have drifted."""

from collections.abc import Sequence

from model_documents import Drift, ModelResult, ShadowResult
from rendering.blocks import Prose, Section, Table, of
from rendering.charts.models import drift_chart, errors_chart, latency_chart, model_name
from rendering.formatting import MISSING, count, number, optional, p_value, percent

_MOST_ROWS = 20
_LEVELS = {"stable": "stable", "moderate": "moderate drift", "large": "large drift"}


def models_section(models: Sequence[ModelResult]) -> Section:
    """What models did, all together and each for itself."""
    return Section(
        "Models",
        of(
            *(
                [
                    Prose(
                        "How often and how fast each model predicted, and how its inputs and outputs differ from those "
                        "of the sample that it was published with: the population stability index, and the "
                        "Kolmogorov-Smirnov distance of the binned distributions."
                    )
                ]
                if models
                else []
            ),
            latency_chart(models),
            errors_chart(models),
        ),
        tuple(map(_section, models)),
    )


def models_table(models: Sequence[ModelResult]) -> Table:
    """One line a model."""
    return Table(
        "Models",
        "What each did since the experiment began, and the variable that is farthest from the training sample.",
        ("Model", "Predictions", "Fallbacks", "Median", "95th percentile", "Drift"),
        tuple(
            (
                model_name(model),
                count(model.predictions),
                count(model.fallbacks),
                *(
                    (MISSING, MISSING)
                    if model.latency_ms is None
                    else (f"{number(model.latency_ms.p50)} ms", f"{number(model.latency_ms.p95)} ms")
                ),
                _farthest(model),
            )
            for model in models
        ),
    )


def _farthest(model: ModelResult) -> str:
    known = [each for each in model.drift if each.level is not None]
    if not known:
        return model.reason or MISSING
    return f"{known[0].variable}: {_LEVELS[known[0].level or 'stable']}"


def _section(model: ModelResult) -> Section:
    return Section(
        model_name(model),
        of(
            Prose(f"{_about(model)}."),
            *(Prose(f"{_shadow(shadow)}.") for shadow in model.shadows),
            drift_chart(model),
            Table(
                f"Drift of {model_name(model)}",
                _left_out(model),
                ("Variable", "Values", "Stability index", "Level", "Distance", "p"),
                tuple(map(_row, model.drift[:_MOST_ROWS])),
            ),
            None if model.reason is None else Prose(f"No drift is known: {model.reason}."),
        ),
    )


def _about(model: ModelResult) -> str:
    parts = [f"{count(model.predictions)} predictions"]
    if model.fallbacks:
        parts.append(f"{count(model.fallbacks)} of them as a fallback for the group's own model")
    if model.latency_ms is not None:
        latency = model.latency_ms
        parts.append(
            f"latency {number(latency.p50)} ms at the median, {number(latency.p95)} ms at the 95th and "
            f"{number(latency.p99)} ms at the 99th percentile"
        )
    return ", ".join(parts)


def _shadow(shadow: ShadowResult) -> str:
    version = "" if shadow.model_version is None else f":{shadow.model_version}"
    parts = [f"{count(shadow.compared)} predictions beside these"]
    if shadow.same is not None:
        parts.append(f"{percent(shadow.same)} of them the same")
    if shadow.mean_difference is not None:
        parts.append(f"mean difference {number(shadow.mean_difference)}")
    if shadow.latency_ms is not None:
        parts.append(f"latency {number(shadow.latency_ms.p95)} ms at the 95th percentile")
    if shadow.failed:
        parts.append(f"{count(shadow.failed)} not made")
    return f"Shadow {shadow.model_name}{version}: {', '.join(parts)}"


def _left_out(model: ModelResult) -> str:
    left_out = len(model.drift) - _MOST_ROWS
    about = "Each variable against the training sample, those that moved most first."
    return f"{about} {count(left_out)} variables that moved less are left out here." if left_out > 0 else about


def _row(drift: Drift) -> tuple[str, ...]:
    return (
        drift.variable,
        count(drift.values),
        optional(drift.psi, lambda index: f"{index:.3f}"),
        drift.reason or (MISSING if drift.level is None else _LEVELS[drift.level]),
        optional(drift.ks, lambda distance: f"{distance:.3f}"),
        optional(drift.ks_p_value, p_value),
    )
