"""Reports in their bucket."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from analysis import analyse
from bakeoff_core.errors import DependencyUnavailable, ReportNotFound
from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.summary import GroupSummary, Summary
from reporting import Reports, report_id_at
from results import Results
from stats.means import Moments
from stats.proportions import Proportion
from tests.support import NOON, experiment

NAMES = [f"{kind}.{form}" for kind in ("dashboard", "executive", "technical") for form in ("html", "json", "md")]


def results(moment: datetime = NOON, name: str = "checkout_button") -> Results:
    group = GroupSummary(20, {"click_rate": Proportion(4, 20), "revenue": Moments(20, 10.0, 5.0)})
    return analyse(experiment(name=name), Summary({"control": group, "treatment": group}), moment)


@pytest.fixture
def objects() -> InMemoryObjectStore:
    return InMemoryObjectStore()


@pytest.fixture
def reports(objects: InMemoryObjectStore) -> Reports:
    return Reports(objects)


def test_a_report_is_nine_files_and_the_latest(objects: InMemoryObjectStore, reports: Reports) -> None:
    report = reports.write(results())
    assert report.to_json() == {
        "report_id": "20260301T120000.000000Z",
        "experiment": "checkout_button",
        "created_at": "2026-03-01T12:00:00Z",
        "links": {
            name: f"/ab_test/experiments/checkout_button/reports/20260301T120000.000000Z/{name}" for name in NAMES
        },
    }
    assert objects.list("") == [
        f"reports/checkout_button/{folder}/{name}" for folder in ("20260301T120000.000000Z", "latest") for name in NAMES
    ]
    document = json.loads(objects.get("reports/checkout_button/latest/technical.json"))
    assert document == results().to_json()
    assert objects.get("reports/checkout_button/latest/executive.md").startswith(
        b"# checkout\\_button: Continue testing"
    )
    assert objects.get("reports/checkout_button/latest/executive.html").startswith(b"<!doctype html>")


def test_a_report_is_listed_once_all_of_it_is_there(
    objects: InMemoryObjectStore, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[tuple[str, bool]] = []
    put_tagged = objects.put_tagged

    def put(key: str, body: bytes, content_type: str, tags: Mapping[str, str]) -> None:
        put_tagged(key, body, content_type, tags)
        there.append((key, bool(reports.list("checkout_button"))))

    monkeypatch.setattr(objects, "put_tagged", put)
    reports.write(results())
    assert [listed for _, listed in there] == [*[False] * (len(NAMES) - 1), True]


def test_what_cannot_be_written_is_told(
    objects: InMemoryObjectStore, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(key: str, *_: object) -> bool:
        if key.endswith("executive.md"):
            raise DependencyUnavailable("the object store")
        return True

    monkeypatch.setattr(objects, "put_newer", put)
    with pytest.raises(DependencyUnavailable):
        reports.keep(results())


def test_ids_sort_by_time_in_utc() -> None:
    moments = [NOON + timedelta(microseconds=1), NOON + timedelta(days=1), datetime(2027, 1, 1, tzinfo=UTC)]
    ids = [report_id_at(moment) for moment in moments]
    assert ids == sorted(ids)
    assert report_id_at(datetime.fromisoformat("2026-03-01T14:00:00+02:00")) == report_id_at(NOON)


def test_the_newest_is_listed_first_and_is_the_latest(objects: InMemoryObjectStore, reports: Reports) -> None:
    for moment in (NOON, NOON + timedelta(hours=1)):
        reports.write(results(moment))
    reports.write(results(name="checkout_button.2"))
    listed = [report.report_id for report in reports.list("checkout_button")]
    assert listed == ["20260301T130000.000000Z", "20260301T120000.000000Z"]
    assert reports.list("nothing") == []
    assert (
        json.loads(objects.get("reports/checkout_button/latest/technical.json"))["computed_at"]
        == "2026-03-01T13:00:00Z"
    )


def test_links_lead_to_files_that_are_there(reports: Reports) -> None:
    reports.write(results())
    link = reports.link("checkout_button", "latest", "executive.html")
    assert link == "memory:reports/checkout_button/latest/executive.html?expires=900"
    with pytest.raises(ReportNotFound, match="report_id: experiment 'checkout_button' has no report 'x'"):
        reports.link("checkout_button", "x", "executive.html")
    with pytest.raises(ReportNotFound, match=r"file: a report has no file 'report\.pdf'"):
        reports.link("checkout_button", "latest", "report.pdf")
