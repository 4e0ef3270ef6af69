"""What is known of each model of an experiment, in the shape of the JSON that callers and reports read."""

from datetime import date
from typing import Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict

DriftLevel: TypeAlias = Literal["stable", "moderate", "large"]
VariableKind: TypeAlias = Literal["feature", "prediction", "probability"]


class _Document(BaseModel):
    # As in the results, which these are a part of.
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=(), defer_build=True
    )


class Latency(_Document):
    """Milliseconds: median, 95th and 99th percentile."""

    p50: float
    p95: float
    p99: float


class DayOfDrift(_Document):
    """One day (UTC) of one variable."""

    date: date
    counts: tuple[int, ...]
    psi: float | None


class Drift(_Document):
    """One variable's distribution against that of the training sample.

    Attributes:
        variable: A feature's name, `prediction` or `probability`.
        kind: Which of them it is.
        values: How many predictions had one.
        cuts: Between the bins of a number.
        texts: With bins of their own, before that of all others.
        reference: Counts in the training sample.
        counts: Counts now, in the same bins.
        psi: The population stability index.
        psi_by_chance: What it exceeds once in twenty times although nothing drifted.
        level: What that means.
        ks: The distance of the two distribution functions, for numbers.
        ks_p_value: Its p-value.
        daily: The same, day by day.
        reason: Why there is no index.
    """

    variable: str
    kind: VariableKind
    values: int
    cuts: tuple[float, ...] | None = None
    texts: tuple[str, ...] | None = None
    reference: tuple[int, ...]
    counts: tuple[int, ...]
    psi: float | None = None
    psi_by_chance: float | None = None
    level: DriftLevel | None = None
    ks: float | None = None
    ks_p_value: float | None = None
    daily: tuple[DayOfDrift, ...] = ()
    reason: str | None = None


class ShadowResult(_Document):
    """A shadow model beside the answers of another.

    Attributes:
        model_name: The shadow.
        model_version: Its version, or the alias that the group names where it failed.
        compared: How many predictions it made.
        failed: How often it made none.
        same: The share of its predictions that were the same as the answer; None without any.
        mean_difference: The mean distance of the two probabilities, or of the two numbers.
        latency_ms: How long they took.
    """

    model_name: str | None
    model_version: str | None
    compared: int
    failed: int
    same: float | None
    mean_difference: float | None
    latency_ms: Latency | None


class DayOfUse(_Document):
    """One day (UTC) of one model version in one group.

    Attributes:
        date: The day.
        predictions: How many it made.
        fallbacks: How many of them stood in for the group's own model.
        errors: How often the group's own model failed, so that another answered in its place.
        p50_ms: The median of the latencies, milliseconds.
        p95_ms: Their 95th percentile.
    """

    date: date
    predictions: int
    fallbacks: int = 0
    errors: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None


class ModelResult(_Document):
    """One model version in one group.

    Attributes:
        group: The group; None for units that were not in the experiment.
        model_name: The model.
        model_version: Its version.
        predictions: How many it made.
        fallbacks: How many of them stood in for the group's own model.
        latency_ms: How long they took.
        first: When the first one was made.
        last: When the last one was made.
        drift: By variable, the farthest from the training sample first.
        shadows: What shadow models made of the same.
        daily: Days with predictions or errors, in order.
        reason: Why no drift is known.
    """

    group: str | None
    model_name: str
    model_version: str
    predictions: int
    fallbacks: int
    latency_ms: Latency | None
    first: AwareDatetime
    last: AwareDatetime
    drift: tuple[Drift, ...] = ()
    shadows: tuple[ShadowResult, ...] = ()
    daily: tuple[DayOfUse, ...] = ()
    reason: str | None = None
