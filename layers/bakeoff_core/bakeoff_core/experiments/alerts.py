"""Alerts: what was found wrong with a running experiment, from when until when, and who knows of it."""

from hashlib import blake2b
from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, computed_field

from bakeoff_core.clock import rfc3339
from bakeoff_core.experiments.alert_rules import AlertKind
from bakeoff_core.validation import FiniteJson, Name

Subject: TypeAlias = str
AlertStatus: TypeAlias = Literal["open", "recovered"]
Change: TypeAlias = Literal["opened", "recovered"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Alert(_Part):
    """One episode of something that is wrong, from the look that raised it to the look that ended it.

    Attributes:
        alert_id: Its id; ids sort as the times at which episodes began.
        experiment: Of which experiment.
        kind: What is wrong.
        subject: With what, such as a group and a metric; empty where it is the whole experiment.
        message: The same in a sentence, with the figures of the last look that found it.
        figures: The numbers behind it.
        config_version: The configuration in which it began.
        opened_at: When it began.
        last_seen_at: When a look found it last.
        recovered_at: When it was over; None while it goes on.
        ended_by: Whether it was not found any more, or the experiment was over.
        acknowledged_at: When somebody took note of it.
        acknowledged_by: Who did.
    """

    alert_id: Name
    experiment: Name
    kind: AlertKind
    subject: Subject = ""
    message: str
    figures: dict[str, FiniteJson] = {}
    config_version: int
    opened_at: AwareDatetime
    last_seen_at: AwareDatetime
    recovered_at: AwareDatetime | None = None
    ended_by: Literal["recovery", "experiment"] | None = None
    acknowledged_at: AwareDatetime | None = None
    acknowledged_by: str | None = None

    @computed_field  # type: ignore[prop-decorator]  # pydantic has the two together
    @property
    def status(self) -> AlertStatus:
        """Whether the episode goes on."""
        return "open" if self.recovered_at is None else "recovered"


class Signal(_Part):
    """One thing that looks found wrong, whether or not that is an alert yet.

    Attributes:
        kind: What is wrong.
        subject: With what.
        found: How many looks in a row found it, until there is an alert.
        missed: How many looks in a row did not find it any more, while there is one.
        alert_id: The alert, once there is one.
    """

    kind: AlertKind
    subject: Subject = ""
    found: int = 0
    missed: int = 0
    alert_id: Name | None = None

    @property
    def key(self) -> tuple[AlertKind, Subject]:
        """What tells it from the others of its experiment."""
        return self.kind, self.subject


class Untold(_Part):
    """That an alert began or was over, of which nobody was told yet."""

    alert_id: Name
    change: Change


class Watch(_Part):
    """Where the watching of an experiment stands.

    Attributes:
        experiment: Which one.
        version: Counts the writes.
        looked_at: The moment of the last look that counted.
        signals: What was found wrong until then.
        untold: What is still to be told, in order.
    """

    experiment: Name
    version: Annotated[int, Field(ge=0)] = 0
    looked_at: AwareDatetime | None = None
    signals: tuple[Signal, ...] = ()
    untold: tuple[Untold, ...] = ()

    @property
    def open_ids(self) -> list[str]:
        """The ids of the open alerts, newest first."""
        return sorted((each.alert_id for each in self.signals if each.alert_id is not None), reverse=True)


def alert_id_of(kind: AlertKind, subject: Subject, opened_at: AwareDatetime) -> str:
    """Make the id of an episode from when it began and what it is about."""
    moment = rfc3339(opened_at).replace("-", "").replace(":", "")
    return f"{moment}-{kind}-{blake2b(subject.encode(), digest_size=4).hexdigest()}"
