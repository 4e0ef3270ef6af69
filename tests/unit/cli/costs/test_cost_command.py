"""`bakeoff cost`, as it is typed."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bakeoff.main import app
from tests.conftest import PROJECT_ROOT

TWO = ["cost", "--requests", "10000000", "--events", "20000000"]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*TWO, *arguments], env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    return result.output


def test_the_page_shows_what_is_printed() -> None:
    page = (PROJECT_ROOT / "docs" / "cost.md").read_text()
    shown = re.search(r"^USD a month.*?(?=^```)", page, re.DOTALL | re.MULTILINE)
    assert shown
    assert shown[0].strip() == "\n".join(line.rstrip() for line in run().strip().splitlines())


def test_the_lines_add_up_to_the_total() -> None:
    document = json.loads(run("--format", "json"))
    assert document["total"] == pytest.approx(sum(line["cost"] for line in document["lines"]))
    assert (document["currency"], document["region"]) == ("USD", "us-east-1")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--events-per-call", "1"),
        ("--batch-share", "0.5"),
        ("--in-experiment", "0.5"),
        ("--sticky-share", "1"),
        ("--experiments", "9"),
        ("--models", "9"),
        ("--reports", "900"),
        ("--notices", "9000"),
        ("--memory", "3538"),
        ("--duration", "90"),
        ("--event-bytes", "2000"),
        ("--storage-days", "30"),
        ("--log-days", "90"),
        ("--architecture", "arm64"),
        ("--shards", "12"),
        ("--look-minutes", "1440"),
    ],
)
def test_every_option_changes_the_sum(option: str, value: str) -> None:
    assert json.loads(run(option, value, "--format", "json"))["total"] != json.loads(run("--format", "json"))["total"]


@pytest.mark.parametrize("flag", ["--no-tallies", "--athena"])
def test_every_flag_changes_the_sum(flag: str) -> None:
    assert json.loads(run(flag, "--format", "json"))["total"] != json.loads(run("--format", "json"))["total"]


def test_rows_matter_where_there_are_batches() -> None:
    few, many = (run("--batch-share", "0.5", "--batch-rows", rows, "--format", "json") for rows in ("10", "1000"))
    assert json.loads(few)["total"] < json.loads(many)["total"]


def test_details_name_quantities_and_units() -> None:
    assert re.search(r"HTTP API requests +│ +12,000,000 +│ requests +│ +12\.00", run("--details"))


def test_prices_of_ones_own_are_named_in_the_heading(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text('{"region": "mars-1", "currency": "MRD", "as_of": "2030-01-02", "prices": {}}')
    assert "MRD a month, at prices of mars-1 as of 2030-01-02" in run("--prices", str(path))


def test_a_missing_file_is_said_in_a_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*TWO, "--prices", str(tmp_path / "none.json")])
    assert (result.exit_code, "there is no such file" in result.output) == (1, True)
