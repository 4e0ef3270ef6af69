"""Find the Python that the functions run on, which is also the one that builds them.

Prints the path of a working interpreter of the runtime that template.yaml names;
the Makefiles call it.
"""

from __future__ import annotations  # any python3 may look for the right one

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_TEMPLATE = Path(__file__).parent.parent / "template.yaml"


def runtime_version(template: str) -> str:
    """Read the Python version of the functions' runtime, such as "3.13", from the text of the template.

    Raises:
        ValueError: The template names no Python runtime, or several.
    """
    versions: set[str] = set(re.findall(r"^\s*Runtime:\s*python(3\.\d+)\s*$", template, flags=re.MULTILINE))
    if len(versions) != 1:
        raise ValueError(f"template.yaml should name one Python runtime, and names {sorted(versions) or 'none'}")
    return versions.pop()


def candidates(version: str) -> Iterator[str]:
    """Where an interpreter may be, in the order to try: this one, PATH, pyenv, uv."""
    yield sys.executable
    yield from filter(None, [shutil.which(f"python{version}")])
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", Path.home() / ".local/share/uv/python"))
    yield from map(str, sorted(pyenv.glob(f"versions/{version}*/bin/python{version}"), reverse=True))
    yield from map(str, sorted(uv.glob(f"cpython-{version}*/bin/python{version}"), reverse=True))


def executable(candidate: str, version: str) -> str | None:
    """Start a candidate and return its real path, or None where it does not start or is another version.

    A pyenv shim is on PATH and does not start unless its version is selected.
    """
    probe = "import sys, ensurepip, venv; print('{}.{}'.format(*sys.version_info), sys.executable)"
    try:
        answer = subprocess.run([candidate, "-c", probe], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found, _, path = answer.stdout.strip().partition(" ")
    return path if found == version else None


def main() -> int:
    """Print the interpreter's path, or say what is missing."""
    version = runtime_version(_TEMPLATE.read_text())
    path = next(filter(None, (executable(candidate, version) for candidate in candidates(version))), None)
    if path is None:
        print(
            f"Python {version} with pip and venv was not found on PATH, under pyenv or under uv. The functions run on "
            f"Python {version}, and only it can compile their byte-code: install it, for example with "
            f"`pyenv install {version}`.",
            file=sys.stderr,
        )
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
