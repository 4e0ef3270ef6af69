"""What the scheduled compaction answers, measures and leaves to the next run."""

import gzip
import json
from typing import Any

import pytest

from bakeoff_core.events.model import Event
from bakeoff_core.lake.compaction import Compactor
from bakeoff_core.stores.objects import InMemoryObjectStore
from compact import CompactionFailed, compact
from tests.support import NOON, LambdaContextFake, SettableClock


class Context(LambdaContextFake):
    def __init__(self, milliseconds: int = 300_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


def lake() -> InMemoryObjectStore:
    objects = InMemoryObjectStore()
    for number, hour in enumerate(("08", "09", "12")):
        event = Event(event_id=f"e{number}", event_type="click", user_id="u", timestamp=NOON, received_at=NOON)
        body = gzip.compress(event.to_line() + b"\n")
        objects.put(f"events/dt=2026-03-01/hour={hour}/s-1-2.ndjson.gz", body, "application/gzip")
    return objects


def run(objects: InMemoryObjectStore, context: Any) -> dict[str, Any]:
    return compact(Compactor(objects, SettableClock()), context)


def test_closed_hours_are_compacted_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    objects = lake()
    expected = {"written": 2, "objects": 2, "deleted": 0, "left": 0, "failed": [], "finished": True}
    assert run(objects, Context()) == expected
    assert objects.list("compacted/") == [
        f"compacted/dt=2026-03-01/hour={hour}/events.parquet" for hour in ("08", "09")
    ]
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [metric["compaction_written_total"] for metric in metrics if "compaction_written_total" in metric] == [[2.0]]


def test_the_next_run_goes_on_when_time_is_over() -> None:
    objects = lake()
    assert run(objects, Context(59_999))["finished"] is False
    assert objects.list("compacted/") == []
    assert run(objects, Context())["written"] == 2


def test_an_hour_that_cannot_be_compacted_is_named_and_holds_up_no_other() -> None:
    objects = lake()
    objects.put("compacted/dt=2026-03-01/hour=08/events.parquet", b"no parquet", "")
    with pytest.raises(CompactionFailed, match="could not compact dt=2026-03-01/hour=08/"):
        run(objects, Context())
    assert objects.get("compacted/dt=2026-03-01/hour=08/events.parquet") == b"no parquet"
    assert objects.get("compacted/dt=2026-03-01/hour=09/events.parquet").startswith(b"PAR1")
