"""A function that starts brings in what its first event needs, and leaves the rest until an event needs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bakeoff.standin.template import read_template

PROJECT = Path(__file__).parents[2]
FUNCTIONS = read_template(PROJECT / "template.yaml", region="us-east-1").functions
LARGE = ("cryptography", "duckdb", "fastapi", "jinja2", "jwt", "numpy", "onnxruntime", "scipy")

BRINGS = {
    "AnalyzeFunction": ["numpy", "scipy"],
    "AssignFunction": [],
    "AuthorizeFunction": [],
    "CompactFunction": [],
    "DeliverFunction": [],
    "DispatchFunction": [],
    "ExperimentsFunction": ["fastapi"],
    "IngestFunction": [],
    "NotifyFunction": [],
    "PredictFunction": ["numpy", "onnxruntime"],
    "RefreshFunction": [],
    "ReportsFunction": ["fastapi"],
}

# Each handler is imported in a copy of a process that has what all of them share, which saves most of the time.
STARTS = """
import gc, json, os, sys
import boto3, pydantic, aws_lambda_powertools
large, functions = json.loads(sys.argv[1])
for name, (folders, module) in functions.items():
    sys.stdout.flush()
    if os.fork() == 0:
        sys.path[:0] = folders
        collections = []
        gc.collect()
        gc.callbacks.append(lambda phase, _: collections.append(phase))
        __import__(module)
        collector = {"ran": len(collections), "goes on": gc.isenabled(), "passes over": gc.get_freeze_count() > 0}
        print(json.dumps([name, [sorted(set(large) & sys.modules.keys()), collector]]), flush=True)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(f"{name} does not start")
"""


Started = tuple[list[str], dict[str, Any]]


@pytest.fixture(scope="module")
def found() -> dict[str, Started]:
    layers = [str(PROJECT / "layers" / name) for name in ("bakeoff_core", "model_runtime")]
    functions = {
        name: ([str(function.code), *layers], function.handler.rpartition(".")[0])
        for name, function in FUNCTIONS.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", STARTS, json.dumps([LARGE, functions])],
        env={"PATH": os.environ["PATH"], "BAKEOFF_API_KEYS_TABLE": "keys"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    return dict(json.loads(line) for line in done.stdout.splitlines())


def test_every_function_is_looked_at() -> None:
    assert set(BRINGS) == set(FUNCTIONS)


@pytest.mark.parametrize("function", sorted(BRINGS))
def test_a_function_starts_with_what_its_first_event_needs(function: str, found: dict[str, Started]) -> None:
    assert found[function][0] == BRINGS[function]


@pytest.mark.parametrize("function", sorted(BRINGS))
def test_nothing_is_collected_until_a_function_has_started(function: str, found: dict[str, Started]) -> None:
    assert found[function][1] == {"ran": 0, "goes on": True, "passes over": True}
