"""The models of an experiment in words: what they did, and how far their inputs have drifted."""

from collections.abc import Sequence
from dataclasses import dataclass

from model_results import Drift, ModelResult, ShadowResult
from rendering.formatting import MISSING, count, number, optional, p_value, percent

_MOST_ROWS = 20
_LEVELS = {"stable": "stable", "moderate": "moderate drift", "large": "large drift"}


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One variable against the training sample."""

    name: str
    values: str
    index: str
    level: str
    distance: str
    p_value: str


@dataclass(frozen=True, slots=True)
class ModelSection:
    """One model version in one group."""

    name: str
    about: str
    rows: tuple[DriftRow, ...]
    shadows: tuple[str, ...]
    note: str


def model_sections(models: Sequence[ModelResult]) -> tuple[ModelSection, ...]:
    """Put what models did into words; of many variables, those that moved most."""
    return tuple(_section(model) for model in models)


def _section(model: ModelResult) -> ModelSection:
    where = "outside the groups" if model.group is None else f"in {model.group}"
    return ModelSection(
        name=f"{model.model_name}:{model.model_version} {where}",
        about=_about(model),
        rows=tuple(map(_row, model.drift[:_MOST_ROWS])),
        shadows=tuple(map(_shadow, model.shadows)),
        note=_note(model),
    )


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


def _note(model: ModelResult) -> str:
    if model.reason is not None:
        return f"No drift is known: {model.reason}"
    left_out = len(model.drift) - _MOST_ROWS
    return f"{count(left_out)} variables that moved less are left out here" if left_out > 0 else ""


def _row(drift: Drift) -> DriftRow:
    return DriftRow(
        name=drift.variable,
        values=count(drift.values),
        index=optional(drift.psi, lambda index: f"{index:.3f}"),
        level=drift.reason or (MISSING if drift.level is None else _LEVELS[drift.level]),
        distance=optional(drift.ks, lambda distance: f"{distance:.3f}"),
        p_value=optional(drift.ks_p_value, p_value),
    )
