"""Exporting events of a span of time into one file, each once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from bakeoff_core.lake.database import Format, database, define_tie_break, show_lines, statement
from bakeoff_core.lake.files import EventFiles
from bakeoff_core.stores.objects import ObjectStore

ExportFormat = Literal["csv", "parquet"]
Progress = Callable[[int, int], None]

_FILES_AT_ONCE = 50
_MEMORY_LIMIT_MB = 512


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are exported.

    Attributes:
        start: The earliest time, by the events' own clock.
        end: The time from which on they are left out.
        experiment: Only events that name this experiment, if one is given.
    """

    start: datetime
    end: datetime
    experiment: str | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds.

    Attributes:
        events: How many.
        unreadable: Keys of the objects that are damaged and are not part of it.
    """

    events: int
    unreadable: tuple[str, ...]


def export_events(
    objects: ObjectStore, selection: Selection, target: Path, form: ExportFormat, progress: Progress
) -> Exported:
    """Write the selected events into a file, in the order of their times.

    Args:
        objects: The event bucket.
        selection: Which events.
        target: The file, written over.
        form: Its format.
        progress: Told how many of how many objects are read.
    """
    with TemporaryDirectory() as folder, database(memory_limit_mb=_MEMORY_LIMIT_MB, threads=2) as connection:
        fetched = EventFiles(objects, Path(folder)).since(selection.start)
        define_tie_break(connection)
        connection.execute(statement("create_arrivals"))
        sources: tuple[tuple[Format, tuple[Path, ...]], ...] = (
            ("delivered", fetched.delivered),
            ("compacted", fetched.compacted),
        )
        portions = [
            (source, files[start : start + _FILES_AT_ONCE])
            for source, files in sources
            for start in range(0, len(files), _FILES_AT_ONCE)
        ]
        total = len(fetched.delivered) + len(fetched.compacted)
        read = 0
        progress(read, total)
        for source, files in portions:
            show_lines(connection, source, files)
            connection.execute(
                statement("load_selected"),
                {"start": selection.start, "end": selection.end, "experiment": selection.experiment},
            )
            read += len(files)
            progress(read, total)
        connection.execute(statement("create_repeated"))
        ((events,),) = connection.execute(statement(f"write_export_{form}", target=str(target))).fetchall()
    return Exported(events, fetched.unreadable)
