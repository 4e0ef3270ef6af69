"""How an experiment will be judged, which is written down before it starts."""

from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, StringConstraints, model_validator

from bakeoff_core.experiments.document import Document

Inference = Literal["always_valid", "group_sequential", "fixed_horizon"]
SegmentName = Annotated[str, StringConstraints(min_length=1, max_length=128)]

_MOST_LOOKS = 100
_MOST_SEGMENTS = 10


DECIDES = (
    "confidence_level",
    "inference",
    "planned_looks",
    "planned_sample_size",
    "tuning_sample_size",
    "minimum_runtime_days",
    "minimum_sample_size",
)
"""The fields of a plan that no look at results may change."""


class Prior(Document):
    """What was believed before the data came; without change, next to nothing.

    Attributes:
        alpha: Of the Beta prior of every group's rate.
        beta: Of the same.
        effect_mean: Of the Normal prior of a difference of means, in the metric's unit.
        effect_sd: Its standard deviation; without one the prior is flat.
    """

    alpha: FiniteFloat = Field(default=1, ge=0.5, le=1e9)
    beta: FiniteFloat = Field(default=1, ge=0.5, le=1e9)
    effect_mean: FiniteFloat = 0
    effect_sd: FiniteFloat | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _no_mean_of_a_flat_prior(self) -> Self:
        if self.effect_mean != 0 and self.effect_sd is None:
            raise ValueError("effect_mean needs an effect_sd")
        return self


class AnalysisPlan(Document):
    """How the results are worked out and what may decide.

    Attributes:
        confidence_level: Coverage of every interval; a p-value below its complement decides.
        inference: `always_valid`: confidence sequences decide, at any time. `group_sequential`: boundaries at
            `planned_looks`, evenly spaced from start_time to end_time, decide. `fixed_horizon`: one test
            decides, once the planned end is reached: end_time or planned_sample_size.
        planned_looks: How many looks a group-sequential test takes, the last at end_time.
        planned_sample_size: Units in all groups at which a fixed horizon is reached.
        tuning_sample_size: The units at which confidence sequences are narrowest.
        relative_interval: How intervals of relative differences are made.
        prior: For the Bayesian figures.
        minimum_runtime_days: Before so many days since its start the primary metric decides nothing.
        minimum_sample_size: Nor while a group has fewer units than this.
        power: With which sample sizes still needed are worked out.
        segments: Attributes of the context, or fields of the metadata, of a unit's first exposure, by whose
            values the results are also given.
    """

    confidence_level: FiniteFloat = Field(default=0.95, ge=0.5, le=0.9999)
    inference: Inference = "always_valid"
    planned_looks: int | None = Field(default=None, ge=1, le=_MOST_LOOKS)
    planned_sample_size: int | None = Field(default=None, ge=2)
    tuning_sample_size: int = Field(default=5_000, ge=1, le=10**12)
    relative_interval: Literal["delta", "fieller"] = "delta"
    prior: Prior = Prior()
    minimum_runtime_days: FiniteFloat = Field(default=0, ge=0, le=3_660)
    minimum_sample_size: int = Field(default=100, ge=0)
    power: FiniteFloat = Field(default=0.8, gt=0.5, lt=1)
    segments: tuple[SegmentName, ...] = Field(default=(), max_length=_MOST_SEGMENTS)

    @model_validator(mode="after")
    def _looks_of_a_group_sequential_test(self) -> Self:
        if (self.inference == "group_sequential") != (self.planned_looks is not None):
            raise ValueError("planned_looks goes with inference group_sequential, and only with it")
        if self.planned_sample_size is not None and self.inference != "fixed_horizon":
            raise ValueError("planned_sample_size goes with inference fixed_horizon only")
        return self

    @model_validator(mode="after")
    def _segments_once(self) -> Self:
        if len(set(self.segments)) != len(self.segments):
            raise ValueError("segments must be unique")
        return self
