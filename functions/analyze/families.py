"""Families of comparisons: every p-value corrected for those that were computed beside it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from bakeoff_core.experiments.metrics import Role
from results import Comparison
from stats.multiplicity import benjamini_hochberg, holm

Adjustment: TypeAlias = Literal["Holm", "Benjamini-Hochberg", "none"]
Adjust: TypeAlias = Callable[[Sequence[float]], list[float]]

ADJUSTMENTS: Mapping[Role, Adjustment] = {
    "primary": "Holm",
    "secondary": "Benjamini-Hochberg",
    # A guardrail is there to be hit: correcting it would make harm harder to see.
    "guardrail": "none",
}

_FUNCTIONS: Mapping[Adjustment, Adjust] = {"Holm": holm, "Benjamini-Hochberg": benjamini_hochberg, "none": list}


def adjust(comparisons: dict[str, dict[str, Comparison]]) -> None:
    """Fill in the adjusted p-values of every family: all comparisons on metrics of one role.

    Each kind of p-value is a family of its own, since only one of them decides.
    """
    for role, name in ADJUSTMENTS.items():
        members = [
            (group, metric) for group, each in comparisons.items() for metric in each if each[metric].role == role
        ]
        for attribute in ("", "always_valid", "group_sequential"):
            _adjust(comparisons, members, attribute, _FUNCTIONS[name])


def _adjust(
    comparisons: dict[str, dict[str, Comparison]], members: list[tuple[str, str]], attribute: str, function: Adjust
) -> None:
    found: list[tuple[str, str, Any, float]] = []
    for group, metric in members:
        comparison = comparisons[group][metric]
        holder = getattr(comparison, attribute) if attribute else comparison
        if holder is not None and holder.p_value is not None:
            found.append((group, metric, holder, holder.p_value))
    adjusted = function([p_value for *_, p_value in found])
    for (group, metric, holder, _), p_value in zip(found, adjusted, strict=True):
        changed = holder.model_copy(update={"adjusted_p_value": p_value})
        comparisons[group][metric] = (
            comparisons[group][metric].model_copy(update={attribute: changed}) if attribute else changed
        )
