"""What the report routes answer."""

from pydantic import AwareDatetime, BaseModel

from bakeoff_core.validation import Name


class ReportAnswer(BaseModel):
    """A report that was written, and where its files are."""

    report_id: Name
    experiment: Name
    created_at: AwareDatetime
    links: dict[str, str]


class ReportList(BaseModel):
    """The reports of one experiment."""

    reports: list[ReportAnswer]
