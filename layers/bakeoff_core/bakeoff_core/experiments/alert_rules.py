"""What is watched of a running experiment: when to raise an alert, whom to tell, and when to stop it."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from bakeoff_core.experiments.document import Document
from bakeoff_core.experiments.recipients import Recipients

AlertKind = Literal[
    "LOW_SAMPLE_SIZE",
    "MIN_SAMPLE_NOT_REACHED",
    "SAFETY_THRESHOLD_BREACHED",
    "SAMPLE_RATIO_MISMATCH",
    "NO_EVENTS",
    "MODEL_UNHEALTHY",
]

_MINUTES_OF_A_WEEK = 7 * 24 * 60
_MINUTES_OF_A_YEAR = 366 * 24 * 60
_MOST_LOOKS = 100

_Looks = Annotated[int, Field(ge=1, le=_MOST_LOOKS)]


class _Rule(Document):
    """One kind of alert.

    Attributes:
        enabled: Whether it is raised at all.
    """

    enabled: bool = True


class LowSampleSizeRule(_Rule):
    """A group that hardly anybody is in.

    Attributes:
        users: A group with fewer has too few.
    """

    users: int = Field(default=50, ge=1, le=10**9)


class MinSampleRule(LowSampleSizeRule):
    """A group with too few users for its figures to say much."""

    users: int = Field(default=100, ge=1, le=10**9)


class SafetyRule(_Rule):
    """A treatment that does harm.

    Attributes:
        relative_change: The primary metric or a guardrail is breached where its relative change is below this, turned
            so that below 0 is worse, and its confidence sequence lies on the worse side of 0 as well.
    """

    relative_change: FiniteFloat = Field(default=-0.1, le=0, ge=-1e9)


class SampleRatioRule(_Rule):
    """Groups that do not get the users that were configured.

    Attributes:
        p_value: They do not where the chi-square test's p-value is below this.
    """

    p_value: FiniteFloat = Field(default=0.001, gt=0, lt=1)


class NoEventsRule(_Rule):
    """Users that stop coming.

    Attributes:
        hours: They have stopped where nobody met the experiment for so long.
    """

    hours: FiniteFloat = Field(default=6, gt=0, le=24 * 366)


class ModelRule(_Rule):
    """A model that does not serve: the registry says so, or the control's model stands in for it too often.

    Attributes:
        fallback_share: The control's stands in too often where it made more than this share of a group's predictions
            of today and yesterday (UTC).
        minimum_predictions: Of fewer predictions there is no share.
    """

    fallback_share: FiniteFloat = Field(default=0.05, ge=0, le=1)
    minimum_predictions: int = Field(default=20, ge=1, le=10**9)


class AutoStop(Document):
    """What stops an experiment without anybody's asking.

    Each rests on results that hold at any number of looks, or at the look that was planned.

    Attributes:
        guardrail_breached: A guardrail is worse by more than `safety_threshold_breached.relative_change`.
        sample_ratio_mismatch: The groups' sizes contradict the weights, by a test that holds at every look.
        winner: The decision is to implement a treatment.
    """

    guardrail_breached: bool = False
    sample_ratio_mismatch: bool = False
    winner: bool = False


class AlertRules(Document):
    """How an experiment is watched.

    Attributes:
        low_sample_size: A group that hardly anybody is in.
        min_sample_not_reached: A group with too few users for its figures to say much.
        safety_threshold_breached: A treatment that does harm.
        sample_ratio_mismatch: Groups that do not get the users that were configured.
        no_events: Users that stop coming.
        model_unhealthy: A model that does not serve.
        grace_minutes: For so long after its start an experiment may have few users.
        look_every_minutes: How often it is looked at.
        looks_to_open: After so many looks in a row that find the same an alert is raised.
        looks_to_recover: After so many looks in a row that do not find it any more it is over.
        recipients: Who is told, besides the topic of the deployment.
        auto_stop: What stops the experiment.
        traffic_after_stop: Who serves everybody once the experiment is stopped and nobody says who: the control, or
            the treatment that the decision is to implement, if there is one.
    """

    low_sample_size: LowSampleSizeRule = LowSampleSizeRule()
    min_sample_not_reached: MinSampleRule = MinSampleRule()
    safety_threshold_breached: SafetyRule = SafetyRule()
    sample_ratio_mismatch: SampleRatioRule = SampleRatioRule()
    no_events: NoEventsRule = NoEventsRule()
    model_unhealthy: ModelRule = ModelRule()
    grace_minutes: FiniteFloat = Field(default=24 * 60, ge=0, le=_MINUTES_OF_A_YEAR)
    look_every_minutes: int = Field(default=60, ge=5, le=_MINUTES_OF_A_WEEK)
    looks_to_open: _Looks = 1
    looks_to_recover: _Looks = 2
    recipients: Recipients = ()
    auto_stop: AutoStop = AutoStop()
    traffic_after_stop: Literal["control", "winner"] = "control"
