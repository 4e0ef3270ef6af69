"""The commands for events and users, against AWS as moto plays it."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from bakeoff.main import app
from bakeoff_core.assignment.drawing import Draw
from bakeoff_core.events.model import Event
from bakeoff_core.stores.assignments import AssignmentKey, DynamoAssignmentStore, KeptAssignment
from bakeoff_core.stores.aws import client, table
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.streams import KinesisEventStream
from tests.aws import create_table
from tests.support import NOON


def event(number: int, user: str = "me", **changes: Any) -> Event:
    fields: dict[str, Any] = {"event_type": "click", "user_id": user, "timestamp": NOON, "received_at": NOON}
    return Event(event_id=f"e{number}", **(fields | changes))


@dataclass(frozen=True, slots=True)
class Shell:
    environment: dict[str, str]
    folder: Path

    def run(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(each) for each in arguments], env=self.environment)

    def objects(self) -> S3ObjectStore:
        return S3ObjectStore(client("s3"), "lake")

    def records(self) -> list[Event]:
        kinesis = boto3.client("kinesis")
        (shard,) = kinesis.list_shards(StreamName="events")["Shards"]
        iterator = kinesis.get_shard_iterator(
            StreamName="events", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        return [Event.from_line(record["Data"]) for record in kinesis.get_records(ShardIterator=iterator)["Records"]]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Shell]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        boto3.client("kinesis").create_stream(StreamName="events", ShardCount=1)
        boto3.client("s3").create_bucket(Bucket="lake")
        create_table("assignments", "key")
        yield Shell(
            {
                "BAKEOFF_EVENT_STREAM": "events",
                "BAKEOFF_EVENT_BUCKET": "lake",
                "BAKEOFF_ASSIGNMENTS_TABLE": "assignments",
                "BAKEOFF_EXPORTS": str(tmp_path / "exports.json"),
                "COLUMNS": "200",
            },
            tmp_path,
        )


def test_the_stream_is_printed_and_filtered(shell: Shell) -> None:
    events = [event(0), event(1, experiment_name="x"), event(2, experiment_name="x", event_type="purchase")]
    KinesisEventStream(client("kinesis"), "events").put(events)
    boto3.client("kinesis").put_record(StreamName="events", Data=b"no json", PartitionKey="k")

    def ids(*options: str) -> list[str]:
        result = shell.run("events", "tail", "--from-start", "--until-now", *options)
        assert result.exit_code == 0, result.output
        lines = result.output.splitlines()
        return [json.loads(line)["event_id"] if line.startswith("{") else line for line in lines]

    assert ids() == ["e0", "e1", "e2", "no json"]
    assert ids("--experiment", "x") == ["e1", "e2"]
    assert ids("--type", "purchase") == ["e2"]
    assert ids("--limit", "2") == ["e0", "e1"]
    assert shell.run("events", "tail", "--until-now").output == ""


@pytest.mark.parametrize("name", ["events.csv", "events.parquet"])
def test_events_are_exported_and_replayed(shell: Shell, name: str) -> None:
    body = b"".join(event(n, timestamp=NOON + timedelta(minutes=n)).to_line() + b"\n" for n in range(4))
    shell.objects().put("events/dt=2026-03-01/hour=12/s-1-4.ndjson.gz", gzip.compress(body), "")
    target = shell.folder / name
    result = shell.run("events", "export", target, "--from", "2026-03-01T12:01:00Z", "--to", "2026-03-01T12:03")
    assert (result.exit_code, result.output) == (0, f"{target}: 2 events\n")
    replayed = shell.run("events", "replay", target)
    assert (replayed.exit_code, replayed.output) == (0, f"{target}: 2 events sent\n")
    assert [each.event_id for each in shell.records()] == ["e1", "e2"]


def test_what_cannot_be_replayed_is_named_and_the_rest_is_sent(shell: Shell) -> None:
    file = shell.folder / "events.ndjson"
    file.write_bytes(event(1).to_line() + b'\n{"event_id":"e2"}\n' + event(3).to_line())
    result = shell.run("events", "replay", file)
    assert result.exit_code == 1
    assert f"{file}: 2 events sent" in result.output
    assert "entry 2: event_type: field required" in result.output
    assert [each.event_id for each in shell.records()] == ["e1", "e3"]


def test_quarantine_is_exported_for_repair(shell: Shell) -> None:
    entry = {"reason": "invalid JSON", "source": "s", "sequence": "1", "arrived_at": "t", "data": "ew=="}
    body = gzip.compress(json.dumps(entry).encode() + b"\n")
    shell.objects().put("quarantine/dt=2026-03-01/hour=12/s-1-1.ndjson.gz", body, "")
    target = shell.folder / "bad.ndjson"
    result = shell.run("events", "export", target, "--quarantined")
    assert (result.exit_code, result.output) == (0, f"{target}: 1 quarantined records\n")
    assert json.loads(target.read_text()) == entry | {"text": "{"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("events", "export", "a.xlsx"), "bakeoff: a.xlsx: must end in .csv or .parquet"),
        (("events", "export", "a.csv", "--quarantined"), "bakeoff: a.csv: must end in .ndjson with --quarantined"),
        (("events", "export", "a.csv", "--from", "soon"), "must be a date or a time such as"),
    ],
)
def test_a_wrong_option_is_named(shell: Shell, arguments: tuple[str, ...], message: str) -> None:
    result = shell.run(*arguments)
    assert result.exit_code != 0
    assert message in re.sub(r"\s+", " ", result.output)


def test_a_missing_variable_is_named(shell: Shell) -> None:
    shell.environment["BAKEOFF_EVENT_BUCKET"] = ""
    result = shell.run("events", "export", shell.folder / "a.csv")
    assert result.exit_code == 1
    assert result.output.startswith("bakeoff: BAKEOFF_EVENT_BUCKET: not set")


def test_a_user_is_deleted_everywhere(shell: Shell) -> None:
    body = b"".join(event(n, "me" if n % 2 else "other").to_line() + b"\n" for n in range(6))
    shell.objects().put("events/dt=2026-03-01/hour=12/s-1-4.ndjson.gz", gzip.compress(body), "")
    kept = KeptAssignment(Draw("a", {"a": 1.0}), NOON + timedelta(days=90))
    assignments = DynamoAssignmentStore(table("assignments"))
    for unit in ("me", "other"):
        assignments.keep(AssignmentKey("x", 1, unit), kept, NOON)
    for name in ("a.csv", "b.parquet", "gone.csv"):
        assert shell.run("events", "export", shell.folder / name).exit_code == 0
    (shell.folder / "gone.csv").unlink()

    assert shell.run("user", "delete", "me").exit_code == 1  # asks, and nobody answers
    assert len(gzip.decompress(shell.objects().get("events/dt=2026-03-01/hour=12/s-1-4.ndjson.gz")).splitlines()) == 6

    result = shell.run("user", "delete", "me", "--yes", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == {
        "delivered_events": 3,
        "compacted_events": 0,
        "quarantined_records": 0,
        "rewritten_objects": 1,
        "earlier_versions": 0,
        "assignments": 1,
        "exported_events": 6,
        "unreadable_objects": [],
        "exports": {str(shell.folder / "a.csv"): 3, str(shell.folder / "b.parquet"): 3},
        "missing_exports": [str(shell.folder / "gone.csv")],
    }
    assert assignments.get(AssignmentKey("x", 1, "other"), NOON) == kept
    again = shell.run("user", "delete", "me", "--yes")
    assert again.exit_code == 0
    assert re.search(r"delivered events\W+0", again.output)
    assert "gone.csv: was exported once and is not there" in again.output
