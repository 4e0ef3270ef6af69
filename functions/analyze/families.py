"""Families of comparisons: every p-value corrected for those that were computed beside it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from bakeoff_core.experiments.metrics import Role
from results import Comparison
from stats.multiplicity import benjamini_hochberg, benjamini_hochberg_alphas, holm, holm_alphas

Adjustment: TypeAlias = Literal["Holm", "Benjamini-Hochberg", "none"]
Adjust: TypeAlias = Callable[[Sequence[float]], list[float]]

ADJUSTMENTS: Mapping[Role, Adjustment] = {
    "primary": "Holm",
    "secondary": "Benjamini-Hochberg",
    # A guardrail is there to be hit: correcting it would make harm harder to see.
    "guardrail": "none",
}

Kind: TypeAlias = Literal["", "always_valid", "group_sequential"]
"""Where a comparison keeps a kind of p-value and interval: in itself, or in one of its parts."""

KINDS: tuple[Kind, ...] = ("", "always_valid", "group_sequential")

_FUNCTIONS: Mapping[Adjustment, Adjust] = {"Holm": holm, "Benjamini-Hochberg": benjamini_hochberg, "none": list}


_ALPHAS: Mapping[Adjustment, Callable[[Sequence[float], float], list[float]]] = {
    "Holm": holm_alphas,
    "Benjamini-Hochberg": benjamini_hochberg_alphas,
    "none": lambda p_values, alpha: [alpha] * len(p_values),
}


def adjust(comparisons: dict[str, dict[str, Comparison]]) -> None:
    """Fill in the adjusted p-values of every family: all comparisons on metrics of one role.

    Each kind of p-value is a family of its own, since only one of them decides.
    """
    for role, name in ADJUSTMENTS.items():
        for kind in KINDS:
            found = _members(comparisons, role, kind)
            adjusted = _FUNCTIONS[name]([p_value for *_, p_value in found])
            for (group, metric, _), p_value in zip(found, adjusted, strict=True):
                fill(comparisons, group, metric, kind, adjusted_p_value=p_value)


def alphas(comparisons: Mapping[str, Mapping[str, Comparison]], alpha: float) -> Iterator[tuple[str, str, Kind, float]]:
    """Say at which level each p-value is judged within its family.

    Args:
        comparisons: By group and metric.
        alpha: Of every family.

    Yields:
        A group, a metric, a kind of p-value, and the level.
    """
    for role, name in ADJUSTMENTS.items():
        for kind in KINDS:
            found = _members(comparisons, role, kind)
            levels = _ALPHAS[name]([p_value for *_, p_value in found], alpha)
            for (group, metric, _), level in zip(found, levels, strict=True):
                yield group, metric, kind, level


def fill(comparisons: dict[str, dict[str, Comparison]], group: str, metric: str, kind: Kind, **fields: object) -> None:
    """Set fields of a comparison, or of a part of it that is there."""
    comparison = comparisons[group][metric]
    update: dict[str, object] = {kind: getattr(comparison, kind).model_copy(update=fields)} if kind else fields
    comparisons[group][metric] = comparison.model_copy(update=update)


def _members(
    comparisons: Mapping[str, Mapping[str, Comparison]], role: Role, kind: Kind
) -> list[tuple[str, str, float]]:
    """List a family's p-values of one kind, with group and metric."""
    found: list[tuple[str, str, float]] = []
    for group, by_metric in comparisons.items():
        for metric, comparison in by_metric.items():
            holder = getattr(comparison, kind) if kind else comparison
            if comparison.role == role and holder is not None and holder.p_value is not None:
                found.append((group, metric, holder.p_value))
    return found
