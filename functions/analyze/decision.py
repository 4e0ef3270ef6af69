"""From results to a decision: a table of rules, of which the first that applies decides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bakeoff_core.experiments.model import Experiment
from results import Basis, Comparison, Decision, Interval, SampleRatioResult, Verdict

SIGNIFICANCE = 0.05
CROSSOVERS_ABOVE = 0.01

_FINISHED = frozenset({"completed", "stopped"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules look at.

    Attributes:
        basis: Which p-values and intervals may decide.
        n: Users in all groups.
        crossovers: Users seen in two groups.
        sample_ratio: The sample-ratio check.
        primary: The primary metric's name.
        comparisons: By treatment group and metric.
    """

    basis: Basis
    n: int
    crossovers: int
    sample_ratio: SampleRatioResult
    primary: str | None
    comparisons: Mapping[str, Mapping[str, Comparison]]

    @property
    def crossover_share(self) -> float:
        """Crossovers over all users seen."""
        seen = self.n + self.crossovers
        return self.crossovers / seen if seen else 0.0

    def movement(self, group: str, metric: str) -> float:
        """How a metric certainly moved: above 0 for the better, below for the worse, 0 where chance explains it."""
        comparison = self.comparisons[group][metric]
        p_value = _p_value(comparison, self.basis)
        if p_value is None or p_value >= SIGNIFICANCE or comparison.difference is None:
            return 0.0
        return comparison.difference if comparison.direction == "increase" else -comparison.difference

    def harmed(self, group: str) -> str | None:
        """Name the first guardrail that a group certainly harms."""
        guardrails = (name for name, each in self.comparisons[group].items() if each.role == "guardrail")
        return next((name for name in guardrails if self.movement(group, name) < 0), None)


@dataclass(frozen=True, slots=True)
class Finding:
    """That a rule applies: about which group and metric, why, and what follows."""

    explanation: str
    next_steps: tuple[str, ...]
    group: str | None = None
    metric: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """If it finds something, its verdict stands."""

    name: str
    verdict: Verdict
    find: Callable[[Evidence], Finding | None]


def basis_for(experiment: Experiment, now: datetime) -> Basis:
    """Say which results may decide.

    A fixed-horizon p-value holds for one look at the planned end. Before that an experiment is looked at
    again and again, which only always-valid results allow.
    """
    ended = experiment.end_time is not None and now >= experiment.end_time
    return "planned_horizon" if ended or experiment.status in _FINISHED else "always_valid"


def decide(evidence: Evidence) -> Decision:
    """Apply the first rule that finds something."""
    for rule in RULES:
        finding = rule.find(evidence)
        if finding is not None:
            return _decision(rule, finding, evidence)
    raise AssertionError("the last rule always applies")


def _decision(rule: Rule, finding: Finding, evidence: Evidence) -> Decision:
    decision = Decision(
        verdict=rule.verdict,
        rule=rule.name,
        basis=evidence.basis,
        group=finding.group,
        metric=finding.metric,
        explanation=finding.explanation,
        next_steps=finding.next_steps,
    )
    if finding.group is None or finding.metric is None:
        return decision
    comparison = evidence.comparisons[finding.group][finding.metric]
    interval = _interval(comparison, evidence.basis)
    if comparison.difference is None or interval is None:
        return decision
    sign = 1 if comparison.direction == "increase" else -1
    relative = comparison.relative_difference
    return decision.model_copy(
        update={
            "expected_improvement": sign * comparison.difference,
            "interval": interval if sign > 0 else (-interval[1], -interval[0]),
            "relative_improvement": None if relative is None else sign * relative,
        }
    )


def _p_value(comparison: Comparison, basis: Basis) -> float | None:
    if basis == "planned_horizon":
        return comparison.adjusted_p_value
    return None if comparison.always_valid is None else comparison.always_valid.adjusted_p_value


def _interval(comparison: Comparison, basis: Basis) -> Interval | None:
    if basis == "planned_horizon":
        return comparison.interval
    return None if comparison.always_valid is None else comparison.always_valid.interval


def _no_users(evidence: Evidence) -> Finding | None:
    if evidence.n:
        return None
    return Finding(
        "No user has been exposed in the analysis window.",
        ("Check that the experiment is running and that exposures reach the event bucket.",),
    )


def _sample_ratio(evidence: Evidence) -> Finding | None:
    if not evidence.sample_ratio.alarm:
        return None
    return Finding(
        "The groups' numbers of users do not fit the configured weights, so the groups cannot be compared.",
        (
            "Find out where users of one group get lost: redirects, crashes, bots, late logging.",
            "Repair the cause, then start a new version of the experiment.",
        ),
    )


def _crossovers(evidence: Evidence) -> Finding | None:
    if evidence.crossover_share <= CROSSOVERS_ABOVE:
        return None
    return Finding(
        f"{evidence.crossover_share:.1%} of the users were seen in two groups, more than {CROSSOVERS_ABOVE:.0%}.",
        ("Find out why users change their group: unstable user ids, a second assigner.",),
    )


def _no_primary_metric(evidence: Evidence) -> Finding | None:
    if evidence.primary is not None:
        return None
    return Finding("The experiment has no metric to decide by.", ("Give the experiment a primary metric.",))


def _clean_winner(evidence: Evidence) -> str | None:
    primary = evidence.primary or ""
    movements = {group: evidence.movement(group, primary) for group in evidence.comparisons}
    winners = [group for group, moved in movements.items() if moved > 0 and evidence.harmed(group) is None]
    return max(winners, key=lambda group: movements[group], default=None)


def _guardrail_worse(evidence: Evidence) -> Finding | None:
    if _clean_winner(evidence) is not None:
        return None
    for group in evidence.comparisons:
        if (guardrail := evidence.harmed(group)) is not None:
            return Finding(
                f"{group} makes the guardrail {guardrail} worse, which outweighs any gain elsewhere.",
                (f"Do not roll out {group}.", f"Find out how it harms {guardrail} before it is tested again."),
                group,
                guardrail,
            )
    return None


def _primary_better(evidence: Evidence) -> Finding | None:
    winner = _clean_winner(evidence)
    if winner is None:
        return None
    return Finding(
        f"{winner} is better than the control on {evidence.primary}, and harms no guardrail.",
        (f"Roll out {winner}.", "Keep watching the guardrails while it rolls out."),
        winner,
        evidence.primary,
    )


def _primary_worse(evidence: Evidence) -> Finding | None:
    primary = evidence.primary or ""
    movements = {group: evidence.movement(group, primary) for group in evidence.comparisons}
    if not movements or not all(moved < 0 for moved in movements.values()):
        return None
    worst = min(movements, key=lambda group: movements[group])
    return Finding(
        f"Every treatment is worse than the control on {primary}, {worst} most of all.",
        ("Keep the control.", "Look into the segments before another version is tried."),
        worst,
        primary,
    )


def _undecided(evidence: Evidence) -> Finding:
    primary = evidence.primary or ""
    differences = {
        group: each[primary].difference or 0.0 for group, each in evidence.comparisons.items() if primary in each
    }
    leader = max(
        differences,
        key=lambda group: (
            differences[group] * (1 if evidence.comparisons[group][primary].direction == "increase" else -1)
        ),
        default=None,
    )
    losers = [group for group in differences if evidence.movement(group, primary) < 0]
    drop = tuple(f"Consider a new version without {group}, which is worse than the control." for group in losers)
    if evidence.basis == "planned_horizon":
        steps = (
            "Keep the control, or extend the test to detect a smaller difference.",
            *drop,
        )
        return Finding(f"No treatment is better than the control on {primary} beyond chance.", steps, leader, primary)
    steps = ("Let the experiment run: the interval narrows as users arrive, and may be read at any time.", *drop)
    return Finding(f"The data so far do not tell the groups apart on {primary}.", steps, leader, primary)


RULES: tuple[Rule, ...] = (
    Rule("no_users", "no_data", _no_users),
    Rule("sample_ratio_mismatch", "invalid", _sample_ratio),
    Rule("crossovers_above_1_percent", "invalid", _crossovers),
    Rule("no_primary_metric", "continue_testing", _no_primary_metric),
    Rule("guardrail_worse", "reject", _guardrail_worse),
    Rule("primary_metric_better", "implement", _primary_better),
    Rule("primary_metric_worse", "reject", _primary_worse),
    Rule("primary_metric_undecided", "continue_testing", _undecided),
)
