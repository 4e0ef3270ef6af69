"""An experiment as its owners write it down."""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    FiniteFloat,
    JsonValue,
    PrivateAttr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bakeoff_core.assignment.bucketing import hashing
from bakeoff_core.assignment.drawing import Draw, Parts
from bakeoff_core.assignment.gates import Gates, gates_of
from bakeoff_core.assignment.targeting import Condition, compile_condition
from bakeoff_core.experiments.alert_rules import AlertRules
from bakeoff_core.experiments.analysis_plan import AnalysisPlan
from bakeoff_core.experiments.document import Document
from bakeoff_core.experiments.metrics import Metric
from bakeoff_core.experiments.schedule import Schedule
from bakeoff_core.validation import FiniteJson, Name, UnitId

Status = Literal["draft", "running", "paused", "stopped", "completed"]
Algorithm = Literal["random", "hash_based", "weighted", "bandit", "custom"]

_FEWEST_GROUPS = 2
_MOST_FORCED = 1_000
_WHOLE_FLAG_VALUES = frozenset({"parameters", "group_name"})
MOST_TARGET_USERS = 1_000_000
"""As many units as the functions can hold in their memory."""

_DAYS_THAT_ASSIGNMENTS_STICK = 400
_FLOOR_OF_ALL_GROUPS = 0.05


class Group(Document):
    """One arm of an experiment.

    A shadow model predicts on what the group's model predicts on, and is recorded beside it; no answer depends on it.
    """

    name: Name
    weight: FiniteFloat = Field(ge=0, le=1e9)
    model_name: Name | None = None
    model_version: Name | None = None
    shadow_model_name: Name | None = None
    shadow_model_version: Name | None = None
    parameters: dict[str, FiniteJson] = Field(default={})
    description: str = ""
    control: bool = False

    @model_validator(mode="after")
    def _version_of_a_model(self) -> Self:
        if self.model_version is not None and self.model_name is None:
            raise ValueError("model_version needs a model_name")
        if self.shadow_model_version is not None and self.shadow_model_name is None:
            raise ValueError("shadow_model_version needs a shadow_model_name")
        if self.shadow_model_name is not None and self.model_name is None:
            raise ValueError("shadow_model_name needs a model_name")
        return self

    @property
    def models(self) -> tuple[tuple[str, str | None], ...]:
        """The models that the group uses, each with its version, alias or None: its own, then its shadow."""
        named = ((self.model_name, self.model_version), (self.shadow_model_name, self.shadow_model_version))
        return tuple((name, version) for name, version in named if name is not None)


class Namespace(Document):
    """A share of the users that experiments divide among themselves, so that none is in two of them."""

    name: Name
    range_start: FiniteFloat = Field(ge=0, le=1)
    range_end: FiniteFloat = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.range_start >= self.range_end:
            raise ValueError("range_start must be below range_end")
        return self

    @property
    def part(self) -> tuple[float, float]:
        """Where the part begins and where it ends."""
        return self.range_start, self.range_end

    def overlaps(self, other: Self) -> bool:
        """Say whether a unit can be in both parts."""
        return self.name == other.name and self.range_start < other.range_end and other.range_start < self.range_end


class Holdout(Document):
    """A share of the users that all experiments which name it leave alone, to measure them all together."""

    name: Name
    share: FiniteFloat = Field(ge=0, le=1)


class Bandit(Document):
    """How a bandit learns.

    Attributes:
        reward: The metric that it maximises, or minimises where the metric should decrease: a conversion of
            the experiment. Without one it is the primary metric.
        attribution_window_hours: For how long after its first exposure a unit can still be rewarded.
        refresh_minutes: How long an epoch lasts before the weights are computed again.
        floor: The least weight of a group; without one, 0.05 over the number of groups.
        minimum_exposures: Units that every group must have, their windows over, before the configured weights
            change.
    """

    reward: Name | None = None
    attribution_window_hours: FiniteFloat = Field(default=24, gt=0, le=24 * 366)
    refresh_minutes: FiniteFloat = Field(default=15, gt=0, le=60 * 24 * 366)
    floor: FiniteFloat | None = Field(default=None, ge=0, le=1)
    minimum_exposures: int = Field(default=100, ge=1)


class TargetUserList(Document):
    """A reference to a list of units that is kept as an object of its own, since it is long."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    count: int = Field(ge=0, le=MOST_TARGET_USERS)


def _flag_type(value: JsonValue) -> str | None:
    match value:
        case bool():
            return "boolean"
        case str():
            return "string"
        case int() | float():
            return "number"
        case dict():
            return "object"
        case _:
            return None


def _metric(value: Any) -> Any:
    return Metric.by_convention(value) if isinstance(value, str) else value


class ExperimentDefinition(Document):
    """What a caller decides about an experiment."""

    name: Name
    description: str = ""
    start_time: AwareDatetime | None = None
    end_time: AwareDatetime | None = None
    groups: tuple[Group, ...]
    assignment_algorithm: Algorithm = "hash_based"
    target_users: tuple[UnitId, ...] | None = Field(default=None, max_length=MOST_TARGET_USERS)
    target_user_list: TargetUserList | None = None
    targeting: dict[str, FiniteJson] = Field(default={})
    sample_rate: FiniteFloat = Field(default=1, ge=0, le=1)
    namespace: Namespace | None = None
    holdout: Holdout | None = None
    forced_groups: dict[UnitId, Name] = Field(default={}, max_length=_MOST_FORCED)
    metrics: tuple[Annotated[Metric, BeforeValidator(_metric)], ...] = ()
    hypotheses: tuple[str, ...] = ()
    salt: str = Field(default="", max_length=256, validate_default=True)
    bandit: Bandit | None = Field(default=None, validate_default=True)
    custom_algorithm: Name | None = Field(default=None, validate_default=True)
    algorithm_parameters: dict[str, FiniteJson] = Field(default={})
    sticky_days: int | None = Field(default=None, ge=1, le=3_660)
    analysis: AnalysisPlan = AnalysisPlan()
    flag_value: Annotated[str, StringConstraints(max_length=256)] = "parameters"
    schedule: Schedule | None = None
    alert_rules: AlertRules = AlertRules()

    @field_validator("groups")
    @classmethod
    def _groups_can_be_drawn(cls, groups: tuple[Group, ...]) -> tuple[Group, ...]:
        if len(groups) < _FEWEST_GROUPS:
            raise ValueError(f"there must be at least {_FEWEST_GROUPS}")
        names = [group.name for group in groups]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"group names must be unique, found twice: {', '.join(twice)}")
        if not any(group.weight > 0 for group in groups):
            raise ValueError("at least one weight must be above 0")
        if sum(group.control for group in groups) > 1:
            raise ValueError("at most one group may be marked control")
        return groups

    @field_validator("forced_groups")
    @classmethod
    def _forces_into_its_groups(cls, forced: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        known = {group.name for group in info.data.get("groups", ())}
        if known and (unknown := sorted(set(forced.values()) - known)):
            raise ValueError(f"no group is called {', '.join(unknown)}")
        return forced

    @field_validator("metrics")
    @classmethod
    def _one_primary_metric(cls, metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
        names = [metric.name for metric in metrics]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"metric names must be unique, found twice: {', '.join(twice)}")
        primary = sum(metric.role == "primary" for metric in metrics)
        if primary > 1:
            raise ValueError("at most one metric may have the role primary")
        if primary == 0 and metrics:
            candidates = [metric for metric in metrics if metric.role != "guardrail"]
            if not candidates:
                raise ValueError("one metric must not be a guardrail")
            chosen = candidates[0]
            return tuple(
                metric.model_copy(update={"role": "primary"}) if metric is chosen else metric for metric in metrics
            )
        return metrics

    @field_validator("target_user_list")
    @classmethod
    def _one_list_of_target_users(cls, listed: TargetUserList | None, info: ValidationInfo) -> TargetUserList | None:
        if listed is not None and info.data.get("target_users") is not None:
            raise ValueError("must be left out when target_users is given")
        return listed

    @field_validator("targeting")
    @classmethod
    def _known_operators(cls, targeting: dict[str, FiniteJson]) -> dict[str, FiniteJson]:
        compile_condition(targeting)
        return targeting

    @field_validator("end_time")
    @classmethod
    def _ends_after_start(cls, end_time: datetime | None, info: ValidationInfo) -> datetime | None:
        start_time = info.data.get("start_time")
        if end_time is not None and start_time is not None and start_time >= end_time:
            raise ValueError("must be after start_time")
        return end_time

    @field_validator("analysis")
    @classmethod
    def _plans_have_their_ends(cls, plan: AnalysisPlan, info: ValidationInfo) -> AnalysisPlan:
        if not {"start_time", "end_time"} <= info.data.keys():
            return plan
        start_time, end_time = info.data["start_time"], info.data["end_time"]
        if plan.inference == "group_sequential" and (start_time is None or end_time is None):
            raise ValueError("planned_looks: need a start_time and an end_time to lie between")
        if plan.inference == "fixed_horizon" and end_time is None and plan.planned_sample_size is None:
            raise ValueError("inference: a fixed_horizon needs an end_time or a planned_sample_size")
        return plan

    @field_validator("salt")
    @classmethod
    def _salt_by_default_the_name(cls, salt: str, info: ValidationInfo) -> str:
        return salt or str(info.data.get("name", ""))

    @field_validator("bandit")
    @classmethod
    def _bandit_can_learn(cls, bandit: Bandit | None, info: ValidationInfo) -> Bandit | None:
        if not _is_for("bandit", bandit, info):
            return bandit
        bandit = bandit or Bandit()
        if not {"metrics", "groups"} <= info.data.keys():
            return bandit
        metrics: tuple[Metric, ...] = info.data["metrics"]
        rewards = [metric for metric in metrics if metric.name == bandit.reward]
        if bandit.reward is None:
            rewards = [metric for metric in metrics if metric.role == "primary"]
        if [metric.kind for metric in rewards] != ["conversion"]:
            raise ValueError("reward: must name a conversion among the metrics, or be left out if the primary is one")
        groups = [group for group in info.data["groups"] if group.weight > 0]
        if bandit.floor is not None and bandit.floor * len(groups) > 1:
            raise ValueError(f"floor: must be at most 1/{len(groups)}, the share of each of {len(groups)} groups")
        return bandit

    @field_validator("custom_algorithm")
    @classmethod
    def _custom_is_named(cls, name: str | None, info: ValidationInfo) -> str | None:
        if _is_for("custom", name, info) and name is None:
            raise ValueError("must name the algorithm when assignment_algorithm is custom")
        return name

    @field_validator("algorithm_parameters")
    @classmethod
    def _parameters_are_read(cls, parameters: dict[str, FiniteJson], info: ValidationInfo) -> dict[str, FiniteJson]:
        _is_for("custom", parameters or None, info)
        return parameters

    @field_validator("sticky_days")
    @classmethod
    def _sticks_only_what_is_kept(cls, days: int | None, info: ValidationInfo) -> int | None:
        if days is not None and info.data.get("assignment_algorithm") == "hash_based":
            raise ValueError("hash_based keeps no assignments: a unit's group follows from its hash for ever")
        return days

    @field_validator("flag_value")
    @classmethod
    def _every_group_has_a_value_of_one_type(cls, flag_value: str, info: ValidationInfo) -> str:
        if flag_value in _WHOLE_FLAG_VALUES:
            return flag_value
        prefix, _, parameter = flag_value.partition(".")
        if prefix != "parameters":
            raise ValueError("must be parameters, group_name, or parameters.NAME for one of the groups' parameters")
        groups: tuple[Group, ...] = info.data.get("groups", ())
        if without := [group.name for group in groups if parameter not in group.parameters]:
            raise ValueError(f"no parameter {parameter!r} in group {', '.join(without)}")
        kinds = {_flag_type(group.parameters[parameter]) for group in groups}
        if None in kinds:
            raise ValueError(
                f"parameter {parameter!r} must be a boolean, a string, a number or an object in every group"
            )
        if len(kinds) > 1:
            raise ValueError(f"parameter {parameter!r} must be of one type in all groups")
        return flag_value


def _is_for(algorithm: Algorithm, value: object, info: ValidationInfo) -> bool:
    """Tell whether the experiment uses an algorithm, and refuse what is given for one that it does not use."""
    used = info.data.get("assignment_algorithm")
    if used not in {algorithm, None} and value is not None:
        raise ValueError(f"is for assignment_algorithm {algorithm} only")
    return used == algorithm


class Experiment(ExperimentDefinition):
    """An experiment as it is kept: what its owner decided, and where it stands.

    `ended_at` is when it was stopped or completed, which tells whether its planned end was reached.
    `serving_group` is the group that serves everybody once it is over; without one the control does.

    `version` counts every write. `config_version` counts the changes that re-randomise: units keep
    their groups as long as it stays the same, and the analysis looks at one of them at a time.
    """

    status: Status = "draft"
    version: int = Field(default=0, ge=0)
    config_version: int = Field(default=1, ge=1)
    created_at: AwareDatetime
    updated_at: AwareDatetime
    archived_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    serving_group: Name | None = None
    _listed_units: frozenset[str] | None = PrivateAttr(None)

    def group(self, name: str) -> Group:
        """Find a group by its name."""
        return self._groups[name]

    @cached_property
    def _groups(self) -> dict[str, Group]:
        return {group.name: group for group in self.groups}

    @property
    def days_that_assignments_stick(self) -> int:
        """For how long a kept assignment holds."""
        return self.sticky_days or _DAYS_THAT_ASSIGNMENTS_STICK

    @property
    def reward(self) -> Metric | None:
        """The metric that a bandit learns from; None for every other algorithm."""
        if self.bandit is None:
            return None
        return next((metric for metric in self.metrics if metric.name == self.bandit.reward), self.primary_metric)

    @property
    def floor(self) -> float:
        """The least weight that a bandit gives a group."""
        drawn = sum(group.weight > 0 for group in self.groups)
        given = None if self.bandit is None else self.bandit.floor
        return _FLOOR_OF_ALL_GROUPS / drawn if given is None else given

    @cached_property
    def control(self) -> Group:
        """The group that the others are compared with: the one marked so, else the first."""
        return next((group for group in self.groups if group.control), self.groups[0])

    @cached_property
    def group_in_service(self) -> Group | None:
        """The group that was chosen to serve everybody, now that the experiment is over."""
        if self.serving_group is None or self.status not in {"stopped", "completed"}:
            return None
        return self._groups.get(self.serving_group)

    @cached_property
    def treatments(self) -> tuple[Group, ...]:
        """Every group but the control, in the order of the configuration."""
        return tuple(group for group in self.groups if group is not self.control)

    def forced_group(self, unit: str) -> Group | None:
        """The group that a unit is put into by name, for testing; None for nearly everybody."""
        name = self.forced_groups.get(unit)
        return None if name is None else self.group(name)

    @cached_property
    def shares(self) -> dict[str, float]:
        """Each group's share of the units in the experiment: its weight over the sum of weights."""
        total = sum(group.weight for group in self.groups)
        return {group.name: group.weight / total for group in self.groups}

    @cached_property
    def hashed_draw(self) -> Callable[[str], Draw]:
        """Draws a unit's group from its hash and the configured shares."""
        return Parts(self.shares).by_digest(hashing(self.salt, "group"))

    @cached_property
    def gates(self) -> Gates:
        """What keeps units out, compiled once."""
        return gates_of(self)

    def flag_value_of(self, group: Group) -> JsonValue:
        """What a feature flag of this experiment is worth in a group, as `flag_value` says."""
        if self.flag_value == "parameters":
            return group.parameters
        if self.flag_value == "group_name":
            return group.name
        parameter = self.flag_value.partition(".")[2]
        value = group.parameters[parameter]
        # 1 among 0.9 and 1.1 is a float written short: a flag must have one type whichever group answers.
        is_float = any(isinstance(each.parameters[parameter], float) for each in self.groups)
        return float(value) if is_float and isinstance(value, int) else value

    @cached_property
    def primary_metric(self) -> Metric | None:
        """The metric that decides, or None where the experiment measures nothing."""
        return next((metric for metric in self.metrics if metric.role == "primary"), None)

    @cached_property
    def targeted_units(self) -> frozenset[str] | None:
        """The only units that may take part, or None where everybody may.

        Raises:
            RuntimeError: They are in a list that was not read; see `with_listed_units`.
        """
        if self.target_user_list is not None:
            if self._listed_units is None:
                raise RuntimeError(f"the target users of {self.name} were not read")
            return self._listed_units
        return None if self.target_users is None else frozenset(self.target_users)

    def with_listed_units(self, units: frozenset[str]) -> Self:
        """Return the same experiment with the units that its `target_user_list` refers to."""
        completed = self.model_copy()
        completed._listed_units = units  # noqa: SLF001 - another object of this class
        return completed

    @cached_property
    def condition(self) -> Condition:
        """The targeting, compiled once."""
        return compile_condition(self.targeting)
