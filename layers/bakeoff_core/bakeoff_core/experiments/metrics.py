"""Metrics: numbers per unit that are made from what the unit did, and how they are judged."""

from typing import Literal, Self, get_args

from pydantic import Field, FiniteFloat, model_validator

from bakeoff_core.experiments.document import Document
from bakeoff_core.validation import Name

MetricKind = Literal["conversion", "mean", "count", "ratio", "quantile", "retention"]
Direction = Literal["increase", "decrease"]
Role = Literal["primary", "secondary", "guardrail"]
Aggregate = Literal["any", "sum", "count"]
Alternative = Literal["two_sided", "better", "worse"]

_CONVERSION_SUFFIX = "_rate"
_MOST_DAYS = 366
_HOURS_A_DAY = 24

_AGGREGATES: dict[MetricKind, Aggregate] = {
    "conversion": "any",
    "mean": "sum",
    "count": "count",
    "ratio": "sum",
    "quantile": "sum",
    "retention": "any",
}
_CHOOSE_AGGREGATE = frozenset[MetricKind]({"ratio", "quantile"})
_WINSORISED = frozenset[MetricKind]({"mean", "count"})
_WITH_COVARIATE = frozenset[MetricKind]({"conversion", "mean", "count", "retention"})


class Amount(Document):
    """What a unit's events come to.

    `any` is 1 for a unit with at least one event of `event_type`, else 0; `count` is the number of those
    events. Without an `event_type` both look at every event but Bakeoff's own. `sum` adds up numbers: of
    `event_value` where no `field` is named, else of what the events' metadata holds under `field`. With a
    `field` and no `event_type` it is, besides, the `event_value` of events of that very type.
    """

    aggregate: Aggregate = "sum"
    event_type: Name | None = None
    field: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _enough_to_compute(self) -> Self:
        if self.aggregate == "sum" and self.event_type is None and self.field is None:
            raise ValueError("a sum needs an event_type, a field, or both")
        if self.aggregate != "sum" and self.field is not None:
            raise ValueError(f"{self.aggregate} takes no field")
        return self


class Covariate(Document):
    """What a unit did before it met its group, which explains part of what it did after (CUPED).

    Attributes:
        days: How long before its first exposure a unit is looked at.
        amount: What its events of that time come to; without one, the same as the metric's.
    """

    days: FiniteFloat = Field(default=14, gt=0, le=_MOST_DAYS)
    amount: Amount | None = None


class Winsorization(Document):
    """Where a unit's value is cut off, so that few units do not decide: values above the cap count as the cap.

    Attributes:
        quantile: The cap is this quantile of the values of all units of all groups together.
        cap: The cap itself.
    """

    quantile: FiniteFloat | None = Field(default=None, ge=0.5, lt=1)
    cap: FiniteFloat | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.quantile is None) == (self.cap is None):
            raise ValueError("give either a quantile or a cap")
        return self


class Metric(Document):
    """A number per unit, made from its events from its first exposure on.

    Attributes:
        name: What it is called.
        kind: `conversion`: 1 for a unit with at least one event of `event_type`, else 0. `mean`: the sum over
            a unit's events, as `Amount` says. `count`: the number of events of `event_type`. `ratio`: the
            group's total of one amount over its total of the `denominator`. `quantile`: the quantile of a
            unit's amount over all units. `retention`: 1 for a unit with an event of `event_type`, or of any
            type without one, in the window that begins `retention_day` days after its first exposure. A unit
            without such events counts as 0.
        event_type: Of the events that count.
        field: Whose numbers are added up, in the events' metadata.
        aggregate: Of a ratio's numerator or a quantile's amount: `sum` or `count`.
        denominator: What a ratio is over.
        quantile: Which one, in (0, 1).
        retention_day: When the window of a retention begins, in days after first exposure.
        retention_days: How long it lasts.
        direction: Which way it should move.
        role: `primary` decides, `guardrail` must not get worse.
        alternative: `two_sided`, or a one-sided test for `better` or `worse` in the metric's own direction.
        window_hours: Only events within so many hours after a unit's first exposure count, and only units
            whose hours are over.
        winsorize: Where values are cut off.
        covariate: What corrects for differences that units brought along (CUPED).
        minimum_effect: The relative change that is worth finding; sample sizes still needed refer to it.
    """

    name: Name
    kind: MetricKind
    event_type: Name | None = None
    field: str | None = Field(default=None, min_length=1)
    aggregate: Literal["sum", "count"] | None = None
    denominator: Amount | None = None
    quantile: FiniteFloat | None = Field(default=None, gt=0, lt=1)
    retention_day: FiniteFloat | None = Field(default=None, ge=0, le=_MOST_DAYS)
    retention_days: FiniteFloat | None = Field(default=None, gt=0, le=_MOST_DAYS)
    direction: Direction = "increase"
    role: Role = "secondary"
    alternative: Alternative = "two_sided"
    window_hours: FiniteFloat | None = Field(default=None, gt=0, le=_HOURS_A_DAY * _MOST_DAYS)
    winsorize: Winsorization | None = None
    covariate: Covariate | None = None
    minimum_effect: FiniteFloat | None = Field(default=None, gt=0, le=100)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        for name, allowed, needed in (
            ("aggregate", self.kind in _CHOOSE_AGGREGATE, False),
            ("denominator", self.kind == "ratio", True),
            ("quantile", self.kind == "quantile", True),
            ("retention_day", self.kind == "retention", True),
            ("retention_days", self.kind == "retention", False),
            ("window_hours", self.kind != "retention", False),
            ("winsorize", self.kind in _WINSORISED, False),
            ("covariate", self.kind in _WITH_COVARIATE, False),
        ):
            given = getattr(self, name) is not None
            if given and not allowed:
                raise ValueError(f"a {self.kind} takes no {name}")
            if allowed and needed and not given:
                raise ValueError(f"a {self.kind} needs a {name}")
        return self

    @model_validator(mode="after")
    def _enough_to_compute(self) -> Self:
        aggregate = self.aggregate or _AGGREGATES[self.kind]
        if aggregate != "sum":
            if self.event_type is None and self.kind != "retention":
                raise ValueError(f"a {self.kind} needs an event_type")
            if self.field is not None:
                raise ValueError(f"a {self.kind} takes no field")
        elif self.event_type is None and self.field is None:
            raise ValueError(f"a {self.kind} needs an event_type, a field, or both")
        return self

    @property
    def amount(self) -> Amount:
        """What a unit's events come to; of a ratio, the numerator."""
        return Amount(aggregate=self.aggregate or _AGGREGATES[self.kind], event_type=self.event_type, field=self.field)

    @property
    def covariate_amount(self) -> Amount | None:
        """What a unit's earlier events come to, or None without a covariate."""
        return None if self.covariate is None else self.covariate.amount or self.amount

    @property
    def hours(self) -> tuple[float, float | None]:
        """From when and until when after its first exposure a unit's events count; None is for ever.

        Where there is an end, only units that reached it are part of the metric.
        """
        if self.kind == "retention":
            start = (self.retention_day or 0.0) * _HOURS_A_DAY
            return start, start + (1.0 if self.retention_days is None else self.retention_days) * _HOURS_A_DAY
        return 0.0, self.window_hours

    @property
    def is_share(self) -> bool:
        """Whether it is a share of the units."""
        return self.kind in {"conversion", "retention"}

    @classmethod
    def by_convention(cls, name: str) -> "Metric":
        """Resolve a bare name: `x_rate` is conversion on x, any other the mean of that value or field."""
        event_type = name.removesuffix(_CONVERSION_SUFFIX)
        if event_type and event_type != name:
            return cls(name=name, kind="conversion", event_type=event_type)
        return cls(name=name, kind="mean", field=name)


KINDS: tuple[MetricKind, ...] = get_args(MetricKind)
