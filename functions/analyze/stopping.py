"""Whether an experiment is to be stopped by a rule, and who serves its users then: pure logic on its results."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from bakeoff_core.experiments.model import Experiment
from bakeoff_core.validation import FiniteJson
from findings import breach_figures, breach_in_words, breach_of
from results import Results
from stats.difference import Undefined
from stats.sequential_sample_ratio import METHOD, sequential_sample_ratio

StopRule: TypeAlias = Literal["guardrail_breached", "sample_ratio_mismatch", "winner"]


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an experiment is to be stopped.

    Attributes:
        rule: The rule that says so.
        explanation: The same in a sentence.
        figures: The numbers that made it say so.
        serving_group: The group that is to serve everybody; None for the control.
    """

    rule: StopRule
    explanation: str
    figures: dict[str, FiniteJson]
    serving_group: str | None

    def evidence(self, results: Results) -> dict[str, FiniteJson]:
        """Write down what goes on record with the stop."""
        return {
            "rule": self.rule,
            "explanation": self.explanation,
            **self.figures,
            "users": {name: group.n for name, group in results.groups.items()},
            "verdict": results.decision.verdict,
            "as_of": results.as_of.isoformat(),
            "serving_group": self.serving_group or results.control,
        }


def why_stop(experiment: Experiment, results: Results, now: datetime) -> Stop | None:
    """Apply the stopping rules that an experiment has switched on, harm first.

    Each rests on something that holds at every look, or at the one that was planned: a confidence sequence, a
    sequential test of the sample ratio, or a decision by the declared inference.

    Args:
        experiment: Its configuration.
        results: What a look came to.
        now: The moment as of which it was taken.
    """
    for rule, find in _RULES.items():
        if getattr(experiment.alert_rules.auto_stop, rule):
            for explanation, figures in find(experiment, results, now):
                return Stop(rule, explanation, figures, _serving_group(experiment, results))
    return None


def _serving_group(experiment: Experiment, results: Results) -> str | None:
    wins = results.decision.verdict == "implement"
    return results.decision.group if wins and experiment.alert_rules.traffic_after_stop == "winner" else None


def _guardrail_breached(
    experiment: Experiment, results: Results, _now: datetime
) -> Iterator[tuple[str, dict[str, FiniteJson]]]:
    threshold = experiment.alert_rules.safety_threshold_breached.relative_change
    plan = experiment.analysis
    for group, comparisons in results.comparisons.items():
        # Confidence sequences hold for numbers that are not too small.
        if min(results.groups[name].n for name in (group, results.control)) < plan.minimum_sample_size:
            continue
        for metric, comparison in comparisons.items():
            breach = breach_of(comparison, threshold) if comparison.role == "guardrail" else None
            if breach is not None:
                words = breach_in_words(group, metric, results, breach)
                yield words, {**breach_figures(group, metric, comparison, breach), "threshold": threshold}


def _sample_ratio_mismatch(
    experiment: Experiment, results: Results, _now: datetime
) -> Iterator[tuple[str, dict[str, FiniteJson]]]:
    if experiment.assignment_algorithm == "bandit":  # its weights change, and the test is of weights that do not
        return
    names, threshold = list(experiment.shares), experiment.alert_rules.sample_ratio_mismatch.p_value
    counts = [results.groups[name].n for name in names]
    tested = sequential_sample_ratio(counts, [experiment.shares[name] for name in names])
    if isinstance(tested, Undefined) or tested.p_value >= threshold:
        return
    listed = ", ".join(f"{name} has {count:,}" for name, count in zip(names, counts, strict=True))
    yield (
        f"The groups do not get the users that were configured: {listed} (p = {tested.p_value:.2g} by any look).",
        {
            "configured_shares": dict[str, FiniteJson](experiment.shares),
            "p_value": tested.p_value,
            "threshold": threshold,
            "method": METHOD,
        },
    )


def _winner(experiment: Experiment, results: Results, now: datetime) -> Iterator[tuple[str, dict[str, FiniteJson]]]:
    decision = results.decision
    if decision.verdict != "implement" or decision.group is None or decision.metric is None:
        return
    comparison = results.comparisons[decision.group][decision.metric]
    if decision.basis == "planned_horizon" and not (experiment.end_time and experiment.end_time <= now):
        # A number of users is passed, not met: looks after that are many, and only the sequence allows for them.
        sequence = comparison.always_valid
        if sequence is None or sequence.adjusted_p_value >= 1 - experiment.analysis.confidence_level:
            return
    yield (
        decision.explanation,
        {
            "group": decision.group,
            "metric": decision.metric,
            "basis": decision.basis,
            "decided_by": decision.rule,
            "control": comparison.control,
            "treatment": comparison.treatment,
            "expected_improvement": decision.expected_improvement,
            "relative_improvement": decision.relative_improvement,
            "interval": None if decision.interval is None else list(decision.interval),
        },
    )


_Rule: TypeAlias = Callable[[Experiment, Results, datetime], Iterator[tuple[str, dict[str, FiniteJson]]]]

_RULES: Mapping[StopRule, _Rule] = {
    "guardrail_breached": _guardrail_breached,
    "sample_ratio_mismatch": _sample_ratio_mismatch,
    "winner": _winner,
}
