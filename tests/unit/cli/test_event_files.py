"""Events out into files, repaired, and back in."""

import base64
import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bakeoff.errors import UsageError
from bakeoff.event_files import Unreadable, quarantined, read_events, without_user
from bakeoff.export_catalogue import ExportCatalogue
from bakeoff_core.events.model import Event
from bakeoff_core.lake.export import ExportFormat, Selection, export_events
from bakeoff_core.stores.objects import InMemoryObjectStore
from tests.support import NOON

ALL = Selection(NOON - timedelta(days=1), NOON + timedelta(days=1))


def event(number: int, **changes: Any) -> Event:
    moment = NOON + timedelta(seconds=number)
    fields: dict[str, Any] = {"event_type": "click", "user_id": f"u{number % 3}", "timestamp": moment}
    return Event(event_id=f"e{number}", received_at=moment, **(fields | changes))


RICH = [
    event(0, user_id='a "quoted", ünïcode\nid', event_value=-1.5e-300, metadata={"text": 'x,"y"\n', "n": [1, None]}),
    event(1, user_id="007", experiment_name="x", group_name="a", config_version=2, propensity=0.1),
    event(2, user_id=None, event_type="prediction", model_name="m", model_version="1"),
]


def lake(*events: Event) -> InMemoryObjectStore:
    objects = InMemoryObjectStore()
    for hour, part in (("12", events[::2]), ("13", events[1::2])):
        body = b"".join(each.to_line() + b"\n" for each in part)
        objects.put(f"events/dt=2026-03-01/hour={hour}/s-1-2.ndjson.gz", gzip.compress(body), "")
    return objects


def exported(objects: InMemoryObjectStore, target: Path, selection: Selection = ALL) -> int:
    form: ExportFormat = "csv" if target.suffix == ".csv" else "parquet"
    return export_events(objects, selection, target, form, lambda _done, _total: None).events


@pytest.mark.parametrize("name", ["events.csv", "events.parquet"])
def test_what_is_exported_is_read_back_as_it_was(tmp_path: Path, name: str) -> None:
    assert exported(lake(*RICH, RICH[0]), tmp_path / name) == 3
    assert list(read_events(tmp_path / name)) == RICH


def test_an_export_holds_a_span_of_time_and_an_experiment(tmp_path: Path) -> None:
    objects = lake(*(event(n, experiment_name="x" if n % 2 else None) for n in range(10)))
    span = Selection(NOON + timedelta(seconds=2), NOON + timedelta(seconds=7))
    assert exported(objects, tmp_path / "a.csv", span) == 5
    assert exported(objects, tmp_path / "b.csv", Selection(span.start, span.end, "x")) == 2
    assert [each.event_id for each in read_events(tmp_path / "b.csv") if isinstance(each, Event)] == ["e3", "e5"]


def test_progress_is_told_and_damage_is_named(tmp_path: Path) -> None:
    objects = lake(event(1), event(2))
    objects.put("events/dt=2026-03-01/hour=12/bad.ndjson.gz", b"no gzip", "")
    told: list[tuple[int, int]] = []
    outcome = export_events(objects, ALL, tmp_path / "a.csv", "csv", lambda done, total: told.append((done, total)))
    assert outcome.unreadable == ("events/dt=2026-03-01/hour=12/bad.ndjson.gz",)
    assert told == [(0, 2), (2, 2)]


def entry(data: bytes, **changes: Any) -> bytes:
    document = {
        "reason": "r",
        "source": "s",
        "sequence": "1",
        "arrived_at": "t",
        "data": base64.b64encode(data).decode(),
    }
    return json.dumps(document | changes).encode()


def test_quarantine_is_read_with_its_text_and_replayed_after_repair(tmp_path: Path) -> None:
    objects = InMemoryObjectStore()
    broken = RICH[1].to_line().replace(b'"event_type":"click",', b"")
    for hour, data in (("11", b"early"), ("12", broken), ("13", b"\xff"), ("14", b"late")):
        objects.put(f"quarantine/dt=2026-03-01/hour={hour}/s-1-1.ndjson.gz", gzip.compress(entry(data) + b"\n"), "")
    found = list(quarantined(objects, "dt=2026-03-01/hour=12/", "dt=2026-03-01/hour=13/"))
    assert [each["text"] for each in found] == [broken.decode(), None]
    file = tmp_path / "repaired.ndjson"
    found[0]["text"] = RICH[1].to_line().decode()
    file.write_text("\n".join(json.dumps(each) for each in [*found, json.loads(RICH[0].to_line())]))
    repaired, unreadable, plain = read_events(file)
    assert (repaired, plain) == (RICH[1], RICH[0])
    assert isinstance(unreadable, Unreadable)
    assert unreadable.place == 2


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("a.ndjson", b"{", "invalid JSON"),
        ("a.ndjson", b'{"event_id":"e"}', "event_type: field required"),
        ("a.csv", b"event_id,event_type,event_value\ne,click,much\n", "timestamp: field required"),
    ],
)
def test_what_is_no_event_is_named_with_its_place(tmp_path: Path, name: str, body: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(body)
    (unreadable,) = read_events(tmp_path / name)
    assert isinstance(unreadable, Unreadable)
    assert unreadable.place == 1
    assert reason in unreadable.reason


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must end in \.csv, \.parquet, \.ndjson or \.ndjson\.gz"):
        list(read_events(tmp_path / "a.xlsx"))


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_user_is_removed_from_an_export(tmp_path: Path, name: str) -> None:
    exported(lake(*RICH, event(5, user_id="007")), tmp_path / name)
    assert without_user(tmp_path / name, "007") == 2
    assert without_user(tmp_path / name, "007") == 0
    assert list(read_events(tmp_path / name)) == [RICH[0], RICH[2]]
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_user_is_removed_from_exported_quarantine(tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    kept = entry(RICH[0].to_line())
    file.write_bytes(b"\n".join([entry(RICH[1].to_line()), kept, RICH[1].to_line(), entry(b'{"user_id":"007"')]))
    assert without_user(file, "007") == 3
    assert file.read_bytes() == kept + b"\n"


def test_the_catalogue_knows_exports_and_those_that_are_gone(tmp_path: Path) -> None:
    environment = {"BAKEOFF_EXPORTS": str(tmp_path / "state" / "exports.json")}
    catalogue = ExportCatalogue.from_environment(environment)
    assert catalogue.files() == ([], [])
    here, gone = tmp_path / "here.csv", tmp_path / "gone.csv"
    here.touch()
    for each in (here, gone, here):
        catalogue.add(each)
    assert ExportCatalogue.from_environment(environment).files() == ([here], [gone])
    home = ExportCatalogue.from_environment({"XDG_STATE_HOME": str(tmp_path)})
    home.add(here)
    assert (tmp_path / "bakeoff" / "exports.json").is_file()
