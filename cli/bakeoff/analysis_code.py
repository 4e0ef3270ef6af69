"""The code of the analysis, which the command line shares with the functions."""

import sys
from pathlib import Path

from bakeoff.errors import UsageError

_FOLDER = Path(__file__).resolve().parents[2] / "functions" / "analyze"


def make_importable() -> None:
    """Put the folder of the analysis functions on the path, for the commands that need it.

    Lambda does the same: a function's folder is the root of its imports. Installing its modules instead would leave
    packages called `stats` and `engine` to every program of the environment.

    Raises:
        UsageError: The command was installed without the project's folder.
    """
    if not _FOLDER.is_dir():
        raise UsageError(f"{_FOLDER} is not there: install bakeoff from its own folder with `pip install --editable .`")
    if str(_FOLDER) not in sys.path:
        sys.path.insert(0, str(_FOLDER))
