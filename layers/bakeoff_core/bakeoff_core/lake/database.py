"""DuckDB over local files of events: opened within bounds, and shown every file as the same lines."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from bakeoff_core.clock import rfc3339

if TYPE_CHECKING:
    import duckdb

_SQL = Path(__file__).parent / "sql"
_COVERAGE = "bakeoff"

Format = Literal["delivered", "compacted"]
TablesIn = Literal["memory", "file"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a Parquet object stands for.

    Attributes:
        objects: The names, without their partition, of the delivered objects whose lines it holds.
        written_at: When it was written.
    """

    objects: frozenset[str]
    written_at: datetime

    def to_text(self) -> str:
        """Write it into the file's own metadata."""
        return json.dumps({"objects": sorted(self.objects), "written_at": rfc3339(self.written_at)})


@contextmanager
def database(
    *, memory_limit_mb: int, threads: int, tables_in: TablesIn = "file"
) -> "Iterator[duckdb.DuckDBPyConnection]":
    """Open an empty database that spills to disk above its memory limit and fetches nothing from anywhere.

    Args:
        memory_limit_mb: What DuckDB may use; 128 MB is too little for it.
        threads: How many threads it uses.
        tables_in: Where tables are kept. Those in a file leave the memory to the work on them; they are compressed,
            and written only once where tables in memory would be written each time that others push them out.
    """
    import duckdb  # noqa: PLC0415 - it is large, and whoever imports this may find nothing to do

    with TemporaryDirectory() as folder:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_limit_mb}MB",
            "threads": threads,
            "temp_directory": folder,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": False,
        }
        place = ":memory:" if tables_in == "memory" else f"{folder}/events.duckdb"
        with duckdb.connect(place, config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")
            define_tie_break(connection)
            yield connection


def define_tie_break(connection: "duckdb.DuckDBPyConnection") -> None:
    """Define `tie_break`, by which compaction and analysis choose the same among arrivals at one time."""
    connection.execute(statement("tie_break"))


def show_lines(connection: "duckdb.DuckDBPyConnection", form: Format, files: Iterable[Path]) -> None:
    """Make `lines` a view of files.

    Args:
        connection: A database in the time zone UTC.
        form: What kind of files they are.
        files: One file or more.
    """
    connection.execute(statement(f"{form}_lines", files=[str(file) for file in files]))


def read_coverage(file: Path) -> Coverage | None:
    """Read what a Parquet file stands for, or None where it is damaged or not of compaction's making."""
    return read_coverages([file])[file]


def read_coverages(files: Sequence[Path]) -> dict[Path, Coverage | None]:
    """Read what Parquet files stand for, many at once; None for each that is damaged or not of compaction's making."""
    if not files:
        return {}

    import duckdb  # noqa: PLC0415 - as above

    with duckdb.connect() as connection:
        query = "SELECT file_name, value FROM parquet_kv_metadata($files) WHERE key = encode($key)"
        try:
            parameters = {"files": [str(file) for file in files], "key": _COVERAGE}
            found = dict(connection.execute(query, parameters).fetchall())
        except duckdb.Error:
            # One damaged file fails all of them, and is found by halves.
            middle = len(files) // 2
            return read_coverages(files[:middle]) | read_coverages(files[middle:]) if middle else {files[0]: None}
    return {file: _coverage(found.get(str(file))) for file in files}


def _coverage(text: bytes | None) -> Coverage | None:
    if text is None:
        return None
    try:
        document = json.loads(text)
        return Coverage(frozenset(document["objects"]), datetime.fromisoformat(document["written_at"]))
    except (KeyError, TypeError, ValueError):
        return None


def statement(name: str, **values: str | list[str]) -> str:
    """Read a statement and put text literals into it, for the places where DuckDB takes no parameters.

    Args:
        name: The statement's file.
        values: By name: a text, or a list of texts.
    """
    literals = {
        key: _literal(value) if isinstance(value, str) else f"[{', '.join(map(_literal, value))}]"
        for key, value in values.items()
    }
    return _text(name).format(**literals) if literals else _text(name)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@cache
def _text(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text()
