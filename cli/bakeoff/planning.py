"""Planning an experiment: users, effects and days that go together."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isclose
from typing import Any

from bakeoff.errors import UsageError
from stats.difference import Undefined
from stats.power import (
    Design,
    days_needed,
    mean_detectable_effect,
    mean_sample_size,
    proportion_detectable_effect,
    proportion_sample_size,
)

EFFECTS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_LARGEST_RATE = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """What is planned.

    Attributes:
        design: Alpha, power, sides and treatments.
        baseline: The control's rate, or its mean where `sd` is given.
        sd: The standard deviation of one user's value; None for a conversion.
        users_per_day: In all groups; None if that is not known.
    """

    design: Design
    baseline: float
    sd: float | None = None
    users_per_day: float | None = None

    def __post_init__(self) -> None:
        """Refuse what nothing can be planned with."""
        if self.sd is None and not 0 < self.baseline < _LARGEST_RATE:
            raise UsageError(
                f"--baseline: a rate must lie between 0 and 1, got {self.baseline:g}; for a mean give --sd"
            )
        if self.sd is not None and self.sd <= 0:
            raise UsageError(f"--sd: must be above 0, got {self.sd:g}")

    @property
    def groups(self) -> int:
        """The treatments and the control."""
        return self.design.treatments + 1


@dataclass(frozen=True, slots=True)
class Need:
    """What it takes to find an effect.

    Attributes:
        effect: The absolute difference.
        relative: The same over the baseline; None for a baseline of 0.
        users_per_group: None where no number of users is enough.
        users: In all groups.
        days: None without a number of users a day.
        reason: Why there are no numbers.
    """

    effect: float
    relative: float | None
    users_per_group: int | None = None
    users: int | None = None
    days: int | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON."""
        return asdict(self)


def need(question: Question, effect: float) -> Need:
    """Say what it takes to find an absolute difference."""
    relative = None if question.baseline == 0 else effect / abs(question.baseline)
    if isclose(effect, 0):
        return Need(effect, relative, reason="no number of users shows an effect of 0")
    if question.sd is None:
        size = proportion_sample_size(question.baseline, effect, question.design)
    else:
        size = mean_sample_size(question.sd, effect, question.design)
    if isinstance(size, Undefined):
        return Need(effect, relative, reason=size.reason)
    days = None if question.users_per_day is None else days_needed(size.total, question.users_per_day)
    return Need(effect, relative, size.control, size.total, None if isinstance(days, Undefined) else days)


def needs(question: Question, relative_effects: Sequence[float] = EFFECTS) -> list[Need]:
    """Say the same of several relative differences; for a baseline of 0, of shares of the standard deviation."""
    scale = abs(question.baseline) or question.sd or 1.0
    effects = (share * scale for share in relative_effects)
    return [need(question, effect) for effect in effects if question.sd is not None or question.baseline + effect <= 1]


def detectable(question: Question, users: int) -> Need:
    """Say what difference so many users in all groups can show."""
    per_group = users // question.groups
    if question.sd is None:
        effect = proportion_detectable_effect(question.baseline, per_group, question.design)
    else:
        effect = mean_detectable_effect(question.sd, per_group, question.design)
    if isinstance(effect, Undefined):
        return Need(0.0, None, per_group, users, reason=effect.reason)
    relative = None if question.baseline == 0 else effect / abs(question.baseline)
    days = None if question.users_per_day is None else days_needed(users, question.users_per_day)
    return Need(effect, relative, per_group, users, None if isinstance(days, Undefined) else days)
