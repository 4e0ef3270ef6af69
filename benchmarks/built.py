"""What SAM builds, for the benchmarks that run it."""

import os
import subprocess
from pathlib import Path

from benchmarks.environment import ROOT
from scripts.built_functions import this_architecture


def build_folder(scratch: Path, *functions: str) -> Path:
    """Build functions, unless the environment names a folder where that was done.

    Args:
        scratch: Where to.
        functions: One of them; all of the template if it is none.

    Raises:
        subprocess.CalledProcessError: It cannot be built.
    """
    subprocess.run(["make", "--silent", "build-environments"], cwd=ROOT, check=True)  # noqa: S607 - make is on PATH
    if given := os.environ.get("BAKEOFF_BUILD_FOLDER"):
        return ROOT / given
    architecture = this_architecture()
    # SAM wants the interpreter itself on PATH: a pyenv shim will not do.
    python = (ROOT / ".venv-lambda/bin/python").resolve()
    subprocess.run(  # noqa: S603 - SAM, in its own environment
        [
            ROOT / ".venv-sam/bin/sam",
            "build",
            *functions,
            "--no-cached",
            "--build-dir",
            scratch,
            "--parameter-overrides",
            f"Architecture={architecture}",
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "ARCHITECTURE": architecture,
            "SAM_CLI_TELEMETRY": "0",
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        },
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return scratch
