"""Sample rows: read from a file or from memory, with the features that they show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median_low
from typing import Any, Protocol, Self, TypeAlias

import duckdb

from bakeoff.conversion.errors import NotConvertible
from model_runtime.values import FeatureType, Value, read_value

MAX_ROWS = 10_000
"""How many sample rows are read; the others are left out."""

_READERS = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".parquet": "read_parquet",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}
_COMPRESSIONS = {".gz", ".zst"}
_TYPES: Sequence[FeatureType] = ("bool", "int", "float", "str")


class DataFrame(Protocol):
    """The part of a pandas data frame that is read."""

    def to_dict(self, orient: str) -> Any:
        """Give its rows."""
        ...


Rows: TypeAlias = Path | str | Sequence[Mapping[str, Any]] | DataFrame


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its values, None where one is missing.

    Attributes:
        name: What callers will call the feature.
        type: The narrowest type that holds every value.
        values: One a row.
        default: What a missing value counts as; None if none was missing and none was declared.
    """

    name: str
    type: FeatureType
    values: tuple[Value | None, ...]
    default: Value | None = None

    def complete(self) -> tuple[Value, ...]:
        """Give the values with the default in the place of missing ones."""
        return tuple(self.default if value is None else value for value in self.values)  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Sample:
    """Columns of equal length."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self.columns[0].values)

    def select(self, names: Sequence[str]) -> Self:
        """Keep some columns, in that order.

        Raises:
            NotConvertible: A column is not there.
        """
        known = {column.name: column for column in self.columns}
        missing = [name for name in names if name not in known]
        if missing:
            raise NotConvertible(
                f"the sample has no column {', '.join(map(repr, missing))}, only {', '.join(self.names)}"
            )
        return replace(self, columns=tuple(known[name] for name in names))

    def without(self, names: Sequence[str]) -> Self:
        """Leave some columns out. Raises NotConvertible if one is not there."""
        self.select(names)
        return replace(self, columns=tuple(column for column in self.columns if column.name not in names))

    def typed(self, types: Mapping[str, FeatureType]) -> Self:
        """Read some columns as another type than their values suggest.

        Raises:
            NotConvertible: A column is not there, or a value is not of its type.
        """
        self.select(list(types))
        return replace(
            self,
            columns=tuple(
                column if column.name not in types else _column(column.name, column.values, types[column.name])
                for column in self.columns
            ),
        )

    def with_defaults(self, defaults: Mapping[str, Value]) -> Self:
        """Declare defaults; a column with missing values and none declared gets its median or most frequent value.

        Raises:
            NotConvertible: A column is not there, or a default is not of its type.
        """
        self.select(list(defaults))
        return replace(self, columns=tuple(_with_default(column, defaults) for column in self.columns))

    def rows(self) -> list[dict[str, Value]]:
        """Give the rows as requests would hold them, defaults filled in."""
        columns = [column.complete() for column in self.columns]
        return [dict(zip(self.names, values, strict=True)) for values in zip(*columns, strict=True)]


def read_sample(rows: Rows) -> Sample:
    """Read sample rows from a CSV, Parquet or NDJSON file, from a list of mappings, or from a pandas data frame.

    Raises:
        NotConvertible: There are no rows, or a column holds something that no feature is.
    """
    if isinstance(rows, str | Path):
        names, records = _read_file(Path(rows))
    else:
        mappings: Any = rows if isinstance(rows, Sequence) else rows.to_dict("records")
        names = list(dict.fromkeys(name for mapping in mappings for name in mapping))
        records = [tuple(mapping.get(name) for name in names) for mapping in mappings[:MAX_ROWS]]
    if not records or not names:
        raise NotConvertible("the sample has no rows")
    return Sample(tuple(_column(name, values) for name, values in zip(names, zip(*records, strict=True), strict=True)))


def _read_file(path: Path) -> tuple[list[str], list[tuple[Any, ...]]]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kinds = [suffix for suffix in suffixes if suffix not in _COMPRESSIONS]
    reader = _READERS.get(kinds[-1]) if kinds else None
    if reader is None:
        raise NotConvertible(f"{path}: sample rows are read from {', '.join(sorted(_READERS))}")
    if not path.is_file():
        raise NotConvertible(f"{path}: not found")
    try:
        with duckdb.connect() as connection:
            # The first rows in the file's order, whatever the number of threads.
            found = connection.execute(f"SELECT * FROM {reader}(?) LIMIT {MAX_ROWS}", [str(path)])  # noqa: S608 - from above
            return [column[0] for column in found.description or ()], found.fetchall()
    except duckdb.Error as error:
        raise NotConvertible(f"{path}: {str(error).splitlines()[0]}") from error


def _column(name: str, values: Sequence[Any], kind: FeatureType | None = None) -> Column:
    present = [_plain(value) for value in values]
    for candidate in (kind,) if kind else _TYPES:
        try:
            read = [None if value is None else _read(candidate, value, declared=kind is not None) for value in present]
        except ValueError as error:
            if kind or candidate == _TYPES[-1]:
                raise NotConvertible(f"sample column {name!r}: {error}") from None
        else:
            return Column(name, candidate, tuple(read))
    raise AssertionError  # the last candidate returned or raised


def _read(kind: FeatureType, value: object, *, declared: bool) -> Value:
    if declared and kind == "str" and isinstance(value, int | float):
        # Such as a postal code, which a CSV file does not tell from a number.
        return str(value).lower() if isinstance(value, bool) else str(value)
    if not declared and kind == "int" and isinstance(value, float):
        raise ValueError("may be whole by chance")
    return read_value(kind, value)


def _plain(value: Any) -> Any:
    """Turn numpy's scalars into Python's, and what stands for a missing value into None."""
    item = getattr(value, "item", None)
    if callable(item):
        value = item()
    if type(value).__name__ in {"NAType", "NaTType"} or value != value:  # noqa: PLR0124 - NaN is not equal to itself
        return None
    return float(value) if type(value).__name__ == "Decimal" else value


def _with_default(column: Column, defaults: Mapping[str, Value]) -> Column:
    if column.name in defaults:
        try:
            return replace(column, default=read_value(column.type, defaults[column.name]))
        except ValueError as error:
            raise NotConvertible(f"default of {column.name!r}: {error}") from None
    present = [value for value in column.values if value is not None]
    if len(present) == len(column.values):
        return column
    if not present:
        raise NotConvertible(f"sample column {column.name!r}: has no value in any row")
    if column.type in {"int", "float"}:
        return replace(column, default=median_low(present))
    return replace(column, default=max(sorted(set(present)), key=present.count))
