"""That the analysis and the bare query beside it are asked for the same units."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

GENERATE = """
import sys
from pathlib import Path
from benchmarks.analysis import Run, compact, generate, growth
folder = Path(sys.argv[1])
generate(folder, 4_000)
compact(folder, folder / "parquet")
row = growth({200: Run(2e-4, 9, 9, 0), 2_000: Run(4e-3, 9, 9, 0)})
print(row.figure, row.met)
"""


def _python(*arguments: str) -> str:
    # A process of its own: the benchmark puts the function's folder and settings around itself.
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.slow
def test_both_ways_count_the_same_units_of_either_format(tmp_path: Path) -> None:
    assert _python("-c", GENERATE, str(tmp_path)) == "2.00 False\n"
    runs = [("full", tmp_path), ("bare", tmp_path), ("bare_with_duplicates", tmp_path), ("full", tmp_path / "parquet")]
    found = [json.loads(_python("-m", "benchmarks.analysis_once", way, str(folder))) for way, folder in runs]
    assert [run["groups"] for run in found] == [{"control": 250, "treatment": 250}] * 4
