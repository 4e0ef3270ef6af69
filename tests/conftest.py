"""Fixtures that several suites share."""

import os
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, wherever it is on this machine; tests that need it are skipped without it."""
    folder = Path(os.environ.get("BAKEOFF_SHARED_DATA", PROJECT_ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data sets at {folder}: set BAKEOFF_SHARED_DATA to their folder")
    return folder
