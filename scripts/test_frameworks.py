"""Test the conversion of each framework's models in an environment of its own.

Makes `.venv-NAME` with the extra `bakeoff[NAME]`, runs `tests/frameworks/test_NAME.py` in it, and prints how far
each converted model is from its source on rows that it did not see. `python -m scripts.test_frameworks [NAME ...]`
tests some of them; without names, all.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.lambda_python import candidates, executable

_ROOT = Path(__file__).parent.parent

_TEST_PACKAGES = ("hypothesis>=6.130,<7", "pandas>=2.2,<4", "pytest>=8.4,<10", "pytest-timeout>=2.4,<3")

# PyTorch's CPU build may lie on the machine for one Python only; PyPI's own build for Linux brings CUDA along.
FRAMEWORKS: dict[str, tuple[str, ...]] = {
    "sklearn": ("3.13", "3.12", "3.11"),
    "xgboost": ("3.13", "3.12", "3.11"),
    "lightgbm": ("3.13", "3.12", "3.11"),
    "torch": ("3.11", "3.12", "3.13"),
    "tensorflow": ("3.13", "3.12", "3.11"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one framework's tests.

    Attributes:
        framework: Which one.
        passed: Whether all tests passed.
        parities: The lines that say how close each model came.
        closing: The last line of the tests, or what went wrong before them.
        seconds: How long it took, the installation included.
    """

    framework: str
    passed: bool
    parities: tuple[str, ...]
    closing: str
    seconds: float


def interpreter(versions: Sequence[str]) -> str | None:
    """Find the first of some Python versions that is installed."""
    found: Iterator[str | None] = (
        executable(candidate, version) for version in versions for candidate in candidates(version)
    )
    return next(filter(None, found), None)


def prepare(framework: str) -> Path:
    """Make a framework's environment, or bring it up to date with pyproject.toml.

    Raises:
        RuntimeError: There is no Python for it.
        subprocess.CalledProcessError: The packages could not be installed.
    """
    folder = _ROOT / f".venv-{framework}"
    done, python = folder / "installed", folder / "bin" / "python"
    if done.exists() and done.stat().st_mtime >= (_ROOT / "pyproject.toml").stat().st_mtime:
        return python
    versions = FRAMEWORKS[framework]
    chosen = interpreter(versions)
    if chosen is None:
        raise RuntimeError(f"none of Python {', '.join(versions)} was found")
    subprocess.run([chosen, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "--quiet", "install"]
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
    subprocess.run([*pip, "--editable", f"{_ROOT}[{framework}]", *_TEST_PACKAGES], check=True)
    done.touch()
    return python


def run(framework: str) -> Outcome:
    """Test one framework."""
    started = time.monotonic()
    try:
        python = prepare(framework)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        return Outcome(framework, passed=False, parities=(), closing=str(error), seconds=time.monotonic() - started)
    suite = f"tests/frameworks/test_{framework}.py"
    # The frameworks and their converters warn of their own affairs.
    command = [str(python), "-m", "pytest", "-q", "-W", "ignore", "-p", "no:cacheprovider", suite]
    done = subprocess.run(command, cwd=_ROOT, env=_environment(), capture_output=True, text=True, check=False)
    lines = done.stdout.rstrip().splitlines()
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
    return Outcome(
        framework,
        passed=done.returncode == 0,
        parities=tuple(line for line in lines if line.startswith("parity ")),
        closing=lines[-1] if lines else f"pytest ended with {done.returncode}",
        seconds=time.monotonic() - started,
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


def main(arguments: Sequence[str]) -> int:
    """Test the named frameworks, or all; say how each came out."""
    unknown = [name for name in arguments if name not in FRAMEWORKS]
    if unknown:
        print(f"{', '.join(unknown)}: must be among {', '.join(FRAMEWORKS)}", file=sys.stderr)
        return 2
    outcomes = []
    for framework in arguments or FRAMEWORKS:
        outcome = run(framework)
        outcomes.append(outcome)
        print(f"\n{framework} ({outcome.seconds:.0f} s): {outcome.closing}", flush=True)
        for line in outcome.parities:
            print(f"  {line}", flush=True)
    failed = [outcome.framework for outcome in outcomes if not outcome.passed]
    print(f"\n{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
