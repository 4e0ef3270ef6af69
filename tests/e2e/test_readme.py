"""The README's commands, run as they stand there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff.standin.standin import Standin
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
            + "".join(blocks()).replace("-o report.html", f"-o {logs}/report.html")
        )
        ran = subprocess.run(
            ["bash", "-c", script], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=240, check=False
        )
        assert ran.returncode == 0, ran.stdout[-2_000:] + ran.stderr[-2_000:]
        assert "<html" in Path(logs / "report.html").read_text()
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
