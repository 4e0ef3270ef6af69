"""From an experiment and its sufficient statistics to its results: pure logic, without events, stores or clocks."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from bakeoff_core.experiments.metrics import Metric
from bakeoff_core.experiments.model import Experiment
from comparing import Comparable, Compared, Contrast, Terms, compare, describe, difference_of, value_of
from decision import Evidence, basis_for, decide
from detecting import detectable
from engine.summary import GroupSummary, Spread, Summary
from families import ADJUSTMENTS, Kind, adjust, alphas, fill
from progress import Standing, plan_progress, runtime_days, still_needed
from results import (
    AlwaysValid,
    Bayesian,
    Comparison,
    CovariateAdjustment,
    DayPoint,
    Distribution,
    EffectPoint,
    GroupResult,
    Interval,
    MeanValue,
    OmnibusResult,
    Plain,
    PlannedLook,
    Quality,
    Results,
    SampleRatioResult,
    Segments,
    Sensitivity,
    StillNeeded,
    Value,
    Window,
)
from segmenting import by_segment
from sensitivity import group_trend, sensitivity
from stats.bayesian import Posterior
from stats.cuped import Adjustment, adjusted, adjustment
from stats.difference import Undefined
from stats.group_sequential import METHOD as LOOK_METHOD
from stats.group_sequential import LookResult, Looks
from stats.proportions import Proportion, chi_square
from stats.sample_ratio import sample_ratio
from stats.sequential import METHOD as SEQUENCE_METHOD
from timeline import timeline

Comparisons: TypeAlias = dict[str, dict[str, Comparison]]

_BIASED = "no inverse-propensity estimate of such a metric, and a bandit's plain means are biased"
_FEWEST_GROUPS_AT_ONCE = 3


def look_at(experiment: Experiment, now: datetime) -> datetime:
    """Say as of when an experiment's data are looked at.

    A group-sequential test is judged at its planned looks and at no other time: from one look to the next it
    stays with the data of the former. Everything else, and such a test before its first look, is looked at now.
    """
    looks = [moment for moment in _look_times(experiment) if moment <= now]
    return looks[-1] if looks else now


def analyse(experiment: Experiment, summary: Summary, now: datetime) -> Results:
    """Work out an experiment's results and the decision they lead to.

    Args:
        experiment: Its configuration.
        summary: What its events come to, as of `look_at(experiment, now)`.
        now: The time of the analysis, which decides whether the planned end is reached.
    """
    return _Analysis(experiment, summary, now).results()


@dataclass(frozen=True, slots=True)
class _Pair:
    """A treatment and the control on one metric."""

    control: Comparable
    treatment: Comparable
    compared: Compared


class _Analysis:
    """One analysis of one experiment."""

    def __init__(self, experiment: Experiment, summary: Summary, now: datetime) -> None:
        self._experiment = experiment
        self._summary = summary
        self._now = now
        self._as_of = look_at(experiment, now)
        self._looks = _looks(experiment, summary, now)
        self._pairs: dict[tuple[str, str], _Pair] = {}

    def results(self) -> Results:
        experiment, summary = self._experiment, self._summary
        comparisons = self._comparisons()
        ratio = _sample_ratio(experiment, summary)
        primary = experiment.primary_metric
        standings = {} if primary is None else self._standings(primary)
        needed = {
            group: still_needed(experiment, summary, standing, self._as_of) for group, standing in standings.items()
        }
        decision = decide(self._evidence(comparisons, ratio, needed))
        return Results(
            experiment=experiment.name,
            description=experiment.description,
            hypotheses=experiment.hypotheses,
            status=experiment.status,
            computed_at=self._now,
            as_of=self._as_of,
            window=Window(
                start=experiment.start_time,
                end=experiment.end_time,
                config_version=experiment.config_version,
                first_exposure=summary.first_exposure,
                last_exposure=summary.last_exposure,
                last_seen=summary.last_seen,
            ),
            analysis=experiment.analysis,
            metrics=experiment.metrics,
            groups={name: self._group(name, group) for name, group in summary.groups.items()},
            sample_ratio=ratio,
            crossovers=summary.crossovers,
            comparisons=comparisons,
            decision=decision,
            omnibus=self._omnibus(),
            trends={}
            if primary is None
            else {
                name: group_trend(group, primary.name, experiment.analysis.confidence_level)
                for name, group in summary.groups.items()
            },
            # Plain means of a bandit's parts are as biased as those of the whole.
            sensitivity={} if primary is None or summary.propensities else self._sensitivity(primary),
            segments=Segments() if summary.propensities else by_segment(experiment, summary),
            data_quality=Quality(**asdict(summary.quality)),
            timeline=self._timeline(),
            plan=plan_progress(experiment, summary, needed.get(decision.group or ""), self._as_of),
            detectable={group: detectable(experiment, standing) for group, standing in standings.items()},
        )

    def _timeline(self) -> dict[str, tuple[EffectPoint, ...]]:
        experiment = self._experiment
        if experiment.primary_metric is None:
            return {}
        planned, taken = _look_times(experiment), self._looks
        looks = {
            planned[round(time * len(planned)) - 1]: Looks(taken.fractions[:number], taken.times[:number])
            for number, time in enumerate(taken.times, 1)
        }
        return timeline(experiment, self._summary, self._terms(experiment.primary_metric), looks)

    @property
    def _look_number(self) -> int:
        """Of the latest look, counted among the planned ones from 1; 0 before the first."""
        looks = self._experiment.analysis.planned_looks
        return round(self._looks.times[-1] * looks) if looks and self._looks.times else 0

    def _group(self, name: str, summary: GroupSummary) -> GroupResult:
        experiment = self._experiment
        return GroupResult(
            n=summary.n,
            control=name == experiment.control.name,
            configured_share=self._share(name),
            metrics={metric.name: self._value(metric, summary) for metric in experiment.metrics},
            daily=tuple(DayPoint(date=day.date, users=day.users, value=day.value) for day in summary.daily),
            distributions={name: _distribution(spread) for name, spread in summary.spreads.items()},
        )

    def _share(self, name: str) -> float:
        """What share of the users a group should have; of a bandit, by the weights in force for each of them."""
        expected = {group: each.expected for group, each in self._summary.propensities.items()}
        total = sum(expected.values())
        return expected[name] / total if total else self._experiment.shares[name]

    def _value(self, metric: Metric, group: GroupSummary) -> Value:
        value = describe(
            metric,
            group.metrics[metric.name],
            level=self._experiment.analysis.confidence_level,
            waiting=group.waiting.get(metric.name, 0),
        )
        if not isinstance(value, MeanValue) or metric.name not in self._summary.caps:
            return value
        uncut = group.uncut.get(metric.name)
        return value.model_copy(
            update={
                "cap": self._summary.caps[metric.name],
                "uncut_mean": None if uncut is None else value_of(uncut),
            }
        )

    def _comparisons(self) -> Comparisons:
        comparisons: Comparisons = {
            group.name: {metric.name: self._comparison(metric, group.name) for metric in self._experiment.metrics}
            for group in self._experiment.treatments
        }
        adjust(comparisons)
        for group, metric, kind, alpha in list(alphas(comparisons, 1 - self._experiment.analysis.confidence_level)):
            interval = self._widened(group, metric, kind, alpha)
            fill(comparisons, group, metric, kind, adjusted_interval=interval)
        return comparisons

    def _widened(self, group: str, metric: str, kind: Kind, alpha: float) -> Interval | None:
        """The interval of one kind at the level at which its family is judged."""
        pair = self._pairs[group, metric]
        terms = self._terms(next(each for each in self._experiment.metrics if each.name == metric))
        found = difference_of(pair.control, pair.treatment, replace(terms, level=1 - alpha))
        if isinstance(found, Undefined):
            return None
        if not kind:
            return found.lower, found.upper
        standing = Contrast(found.estimate, pair.compared.standard_error, pair.control.n + pair.treatment.n)
        if kind == "always_valid":
            # Intervals are two-sided, whatever the test is.
            return standing.within(standing.always_valid_boundary(replace(terms, alternative="two_sided"), alpha))
        return standing.within(standing.look_boundary(self._looks, alpha))

    def _comparison(self, metric: Metric, group: str) -> Comparison:
        frame = Comparison(
            role=metric.role,
            direction=metric.direction,
            alternative=metric.alternative,
            control=None,
            treatment=None,
            adjustment=ADJUSTMENTS[metric.role],
        )
        names = (self._experiment.control.name, group)
        if self._summary.propensities:
            weighted = [self._summary.propensities[name].metrics.get(metric.name) for name in names]
            baseline, value = weighted
            if baseline is None or value is None:
                return frame.model_copy(update={"reason": _BIASED})
            note = None if metric.covariate is None else "a bandit's weighted means take no covariate"
            return self._filled(frame, metric, group, (baseline, value), note)
        plain = self._summary.groups[names[0]].metrics[metric.name], self._summary.groups[group].metrics[metric.name]
        uncut = self._uncut(metric, names)
        frame = frame.model_copy(update={"uncut": uncut})
        by = self._adjustment(metric)
        if by is None:
            return self._filled(frame, metric, group, plain, None)
        without = [None if isinstance(by, Undefined) else self._adjusted(metric, name, by) for name in names]
        baseline_adjusted, value_adjusted = without
        if baseline_adjusted is None or value_adjusted is None or isinstance(by, Undefined):
            why = by.reason if isinstance(by, Undefined) else "a group has fewer than two units"
            return self._filled(frame, metric, group, plain, f"not adjusted for the covariate: {why}")
        filled = self._filled(frame, metric, group, (baseline_adjusted, value_adjusted), None)
        return filled.model_copy(update={"covariate": self._covariate(metric, plain, by, group)})

    def _filled(
        self,
        frame: Comparison,
        metric: Metric,
        group: str,
        pair: tuple[Comparable, Comparable],
        note: str | None,
    ) -> Comparison:
        compared = compare(*pair, self._terms(metric))
        self._pairs[group, metric.name] = _Pair(*pair, compared)
        values = {"control": value_of(pair[0]), "treatment": value_of(pair[1])}
        return frame.model_copy(update=values | _parts(compared, metric, self._look_number, note))

    def _terms(self, metric: Metric) -> Terms:
        planned = self._experiment.analysis.inference == "group_sequential"
        return Terms.of(self._experiment.analysis, metric, self._looks if planned else None)

    def _adjustment(self, metric: Metric) -> Adjustment | Undefined | None:
        covariates = [
            group.covariates[metric.name] for group in self._summary.groups.values() if metric.name in group.covariates
        ]
        return adjustment(covariates) if covariates else None

    def _adjusted(self, metric: Metric, group: str, by: Adjustment) -> Comparable | None:
        covariates = self._summary.groups[group].covariates
        if metric.name not in covariates:
            return None
        estimate = adjusted(covariates[metric.name], by)
        return None if isinstance(estimate, Undefined) else estimate

    def _covariate(
        self, metric: Metric, plain: tuple[Comparable, Comparable], by: Adjustment, group: str
    ) -> CovariateAdjustment:
        unadjusted = compare(*plain, self._terms(metric))
        before, after = unadjusted.standard_error, self._pairs[group, metric.name].compared.standard_error
        return CovariateAdjustment(
            theta=by.theta,
            variance_reduction=1 - (after / before) ** 2 if before > 0 else None,
            unadjusted=_plain(plain, self._terms(metric)),
        )

    def _uncut(self, metric: Metric, names: tuple[str, str]) -> Plain | None:
        control, treatment = (self._summary.groups[name].uncut.get(metric.name) for name in names)
        if control is None or treatment is None:
            return None
        return _plain((control, treatment), self._terms(metric))

    def _evidence(self, comparisons: Comparisons, ratio: SampleRatioResult, needed: dict[str, StillNeeded]) -> Evidence:
        experiment, summary = self._experiment, self._summary
        sizes = {name: group.n for name, group in summary.groups.items()}
        basis, not_yet = basis_for(experiment, sum(sizes.values()), self._now)
        if basis == "group_sequential" and not self._looks.fractions:
            not_yet = f"its first planned look is at {_look_times(experiment)[0]:%Y-%m-%d %H:%M} UTC"
        primary = experiment.primary_metric
        waiting = 0 if primary is None else sum(group.waiting.get(primary.name, 0) for group in summary.groups.values())
        if basis == "planned_horizon" and waiting and experiment.end_time is not None:
            not_yet = f"its window is not over for {waiting:,} users"
        return Evidence(
            basis=basis,
            not_yet=not_yet,
            alpha=1 - experiment.analysis.confidence_level,
            group_sizes=sizes,
            crossovers=summary.crossovers,
            sample_ratio=ratio,
            primary=None if primary is None else primary.name,
            comparisons=comparisons,
            runtime_days=runtime_days(experiment, summary, self._now),
            minimum_runtime_days=experiment.analysis.minimum_runtime_days,
            minimum_sample_size=experiment.analysis.minimum_sample_size,
            still_needed=needed,
        )

    def _standings(self, primary: Metric) -> dict[str, Standing]:
        shares = self._experiment.shares
        control_share = shares[self._experiment.control.name]
        return {
            group: Standing(
                metric=primary,
                control=pair.control,
                treatment=pair.treatment,
                compared=pair.compared,
                ratio=shares[group] / control_share if control_share and shares[group] else 1.0,
            )
            for (group, metric), pair in self._pairs.items()
            if metric == primary.name and pair.control.n and pair.treatment.n
        }

    def _omnibus(self) -> dict[str, OmnibusResult]:
        groups = self._summary.groups
        if len(groups) < _FEWEST_GROUPS_AT_ONCE or self._summary.propensities:
            return {}
        found = {}
        for metric in self._experiment.metrics:
            rates = [each for group in groups.values() if isinstance(each := group.metrics[metric.name], Proportion)]
            if not rates:
                continue
            tested = chi_square(rates)
            found[metric.name] = (
                OmnibusResult(reason=tested.reason)
                if isinstance(tested, Undefined)
                else OmnibusResult(
                    statistic=tested.statistic,
                    degrees_of_freedom=tested.degrees_of_freedom,
                    p_value=tested.p_value,
                    method=tested.method,
                )
            )
        return found

    def _sensitivity(self, primary: Metric) -> dict[str, Sensitivity]:
        terms = replace(self._terms(primary), looks=None)
        control = self._summary.groups[self._experiment.control.name]
        return {
            group.name: sensitivity(control, self._summary.groups[group.name], primary.name, terms)
            for group in self._experiment.treatments
        }


def _distribution(spread: Spread) -> Distribution:
    edges = tuple((spread.first + step) * spread.width for step in range(len(spread.counts) + 1))
    return Distribution(edges=edges, counts=spread.counts, below=spread.below, above=spread.above)


def _sample_ratio(experiment: Experiment, summary: Summary) -> SampleRatioResult:
    names = list(experiment.shares)
    # A bandit's groups are held against the weights that were in force when each unit was drawn.
    expected = {name: each.expected for name, each in summary.propensities.items()} or experiment.shares
    tested = sample_ratio([summary.groups[name].n for name in names], [expected[name] for name in names])
    if isinstance(tested, Undefined):
        return SampleRatioResult(statistic=None, p_value=None, alarm=False, reason=tested.reason)
    return SampleRatioResult(statistic=tested.statistic, p_value=tested.p_value, alarm=tested.alarm)


def _parts(compared: Compared, metric: Metric, look: int, note: str | None) -> dict[str, object]:
    if isinstance(compared.absolute, Undefined):
        return {"reason": _joined(note, compared.absolute.reason)}
    parts: dict[str, object] = {
        "difference": compared.absolute.estimate,
        "interval": (compared.absolute.lower, compared.absolute.upper),
        "p_value": compared.absolute.p_value,
        "method": compared.absolute.method,
        "effect_size": compared.effect_size,
        "reason": note,
    }
    if isinstance(compared.relative, Undefined):
        parts["reason"] = _joined(note, f"no relative difference: {compared.relative.reason}")
    else:
        parts["relative_difference"] = compared.relative.estimate
        parts["relative_interval"] = (compared.relative.lower, compared.relative.upper)
        parts["relative_method"] = compared.relative.method
    if not isinstance(compared.sequence, Undefined):
        interval = (compared.sequence.lower, compared.sequence.upper)
        parts["always_valid_interval"] = interval
        parts["always_valid"] = AlwaysValid(
            interval=interval,
            p_value=compared.sequence.p_value,
            adjusted_p_value=compared.sequence.p_value,
            method=SEQUENCE_METHOD,
        )
    if isinstance(compared.look, LookResult):
        parts["group_sequential"] = _planned_look(compared.look, look)
    if isinstance(compared.posterior, Posterior):
        parts["bayesian"] = _bayesian(compared.posterior, metric)
    return parts


def _planned_look(look: LookResult, number: int) -> PlannedLook:
    return PlannedLook(
        look=number,
        boundary=look.boundary,
        interval=(look.lower, look.upper),
        p_value=look.p_value,
        adjusted_p_value=look.p_value,
        method=LOOK_METHOD,
    )


def _bayesian(posterior: Posterior, metric: Metric) -> Bayesian:
    rising = metric.direction == "increase"
    losses = posterior.loss_of_treatment, posterior.loss_of_control
    return Bayesian(
        probability_to_beat_control=posterior.probability if rising else 1 - posterior.probability,
        expected_loss=losses[0 if rising else 1],
        expected_loss_of_control=losses[1 if rising else 0],
        interval=(posterior.lower, posterior.upper),
        method=posterior.method,
    )


def _plain(pair: tuple[Comparable, Comparable], terms: Terms) -> Plain:
    found = difference_of(*pair, terms)
    plain = Plain(control=value_of(pair[0]), treatment=value_of(pair[1]))
    if isinstance(found, Undefined):
        return plain
    return plain.model_copy(
        update={
            "difference": found.estimate,
            "interval": (found.lower, found.upper),
            "p_value": found.p_value,
        }
    )


def _joined(note: str | None, reason: str) -> str:
    return reason if note is None else f"{note}; {reason}"


def _look_times(experiment: Experiment) -> list[datetime]:
    plan = experiment.analysis
    if plan.planned_looks is None or experiment.start_time is None or experiment.end_time is None:
        return []
    step = (experiment.end_time - experiment.start_time) / plan.planned_looks
    return [experiment.start_time + step * number for number in range(1, plan.planned_looks + 1)]


def _looks(experiment: Experiment, summary: Summary, now: datetime) -> Looks:
    """The looks taken so far: their information is the users who had come, their spending goes by the calendar.

    Users within a day (UTC) are taken to have come evenly. A look before anybody came is none, and of looks
    between which nobody came, so that they saw the same, only the last one is.
    """
    planned = _look_times(experiment)
    taken: dict[float, int] = {}  # by the users they saw
    for number, moment in enumerate(planned, 1):
        if moment <= now and (users := _users_before(summary, moment)) > 0:
            taken[users] = number
    # Only how the looks' information compares matters to the boundaries, not what the whole will be.
    whole = max(taken, default=1.0) * len(planned) / max(taken.values(), default=1)
    return Looks(
        fractions=tuple(users / whole for users in taken),
        times=tuple(number / len(planned) for number in taken.values()),
    )


def _users_before(summary: Summary, moment: datetime) -> float:
    at = moment.astimezone(UTC)
    within = (at - at.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(days=1)
    days = [day for group in summary.groups.values() for day in group.daily]
    return sum(day.users * (1.0 if day.date < at.date() else within) for day in days if day.date <= at.date())
