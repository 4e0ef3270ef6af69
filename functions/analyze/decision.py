"""From results to a decision: a table of rules, of which the first that applies decides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bakeoff_core.experiments.model import Experiment
from results import (
    AlwaysValid,
    Basis,
    Comparison,
    Decision,
    Interval,
    PlannedLook,
    RuleOutcome,
    SampleRatioResult,
    StillNeeded,
    Verdict,
)

CROSSOVERS_ABOVE = 0.01

_FINISHED = frozenset({"completed", "stopped"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules look at.

    Attributes:
        basis: Which p-values and intervals may decide on the primary metric.
        not_yet: Why, by the experiment's own plan, the primary metric may not decide yet; None where it may.
        alpha: Below which an adjusted p-value decides.
        group_sizes: Users by group.
        crossovers: Users seen in two groups.
        sample_ratio: The sample-ratio check.
        primary: The primary metric's name.
        comparisons: By treatment group and metric.
        runtime_days: For how long the experiment has run.
        minimum_runtime_days: For how long it must have.
        minimum_sample_size: Users that every group must have.
        still_needed: By treatment group, what its comparison on the primary metric still takes.
    """

    basis: Basis
    not_yet: str | None
    alpha: float
    group_sizes: Mapping[str, int]
    crossovers: int
    sample_ratio: SampleRatioResult
    primary: str | None
    comparisons: Mapping[str, Mapping[str, Comparison]]
    runtime_days: float = 0.0
    minimum_runtime_days: float = 0.0
    minimum_sample_size: int = 0
    still_needed: Mapping[str, StillNeeded] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Users in all groups."""
        return sum(self.group_sizes.values())

    @property
    def crossover_share(self) -> float:
        """Crossovers over all users seen."""
        seen = self.n + self.crossovers
        return self.crossovers / seen if seen else 0.0

    def basis_of(self, comparison: Comparison) -> Basis:
        """Which p-value decides on a metric: a guardrail may show harm at any time, whatever looks are planned."""
        if comparison.role == "primary" or self.basis == "planned_horizon":
            return self.basis
        return "always_valid"

    def movement(self, group: str, metric: str) -> float:
        """How a metric certainly moved: above 0 for the better, below for the worse, 0 where chance explains it."""
        comparison = self.comparisons[group][metric]
        p_value = p_value_on(comparison, self.basis_of(comparison))
        if p_value is None or p_value >= self.alpha or comparison.difference is None:
            return 0.0
        return comparison.difference if comparison.direction == "increase" else -comparison.difference

    def guarded(self, group: str) -> bool:
        """Whether a guardrail is compared for a group at all."""
        return any(each.role == "guardrail" for each in self.comparisons[group].values())

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
    asks: str
    verdict: Verdict
    find: Callable[[Evidence], Finding | None]


def basis_for(experiment: Experiment, n: int, now: datetime) -> tuple[Basis, str | None]:
    """Say which results may decide on the primary metric, as the experiment declared before it started.

    A fixed-horizon p-value holds for one look at the planned end: end_time, if the experiment was not ended
    before it, or planned_sample_size. An experiment that was ended earlier was ended for some reason, perhaps
    what it showed, so that it is judged by always-valid results, which hold at any time.

    Args:
        experiment: Its plan.
        n: Units in all groups.
        now: The time of the analysis.

    Returns:
        The basis, and why it may not decide yet, if so.
    """
    plan = experiment.analysis
    finished = experiment.status in _FINISHED
    if plan.inference != "fixed_horizon":
        return plan.inference, None
    until = min(now, experiment.ended_at or experiment.updated_at) if finished else now
    if experiment.end_time is not None and until >= experiment.end_time:
        return "planned_horizon", None
    if plan.planned_sample_size is not None and n >= plan.planned_sample_size:
        return "planned_horizon", None
    return "always_valid", None if finished else "the planned end of its fixed horizon is not reached"


def decide(evidence: Evidence) -> Decision:
    """Apply the first rule that finds something."""
    for position, rule in enumerate(RULES):
        finding = rule.find(evidence)
        if finding is not None:
            return _decision(position, finding, evidence)
    raise AssertionError("the last rule always applies")


def p_value_on(comparison: Comparison, basis: Basis) -> float | None:
    """The adjusted p-value of a comparison that a basis decides by."""
    match basis:
        case "planned_horizon":
            return comparison.adjusted_p_value
        case "always_valid":
            return None if comparison.always_valid is None else comparison.always_valid.adjusted_p_value
        case "group_sequential":
            return None if comparison.group_sequential is None else comparison.group_sequential.adjusted_p_value


def interval_on(comparison: Comparison, basis: Basis) -> Interval | None:
    """The interval that goes with it, widened as its family is corrected."""
    match basis:
        case "planned_horizon":
            return comparison.adjusted_interval or comparison.interval
        case "always_valid":
            return _widened(comparison.always_valid)
        case "group_sequential":
            return _widened(comparison.group_sequential)


def _widened(found: AlwaysValid | PlannedLook | None) -> Interval | None:
    return None if found is None else found.adjusted_interval or found.interval


def _decision(position: int, finding: Finding, evidence: Evidence) -> Decision:
    rule = RULES[position]
    undecided = rule.verdict == "continue_testing"
    decision = Decision(
        verdict=rule.verdict,
        rule=rule.name,
        basis=evidence.basis,
        group=finding.group,
        metric=finding.metric,
        explanation=finding.explanation,
        next_steps=finding.next_steps,
        still_needed=evidence.still_needed.get(finding.group or "") if undecided else None,
        rules=tuple(_outcome(index, position) for index in range(len(RULES))),
    )
    if finding.group is None or finding.metric is None:
        return decision
    comparison = evidence.comparisons[finding.group][finding.metric]
    basis = evidence.basis_of(comparison)
    interval = interval_on(comparison, basis)
    if comparison.difference is None or interval is None:
        return decision
    sign = 1 if comparison.direction == "increase" else -1
    relative = comparison.relative_difference
    return decision.model_copy(
        update={
            "basis": basis,
            "expected_improvement": sign * comparison.difference,
            "interval": interval if sign > 0 else (-interval[1], -interval[0]),
            "relative_improvement": None if relative is None else sign * relative,
        }
    )


def _outcome(index: int, decided: int) -> RuleOutcome:
    rule = RULES[index]
    if index == decided:
        return RuleOutcome(rule=rule.name, asks=rule.asks, verdict=rule.verdict, applied="decides")
    applied = "does not apply" if index < decided else "not reached"
    return RuleOutcome(rule=rule.name, asks=rule.asks, verdict=rule.verdict, applied=applied)


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
    better = f"{winner} is better than the control on {evidence.primary}"
    harmless, watch = (
        (", and harms no guardrail.", "Keep watching the guardrails while it rolls out.")
        if evidence.guarded(winner)
        else (". Nothing watches for harm: no guardrail is set.", "Name a guardrail in the next experiment.")
    )
    return Finding(
        better + harmless,
        (f"Roll out {winner}.", watch),
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


def _too_few_users(evidence: Evidence) -> Finding | None:
    fewest = min(evidence.group_sizes, key=lambda name: evidence.group_sizes[name])
    if evidence.group_sizes[fewest] >= evidence.minimum_sample_size:
        return None
    return Finding(
        f"{fewest} has {evidence.group_sizes[fewest]:,} users so far, of at least {evidence.minimum_sample_size:,} "
        "that every group must have.",
        ("Let the experiment run.",),
        _leader(evidence),
        evidence.primary,
    )


def _too_early(evidence: Evidence) -> Finding | None:
    if evidence.runtime_days >= evidence.minimum_runtime_days:
        return None
    return Finding(
        f"The experiment has run for {evidence.runtime_days:.1f} of at least {evidence.minimum_runtime_days:g} days.",
        ("Let the experiment run: users of other days may behave differently.",),
        _leader(evidence),
        evidence.primary,
    )


def _not_yet(evidence: Evidence) -> Finding | None:
    if evidence.not_yet is None:
        return None
    return Finding(
        f"By the experiment's plan nothing is decided on {evidence.primary} yet: {evidence.not_yet}.",
        ("Let the experiment run to its plan.",),
        _leader(evidence),
        evidence.primary,
    )


def _leader(evidence: Evidence) -> str | None:
    """The treatment that looks best on the primary metric."""

    def improvement(group: str) -> float:
        comparison = evidence.comparisons[group][evidence.primary or ""]
        return (comparison.difference or 0.0) * (1 if comparison.direction == "increase" else -1)

    return max(evidence.comparisons, key=improvement, default=None)


def _undecided(evidence: Evidence) -> Finding:
    primary = evidence.primary or ""
    leader = _leader(evidence)
    losers = [group for group in evidence.comparisons if evidence.movement(group, primary) < 0]
    drop = tuple(f"Consider a new version without {group}, which is worse than the control." for group in losers)
    if evidence.basis == "planned_horizon":
        steps = ("Keep the control, or extend the test to detect a smaller difference.", *drop)
        return Finding(f"No treatment is better than the control on {primary} beyond chance.", steps, leader, primary)
    wait = {
        "always_valid": "Let the experiment run: the interval narrows as users arrive, and may be read at any time.",
        "group_sequential": "Let the experiment run to its next planned look.",
    }
    steps = (wait[evidence.basis], *drop)
    return Finding(f"The data so far do not tell the groups apart on {primary}.", steps, leader, primary)


RULES: tuple[Rule, ...] = (
    Rule("no_users", "Is there no user in any group?", "no_data", _no_users),
    Rule(
        "sample_ratio_mismatch",
        "Do the groups' sizes contradict the configured weights (p below 0.001)?",
        "invalid",
        _sample_ratio,
    ),
    Rule("crossovers_above_1_percent", "Were more than 1% of the users seen in two groups?", "invalid", _crossovers),
    Rule("no_primary_metric", "Is there no metric to decide by?", "continue_testing", _no_primary_metric),
    Rule(
        "below_minimum_sample_size",
        "Has a group fewer users than the plan's minimum_sample_size?",
        "continue_testing",
        _too_few_users,
    ),
    Rule(
        "guardrail_worse",
        "Does a treatment certainly harm a guardrail, while no other treatment wins without harm?",
        "reject",
        _guardrail_worse,
    ),
    Rule(
        "below_minimum_runtime",
        "Has the experiment run for less than the plan's minimum_runtime_days?",
        "continue_testing",
        _too_early,
    ),
    Rule(
        "plan_not_reached",
        "Does the declared inference not allow a decision yet: a fixed horizon before its end, or no planned look?",
        "continue_testing",
        _not_yet,
    ),
    Rule(
        "primary_metric_better",
        "Is a treatment certainly better than the control on the primary metric, without harm to a guardrail? The "
        "best of several is meant.",
        "implement",
        _primary_better,
    ),
    Rule(
        "primary_metric_worse",
        "Is every treatment certainly worse than the control on the primary metric?",
        "reject",
        _primary_worse,
    ),
    Rule("primary_metric_undecided", "None of the above.", "continue_testing", _undecided),
)
