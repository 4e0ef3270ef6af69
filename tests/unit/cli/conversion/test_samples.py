import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bakeoff.conversion import samples
from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.samples import read_sample

ROWS: list[dict[str, Any]] = [
    {"age": 30, "income": 1_500.5, "city": "Graz", "member": True},
    {"age": None, "income": 900.0, "city": None, "member": False},
    {"age": 41, "income": None, "city": "Wien", "member": True},
    {"age": 52, "income": 2_000.0, "city": "Graz", "member": None},
]
TYPES = {"age": "int", "income": "float", "city": "str", "member": "bool"}


def write(folder: Path, kind: str) -> Path:
    file = folder / f"rows.{kind}"
    lines = folder / "lines.ndjson"
    lines.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    if kind.endswith("ndjson"):
        return lines
    with duckdb.connect() as connection:
        form = {"csv": "FORMAT csv, HEADER", "csv.gz": "FORMAT csv, HEADER", "parquet": "FORMAT parquet"}[kind]
        connection.execute(f"COPY (SELECT * FROM read_json('{lines}')) TO '{file}' ({form})")  # noqa: S608
    return file


@pytest.mark.parametrize("kind", ["ndjson", "csv", "csv.gz", "parquet"])
def test_reads_files(kind: str, tmp_path: Path) -> None:
    sample = read_sample(write(tmp_path, kind))
    assert {column.name: column.type for column in sample.columns} == TYPES
    assert sample.columns[0].values == (30, None, 41, 52)
    assert sample.columns[1].values == (1_500.5, 900.0, None, 2_000.0)
    assert sample.columns[3].values == (True, False, True, None)


def test_reads_mappings_and_data_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(ROWS).astype({"age": "Int64", "member": "boolean"})
    for rows in (ROWS, frame):
        sample = read_sample(rows)
        assert {column.name: column.type for column in sample.columns} == TYPES
        assert sample.columns[0].values == (30, None, 41, 52)
        assert sample.columns[1].values == (1_500.5, 900.0, None, 2_000.0)


def test_whole_floats_stay_floats() -> None:
    assert read_sample([{"x": 1.0}, {"x": 2.0}]).columns[0].type == "float"
    assert read_sample([{"x": 1}, {"x": 2.5}]).columns[0].type == "float"


def test_missing_values_take_the_median_the_most_frequent_or_the_declared_value() -> None:
    sample = read_sample(ROWS).with_defaults({"income": 0})
    assert [column.default for column in sample.columns] == [41, 0.0, "Graz", True]
    assert sample.rows()[1] == {"age": 41, "income": 900.0, "city": "Graz", "member": False}
    assert read_sample([{"x": 1}]).with_defaults({}).columns[0].default is None


def test_types_may_be_declared() -> None:
    sample = read_sample([{"zip": 8010, "n": 1}]).typed({"zip": "str", "n": "float"})
    assert sample.rows() == [{"zip": "8010", "n": 1.0}]
    assert [column.type for column in sample.columns] == ["str", "float"]


def test_columns_are_selected_and_left_out() -> None:
    sample = read_sample(ROWS)
    assert sample.select(["city", "age"]).names == ("city", "age")
    assert sample.without(["city", "age"]).names == ("income", "member")


def test_no_more_rows_are_read_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MAX_ROWS", 3)
    assert read_sample(write(tmp_path, "parquet")).size == 3
    assert read_sample(ROWS).size == 3


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "the sample has no rows"),
        ([{}], "the sample has no rows"),
        ([{"x": [1]}], "sample column 'x': must be a string, got an array"),
        (Path("rows.xlsx"), r"rows.xlsx: sample rows are read from \.csv"),
        (Path("rows.csv"), "rows.csv: not found"),
    ],
)
def test_what_is_no_sample_is_refused(rows: Any, message: str) -> None:
    with pytest.raises(NotConvertible, match=message):
        read_sample(rows)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    file.write_bytes(b"PAR1 not")
    with pytest.raises(NotConvertible, match=r"rows.parquet: .*"):
        read_sample(file)


def test_what_is_said_of_columns_must_fit_them() -> None:
    sample = read_sample(ROWS)
    refusals: list[tuple[Callable[[], Any], str]] = [
        (lambda: sample.select(["x"]), "the sample has no column 'x', only age, income, city, member"),
        (lambda: sample.without(["x"]), "no column 'x'"),
        (lambda: sample.typed({"city": "int"}), "sample column 'city': must be an integer, got 'Graz'"),
        (lambda: sample.with_defaults({"age": "old"}), "default of 'age': must be an integer, got 'old'"),
        (lambda: read_sample([{"x": None, "y": 1}]).with_defaults({}), "'x': has no value in any row"),
    ]
    for call, message in refusals:
        with pytest.raises(NotConvertible, match=message):
            call()
