"""Files of events: those that `bakeoff events export` writes, and what a person made of them since."""

import base64
import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from pydantic import ValidationError

from bakeoff.errors import UsageError
from bakeoff_core.events.model import Event
from bakeoff_core.lake.keys import QUARANTINE
from bakeoff_core.stores.objects import ObjectStore
from bakeoff_core.validation import field_errors

_NUMBERS = frozenset({"schema_version", "event_value", "config_version", "propensity"})
_MOMENTS = frozenset({"timestamp", "received_at"})
_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry that is no event.

    Attributes:
        place: Where it stands in its file, from 1.
        reason: What is wrong with it.
    """

    place: int
    reason: str


def read_events(file: Path) -> Iterator[Event | Unreadable]:
    """Read the events of an exported or repaired file.

    Args:
        file: CSV or Parquet as exported; or lines of JSON, plain or gzip: each an event, or an entry of quarantine
            with the repaired event in `text`, else as it was in `data`.

    Raises:
        UsageError: The file's name ends in none of these ways.
    """
    name = file.name.lower()
    if name.endswith(".csv"):
        documents: Iterable[Any] = _from_csv(file)
    elif name.endswith(".parquet"):
        documents = _from_parquet(file)
    elif name.endswith((".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")):
        documents = _from_lines(file)
    else:
        raise UsageError(f"{file}: must end in .csv, .parquet, .ndjson or .ndjson.gz")
    for place, document in enumerate(documents, start=1):
        yield _event(place, document)


def quarantined(objects: ObjectStore, first: str, last: str) -> Iterator[dict[str, Any]]:
    """Read the entries of quarantine, with what can be read of their data as text to repair.

    Args:
        objects: The event bucket.
        first: The first partition.
        last: The last one.
    """
    for key in objects.list(QUARANTINE, f"{QUARANTINE}{first.removesuffix('/')}"):
        if key > f"{QUARANTINE}{last}\uffff":
            break
        for line in gzip.decompress(objects.get(key)).splitlines():
            entry: dict[str, Any] = json.loads(line)
            try:
                entry["text"] = base64.b64decode(entry["data"]).decode()
            except ValueError:
                entry["text"] = None
            yield entry


def without_user(file: Path, user: str) -> int:
    """Remove a user's events from an exported file, and say how many there were.

    Raises:
        UsageError: The file's name ends in none of the ways of an export.
    """
    successor = file.with_name(f".{file.name}.part")
    if file.suffix == ".csv":
        removed = _csv_without_user(file, successor, user)
    elif file.suffix == ".parquet":
        removed = _parquet_without_user(file, successor, user)
    else:
        removed = _lines_without_user(file, successor, user)
    successor.replace(file)
    return removed


def _event(place: int, document: Any) -> Event | Unreadable:
    try:
        if isinstance(document, bytes | str):
            return Event.model_validate_json(document)
        return Event.model_validate(document)
    except ValidationError as error:
        return Unreadable(place, "; ".join(map(str, field_errors(error))))


def _from_csv(file: Path) -> Iterator[dict[str, Any] | str]:
    with file.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            yield json.dumps({name: _cell(name, text) for name, text in row.items() if name and text})


def _cell(name: str, text: str) -> Any:
    try:
        return json.loads(text) if name in _NUMBERS or name == "metadata" else text
    except ValueError:
        return text


def _from_parquet(file: Path) -> Iterator[str]:
    # Through the session's time zone, so that times with and without a zone are both read as UTC.
    written = "strftime(timezone('UTC', CAST(\"{}\" AS TIMESTAMPTZ)), '%Y-%m-%dT%H:%M:%S.%fZ')"
    columns = [written.format(name) if name in _MOMENTS else f'"{name}"' for name in Event.model_fields]
    query = f"SELECT {', '.join(columns)} FROM read_parquet(?)"  # noqa: S608 - the names are the schema's
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        result = connection.execute(query, [str(file)])
        while rows := result.fetchmany(_ROWS_AT_ONCE):
            for row in rows:
                named = zip(Event.model_fields, row, strict=True)
                document = {name: value for name, value in named if value is not None}
                yield json.dumps({**document, "metadata": json.loads(document.get("metadata", "{}"))})


def _from_lines(file: Path) -> Iterator[bytes | str]:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
        for line in stream:
            if line.strip():
                yield _content(line)


def _content(line: bytes) -> bytes | str:
    """Find the event in a line, which may be an entry of quarantine."""
    try:
        document = json.loads(line)
    except ValueError:
        return line
    if not isinstance(document, dict) or "event_id" in document:
        return line
    if isinstance(document.get("text"), str):
        return str(document["text"])
    try:
        return base64.b64decode(document["data"])
    except (KeyError, TypeError, ValueError):
        return line


def _csv_without_user(file: Path, successor: Path, user: str) -> int:
    removed = 0
    with file.open(newline="", encoding="utf-8") as source, successor.open("w", newline="", encoding="utf-8") as target:
        reader = csv.DictReader(source)
        writer = csv.DictWriter(target, reader.fieldnames or [], lineterminator="\n")
        writer.writeheader()
        for row in reader:
            if row.get("user_id") == user:
                removed += 1
            else:
                writer.writerow(row)
    return removed


def _parquet_without_user(file: Path, successor: Path, user: str) -> int:
    with duckdb.connect() as connection:
        parameters = {"file": str(file), "user": user}
        query = "SELECT count(*) FROM read_parquet($file) WHERE user_id = $user"
        ((removed,),) = connection.execute(query, parameters).fetchall()
        connection.execute(
            "CREATE TABLE kept AS SELECT * FROM read_parquet($file) WHERE user_id IS DISTINCT FROM $user", parameters
        )
        connection.table("kept").write_parquet(str(successor), compression="zstd")
    return int(removed)


def _lines_without_user(file: Path, successor: Path, user: str) -> int:
    lines = file.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not _is_of(line, user)]
    successor.write_bytes(b"".join(kept))
    return len(lines) - len(kept)


def _is_of(line: bytes, user: str) -> bool:
    content = _content(line)
    try:
        document = json.loads(content)
    except ValueError:
        return json.dumps(user).encode() in (content.encode() if isinstance(content, str) else content)
    return isinstance(document, dict) and document.get("user_id") == user
