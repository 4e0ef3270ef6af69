"""Running the tools that the build suite needs."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import PROJECT_ROOT


def run(command: Sequence[str | Path], folder: Path = PROJECT_ROOT, **environment: str) -> str:
    """Run a command and return what it printed; one that fails fails the test and shows its output."""
    process = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if process.returncode != 0:
        pytest.fail(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{process.stdout}", pytrace=False)
    return process.stdout
