"""A notice to people: what happened, in words that fit an e-mail as well as a chat."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from bakeoff_core.experiments.recipients import Recipients
from bakeoff_core.validation import FiniteJson, Name

Kind = Literal["report", "alert_opened", "alert_recovered", "experiment_stopped"]

NoticeId = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,256}$")]
Subject = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\r\n]*$")]


class Notification(BaseModel):
    """One notice and those that it goes to.

    Attributes:
        id: The same however often the notice is handed over: each recipient gets it once.
        kind: What it is about.
        experiment: Which experiment.
        subject: One line.
        text: The notice itself, in plain text.
        link: Path in the API, or address, where there is more.
        figures: The numbers behind it, for programs.
        recipients: Who gets it.
        created_at: When it happened.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: NoticeId
    kind: Kind
    experiment: Name
    subject: Subject
    text: str
    link: str | None = None
    figures: dict[str, FiniteJson] = {}
    recipients: Recipients
    created_at: AwareDatetime
