"""Every version of the event schema that was ever delivered stays readable: a folder of samples for each."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import model_validator

from bakeoff_core.events.model import Event
from bakeoff_core.lake.database import database, show_lines

SAMPLES = sorted((Path(__file__).parents[2] / "fixtures" / "events").glob("v*/*.json"))


def version_of(sample: Path) -> int:
    return int(sample.parent.name.removeprefix("v"))


def test_the_present_version_has_samples() -> None:
    present = Event.model_fields["schema_version"].default
    assert {version_of(sample) for sample in SAMPLES} == set(range(1, present + 1))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.parent.name}-{sample.stem}")
def test_a_sample_is_read_and_written_as_it_was(sample: Path) -> None:
    line = sample.read_bytes().rstrip(b"\n")
    assert json.loads(line)["schema_version"] == version_of(sample)
    event = Event.from_line(line)
    if version_of(sample) == Event.model_fields["schema_version"].default:
        assert json.loads(event.to_line()) == json.loads(line)


def test_the_lake_reads_the_same_from_the_samples(tmp_path: Path) -> None:
    file = tmp_path / "samples.ndjson"
    file.write_bytes(b"\n".join(sample.read_bytes().rstrip(b"\n") for sample in SAMPLES))
    columns = ("schema_version", "event_id", "event_type", "user_id", "experiment_name", "group_name", "model_version")
    with database(memory_limit_mb=192, threads=1) as connection:
        show_lines(connection, "delivered", [file])
        rows = connection.execute(f"SELECT {', '.join(columns)}, metadata FROM lines").fetchall()  # noqa: S608 - from above
    read = {row[1]: (dict(zip(columns, row, strict=False)), json.loads(row[-1])) for row in rows}
    for sample in SAMPLES:
        document = json.loads(sample.read_bytes())
        assert read[document["event_id"]] == ({name: document.get(name) for name in columns}, document["metadata"])


class SecondVersion(Event):
    """How a second version would be read: the first is brought up to it before anything is checked."""

    schema_version: Literal[2] = 2  # type: ignore[assignment]  # the point of it
    source: str

    @model_validator(mode="before")
    @classmethod
    def _from_the_first(cls, document: Any) -> Any:
        if isinstance(document, dict) and document.get("schema_version", 1) == 1:
            return {**document, "schema_version": 2, "source": "unknown"}
        return document


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.parent.name}-{sample.stem}")
def test_a_second_version_would_read_the_first(sample: Path) -> None:
    event = SecondVersion.from_line(sample.read_bytes())
    assert (event.schema_version, getattr(event, "source", None)) == (2, "unknown")
    assert SecondVersion.from_line(event.to_line()) == event
    assert event.event_id == Event.from_line(sample.read_bytes()).event_id
