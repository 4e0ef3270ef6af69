"""The harness: what is run, what is kept, and what it says of targets."""

import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks.__main__ import NAMES, main
from benchmarks.report import Row, at_least, at_most
from benchmarks.side_by_side import Timing, ratio

MET, MISSED = at_most("a over b", 1.2, 1.5, "12 µs over 10 µs"), at_least("c over d", 1.4, 2)


def measured(name: str) -> tuple[str, list[Row]]:
    return name.title(), [MET, MISSED]


def failing(name: str) -> tuple[str, list[Row]]:
    if name == NAMES[0]:
        raise subprocess.CalledProcessError(3, name)
    return measured(name)


def test_a_target_is_met_at_its_limit_and_missed_beyond() -> None:
    assert [at_most("", value, 1.5).met for value in (1.5, 1.51)] == [True, False]
    assert [at_least("", value, 10).met for value in (10, 9.99)] == [True, False]
    assert at_least("", 9.996, 10).figure == "10.00"


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    timings = {"ours": Timing((2.0, 30.0, 3.0)), "theirs": Timing((1.0, 10.0, 2.0))}
    assert ratio(timings, "ours", "theirs") == 2.0


def test_all_are_kept_with_versions_targets_and_profiles(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    assert main([], measured, results) == 0
    text = results.read_text()
    assert f"pydantic {version('pydantic')}" in text
    assert [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")] == [
        *(name.title() for name in NAMES),
        "Profiles",
    ]
    assert text.count("| a over b | 1.20 | at most 1.5 | met | 12 µs over 10 µs |") == len(NAMES)
    assert text.count("| c over d | 1.40 | at least 2 | **missed** |  |") == len(NAMES)
    assert "- [The decision](profiles/assignment.md)" in text


def test_one_alone_is_not_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([NAMES[0]], measured, tmp_path / "RESULTS.md") == 0
    assert not list(tmp_path.iterdir())
    assert "targets missed: 1" in capsys.readouterr().out


def test_one_that_fails_does_not_stop_the_others_and_nothing_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], failing, tmp_path / "RESULTS.md") == 1
    out = capsys.readouterr().out
    assert NAMES[1].title() in out
    assert f"{NAMES[0]} failed, so nothing was kept" in out
    assert not list(tmp_path.iterdir())


def test_an_unknown_name_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assignments"], failing) == 2
    assert "no benchmark is called assignments, only assignment, " in capsys.readouterr().err
