"""Where the objects of the event lake lie."""

import re
from datetime import UTC, datetime, timedelta

DELIVERED = "events/"
COMPACTED = "compacted/"
QUARANTINE = "quarantine/"

_PARTITION = re.compile(r"dt=(\d{4}-\d\d-\d\d)/hour=(\d\d)/")
_FILE = "events.parquet"


def partition(moment: datetime) -> str:
    """Write the partition of an hour: dt=2026-01-31/hour=09/."""
    return f"{moment.astimezone(UTC):dt=%Y-%m-%d/hour=%H/}"


def compacted_key(partition: str) -> str:
    """The one object that holds a partition's events after compaction.

    Args:
        partition: As `partition` or `partition_of` give it.
    """
    return f"{COMPACTED}{partition}{_FILE}"


def partition_of(key: str) -> str | None:
    """Find the partition in an object's key, or None where the key has none."""
    match = _PARTITION.search(key)
    return match[0] if match else None


def end_of(partition: str) -> datetime:
    """When the hour of a partition was over.

    Raises:
        ValueError: There is no such hour.
    """
    match = _PARTITION.fullmatch(partition)
    if match is None:
        raise ValueError(f"{partition}: is no partition")
    return datetime.fromisoformat(f"{match[1]}T{match[2]}:00").replace(tzinfo=UTC) + timedelta(hours=1)
