"""The README's commands, run as they stand there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff.standin.routing import Router
from bakeoff.standin.standin import Standin
from bakeoff.standin.template import read_template
from tests.conftest import PROJECT_ROOT

# Every answer has to be a success, which curl alone does not ask for.
_PRELUDE = """
set -euo pipefail
source() { :; }
bakeoff() { "$PYTHON" -m bakeoff "$@"; }
curl() { command curl --fail-with-body --show-error -w '\\n' "$@"; }
"""


def blocks() -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", (PROJECT_ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def transcript(tmp_path_factory: pytest.TempPathFactory) -> str:
    logs = tmp_path_factory.mktemp("logs")
    with Standin(PROJECT_ROOT / "template.yaml", logs=logs, port=0) as standin:
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in standin.environment.items())
        script = (
            f"PYTHON={shlex.quote(sys.executable)}\n"
            + exports
            + _PRELUDE
            + "".join(blocks()).replace("-o executive.html", f"-o {logs}/executive.html")
        )
        ran = subprocess.run(
            ["bash", "-c", script], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=240, check=False
        )
        assert ran.returncode == 0, ran.stdout[-2_000:] + ran.stderr[-2_000:]
        assert "<html" in Path(logs / "executive.html").read_text()
        return ran.stdout


def test_every_command_succeeds_and_says_what_is_promised(transcript: str) -> None:
    for promised in (
        '"status":"running"',
        '"model_version":"v1"',
        '"total":2,"success":1,"failed":1',
        '"accepted":2,"rejected":0',
        '"group_name":"blue"',
        '"status":"completed"',
        '"status":"offline"',
    ):
        assert promised in transcript, promised


def test_every_route_is_shown() -> None:
    declared = read_template(PROJECT_ROOT / "template.yaml", region="us-east-1").routes
    router = Router(declared)
    shown = set()
    for command in re.findall(r"curl [^\n]*", "".join(blocks())):
        given = re.search(r"-X (\w+)", command)
        method = given[1] if given else ("POST" if " -d " in command else "GET")
        path = re.search(r"\$BAKEOFF_URL([^\s\"?]*)", command)
        match = path and router.match(method, path[1])
        assert match, command
        shown.add(match.key)
    # The last one only gives unknown paths of the protocol an error of its own form.
    assert {f"{route.method} {route.path}" for route in declared} - shown == {"ANY /v2/{proxy+}"}
