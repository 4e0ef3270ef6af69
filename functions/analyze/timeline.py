"""How the effect on the primary metric stood over time, and what would have decided at each moment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bakeoff_core.experiments.metrics import Metric
from bakeoff_core.experiments.model import Experiment
from comparing import Comparable, Contrast, Terms, contrast, value_of
from engine.reading import statistics_of
from engine.summary import Summary
from results import EffectPoint
from stats.cuped import Adjustment, adjusted, adjustment
from stats.difference import Undefined
from stats.estimates import Alternative, Estimate
from stats.group_sequential import Looks
from stats.multiplicity import holm_alphas

_FIXED = "a fixed horizon decides at its planned end only"


def timeline(
    experiment: Experiment, summary: Summary, terms: Terms, looks: Mapping[datetime, Looks]
) -> dict[str, tuple[EffectPoint, ...]]:
    """Compare every treatment with the control on the primary metric at every moment that the summary has.

    Args:
        experiment: Its configuration.
        summary: What its events come to.
        terms: Of the comparisons on the primary metric.
        looks: Of a group-sequential test, by the moment of each look: all looks until then. It is judged at no
            other moment.

    Returns:
        By treatment group: points in the order of their times; none for a quantile, of which no sums are kept.
    """
    primary, by_looks = experiment.primary_metric, terms.looks is not None
    if primary is None:
        return {}
    moments = [
        _Moment(
            control=experiment.control.name,
            groups=_standing(primary, summary, at),
            terms=replace(terms, looks=looks[at]) if by_looks else terms,
            at=at,
            decides=experiment.analysis.inference != "fixed_horizon",
        )
        for at in _moments(summary)
        if at in looks or not by_looks
    ]
    points = [moment.points() for moment in moments]
    return {group.name: tuple(each[group.name] for each in points) for group in experiment.treatments}


def _moments(summary: Summary) -> list[datetime]:
    series = summary.propensities or summary.groups
    return sorted({moment for each in series.values() for moment in each.timeline})


def _standing(metric: Metric, summary: Summary, moment: datetime) -> dict[str, Comparable]:
    """Every group as it stood, with a covariate taken out as in the results."""
    if summary.propensities:
        return {name: each.timeline[moment] for name, each in summary.propensities.items()}
    sums = {name: group.timeline[moment] for name, group in summary.groups.items()}
    by = adjustment(list(sums.values())) if metric.covariate is not None else None
    if isinstance(by, Adjustment):
        without = {name: adjusted(each, by) for name, each in sums.items()}
        defined = {name: each for name, each in without.items() if isinstance(each, Estimate)}
        if len(defined) == len(sums):
            return dict(defined)
    return {name: statistics_of(metric, each) for name, each in sums.items()}


@dataclass(frozen=True, slots=True)
class _Moment:
    """All groups at one moment.

    Attributes:
        control: The control's name.
        groups: Every group's statistics by then.
        terms: Of the comparisons; with the looks by then.
        at: The moment.
        decides: Whether a difference may decide at it.
    """

    control: str
    groups: Mapping[str, Comparable]
    terms: Terms
    at: datetime
    decides: bool

    def points(self) -> dict[str, EffectPoint]:
        control = self.groups[self.control]
        found = {name: contrast(control, group) for name, group in self.groups.items() if name != self.control}
        parts: dict[str, dict[str, object]] = {
            name: {"reason": each.reason} for name, each in found.items() if isinstance(each, Undefined)
        }
        standing = {name: each for name, each in found.items() if isinstance(each, Contrast)}
        p_values = [self._p_value(each, len(standing)) for each in standing.values()]
        for (name, each), alpha in zip(standing.items(), holm_alphas(p_values, self._alpha), strict=True):
            parts[name] = self._defined(each, alpha)
        return {name: self._point(name, parts[name]) for name in found}

    @property
    def _alpha(self) -> float:
        return 1 - self.terms.level

    def _point(self, group: str, parts: Mapping[str, object]) -> EffectPoint:
        control, treatment = self.groups[self.control], self.groups[group]
        return EffectPoint(
            # Of the last microsecond that counts: the end of a day is that day's.
            date=(self.at - self.at.resolution).date(),
            at=self.at,
            control_n=control.n,
            treatment_n=treatment.n,
            control=value_of(control),
            treatment=value_of(treatment),
        ).model_copy(update=dict(parts))

    def _defined(self, standing: Contrast, alpha: float) -> dict[str, object]:
        return {
            "difference": standing.difference,
            "interval": standing.within(self._boundary(standing, alpha, "two_sided")),
            "boundary": self._boundary(standing, alpha, self.terms.alternative) if self.decides else None,
            "reason": None if self.decides else _FIXED,
        }

    def _boundary(self, standing: Contrast, alpha: float, alternative: Alternative) -> float:
        if self.terms.looks is None:
            return standing.always_valid_boundary(replace(self.terms, alternative=alternative), alpha)
        sides = 2 if alternative == "two_sided" else 1
        return standing.look_boundary(self.terms.looks, alpha, sides=sides)

    def _p_value(self, standing: Contrast, family: int) -> float:
        """The smallest of the levels that Holm's procedure may ask for at which the difference decides; 1 for none."""
        alternative = self.terms.alternative
        reached = {"two_sided": abs(standing.difference), "greater": standing.difference, "less": -standing.difference}
        levels = [self._alpha / size for size in range(family, 0, -1)]
        return next(
            (alpha for alpha in levels if reached[alternative] >= self._boundary(standing, alpha, alternative)), 1.0
        )
