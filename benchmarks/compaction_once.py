"""One compaction in a process of its own, or the bare query; prints how long it took, its memory and what it wrote.

python -m benchmarks.compaction_once compaction FOLDER
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.environment import become

become("analyze", "compact")

import duckdb  # noqa: E402 - importable from here on

from bakeoff_core.lake.compaction import Bounds, Compactor  # noqa: E402
from bakeoff_core.lake.keys import DELIVERED  # noqa: E402
from benchmarks.analysis_once import START, Lake, once  # noqa: E402

_BOUNDS = Bounds()
_MEMORY_OF_THE_BARE_QUERY_MB = 2_048  # in 256 MB, which compaction has, it fails
_BARE = """
COPY (
    SELECT DISTINCT ON (event_id) * FROM read_json('{folder}/events/*/*/*.ndjson.gz', columns = {{
        schema_version: 'INTEGER', event_id: 'VARCHAR', event_type: 'VARCHAR', user_id: 'VARCHAR',
        "timestamp": 'TIMESTAMPTZ', received_at: 'TIMESTAMPTZ', event_value: 'DOUBLE', experiment_name: 'VARCHAR',
        group_name: 'VARCHAR', config_version: 'BIGINT', propensity: 'DOUBLE', model_name: 'VARCHAR',
        model_version: 'VARCHAR', metadata: 'JSON'
    }})
    ORDER BY user_id, "timestamp", event_id
) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 65536)
"""


class Bucket(Lake):
    """The event bucket as a folder, whose delivered objects stay as they are."""

    def __init__(self, folder: Path, target: Path) -> None:
        """Look at a folder, and keep in another what is written."""
        super().__init__(folder)
        self._target = target

    def version(self, key: str) -> str | None:
        """Say that nothing was compacted yet."""
        del key
        return None

    def replace(self, key: str, path: Path, content_type: str, expected: str | None) -> None:
        """Keep the Parquet object."""
        del key, content_type, expected
        shutil.move(path, self._target)

    def delete(self, keys: Sequence[str]) -> None:
        """Leave delivered objects for the next run.

        Raises:
            ValueError: Something else was to be deleted.
        """
        if not all(key.startswith(DELIVERED) for key in keys):
            raise ValueError(keys)


def compaction(folder: Path, target: Path) -> None:
    """Compact the hour as the function does."""
    outcome = Compactor(Bucket(folder, target), lambda: START + timedelta(hours=3), _BOUNDS).run()
    if outcome.written != 1 or outcome.failed:
        raise RuntimeError(f"not compacted: {outcome}")


def bare(folder: Path, target: Path) -> None:
    """Run the query that an analyst would write."""
    with TemporaryDirectory() as spill:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{_MEMORY_OF_THE_BARE_QUERY_MB}MB",
            "threads": _BOUNDS.threads,
            "temp_directory": spill,
            "preserve_insertion_order": False,
        }
        with duckdb.connect(f"{spill}/bare.duckdb", config=config) as connection:
            connection.execute(_BARE.format(folder=folder, target=target))


WAYS: Mapping[str, Callable[[Path, Path], None]] = {"compaction": compaction, "bare": bare}


def written(way: str, folder: Path) -> dict[str, int]:
    """Run a way, and say how much it wrote."""
    with TemporaryDirectory() as scratch:
        target = Path(scratch, "hour.parquet")
        WAYS[way](folder, target)
        ((rows,),) = duckdb.execute("SELECT count(*) FROM read_parquet($file)", {"file": str(target)}).fetchall()
        return {"rows": rows, "bytes": target.stat().st_size}


if __name__ == "__main__":
    once(__doc__, WAYS, "written", written)
