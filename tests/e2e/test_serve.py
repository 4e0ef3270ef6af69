"""`bakeoff serve` as a process: what it prints, what it answers, how it ends."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from bakeoff.model_folders import publish_folder
from bakeoff.stack import Stack
from bakeoff_core.clock import utc_now

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_and_leaves_nothing_behind(tmp_path: Path, ending: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bakeoff", "serve", "--port", "0", "--logs", str(tmp_path)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            environment, keys, url = read_announcement(process)
            assert httpx.get(f"{url}/health").json()["status"] == "healthy"
            assert environment["BAKEOFF_URL"] == url
            assert keys.keys() == {"client", "read", "admin"}
            assert environment["BAKEOFF_API_KEY"] == keys["admin"]
            assert httpx.get(f"{url}/models").status_code == 403
            stack = Stack.from_environment(environment)
            publish_folder(PROJECT / "examples/models/recommendation/v1", stack.registry, stack.objects, utc_now)
            models = httpx.get(f"{url}/models", headers={"X-API-Key": keys["read"]}).json()["models"]
            assert [model["model_key"] for model in models] == ["recommendation:v1"]
            children = descendants(process.pid)
            assert len(children) >= 2
            process.send_signal(ending)
            assert process.wait(30) == 0
            assert wait_for_the_end(children) == []
        finally:
            process.kill()


def test_serve_says_what_is_missing(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bakeoff", "serve", "--port", "0"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 1
    assert "template.yaml" in run.stderr
    assert "Traceback" not in run.stderr


def read_announcement(process: "subprocess.Popen[str]") -> tuple[dict[str, str], dict[str, str], str]:
    assert process.stdout is not None
    environment: dict[str, str] = {}
    keys: dict[str, str] = {}
    for line in process.stdout:
        if ready := re.fullmatch(r"ready: (http://127\.0\.0\.1:\d+)\n", line):
            return environment, keys, ready[1]
        if key := re.fullmatch(r"(\w+) key: (bk_\w+)\n", line):
            keys[key[1]] = key[2]
            continue
        word, assignment = shlex.split(line)
        assert word == "export"
        name, _, value = assignment.partition("=")
        environment[name] = value
    raise AssertionError(process.stderr.read() if process.stderr else "no ready line")


def descendants(pid: int) -> list[int]:
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found = [pid]
    for ancestor in found:
        found.extend(child for child, parent in parents.items() if parent == ancestor)
    return found[1:]


def wait_for_the_end(pids: list[int], seconds: float = 10) -> list[Any]:
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left
