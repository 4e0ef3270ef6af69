"""Detecting: what the users of a comparison can show, however it ends."""

from dataclasses import dataclass, replace
from math import inf

from bakeoff_core.experiments.model import Experiment
from comparing import estimate_of
from progress import Standing, common_sd, design_of, minimum_effect
from results import Detectable
from stats.difference import Undefined
from stats.power import (
    Design,
    mean_detectable_effect,
    mean_power,
    proportion_detectable_effect,
    proportion_power,
    sequence_detectable_effect,
    sequence_power,
)
from stats.proportions import Proportion


def detectable(experiment: Experiment, standing: Standing) -> Detectable:
    """Work out the smallest effect that the users so far show, and their power for the metric's minimum effect.

    For always-valid inference by the confidence sequence, else by the fixed test: of shares the two-proportion z
    test, of anything else the t test with the standard deviation seen so far.

    Args:
        experiment: Its plan.
        standing: The comparison, with units in both groups.
    """
    test = _test_of(experiment, standing)
    smallest, baseline, wanted = test.smallest_effect(), estimate_of(standing.control), minimum_effect(standing)
    if isinstance(smallest, Undefined):
        return Detectable(reason=smallest.reason)
    relative = None if isinstance(baseline, Undefined) or baseline.value == 0 else smallest / abs(baseline.value)
    if relative == inf:  # beside a baseline that is all but 0
        relative = None
    return Detectable(effect=smallest, relative=relative, power=None if wanted is None else test.power(wanted))


@dataclass(frozen=True, slots=True)
class _Sequence:
    standard_error: float
    n: int
    design: Design
    tuning_sample_size: int

    def smallest_effect(self) -> float | Undefined:
        return sequence_detectable_effect(
            self.standard_error, self.n, self.design, tuning_sample_size=self.tuning_sample_size
        )

    def power(self, effect: float) -> float:
        return sequence_power(
            effect, self.standard_error, self.n, self.design, tuning_sample_size=self.tuning_sample_size
        )


@dataclass(frozen=True, slots=True)
class _Proportions:
    baseline: float
    control: int
    treatment: int
    design: Design
    increase: bool

    def smallest_effect(self) -> float | Undefined:
        found = proportion_detectable_effect(self.baseline, self.control, self.design, increase=self.increase)
        return found if isinstance(found, Undefined) else abs(found)

    def power(self, effect: float) -> float | None:
        if not 0 <= self.baseline + effect <= 1:
            return None
        return proportion_power(self.baseline, effect, self.control, self.treatment, self.design)


@dataclass(frozen=True, slots=True)
class _Means:
    sd: float
    control: int
    treatment: int
    design: Design

    def smallest_effect(self) -> float | Undefined:
        return mean_detectable_effect(self.sd, self.control, self.design)

    def power(self, effect: float) -> float:
        return mean_power(self.sd, effect, self.control, self.treatment, self.design)


def _test_of(experiment: Experiment, standing: Standing) -> _Sequence | _Proportions | _Means:
    plan, control, treatment = experiment.analysis, standing.control, standing.treatment
    # The groups as they are, whatever was configured.
    design = replace(design_of(experiment, standing), ratio=treatment.n / control.n)
    if plan.inference == "always_valid":
        n = control.n + treatment.n
        return _Sequence(standing.compared.standard_error, n, design, plan.tuning_sample_size)
    if isinstance(control, Proportion):
        increase = standing.metric.direction == "increase"
        return _Proportions(control.rate, control.n, treatment.n, design, increase)
    return _Means(common_sd(standing), control.n, treatment.n, design)
