"""Fixtures that several suites share."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# What the AWS SDK and Powertools read when a module makes a client or a logger; no test reaches AWS.
os.environ.update(
    AWS_DEFAULT_REGION="us-east-1",
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_EC2_METADATA_DISABLED="true",
)

PROJECT_ROOT = Path(__file__).parent.parent


def shared_data_folder() -> Path | None:
    """The folder of real data sets, wherever it is on this machine; None where there is none."""
    folder = Path(os.environ.get("BAKEOFF_SHARED_DATA", PROJECT_ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; tests that need it are skipped without it."""
    folder = shared_data_folder()
    if folder is None:
        pytest.skip("no real data sets: set BAKEOFF_SHARED_DATA to their folder")
    return folder


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A headless Chromium; tests that need it are skipped where there is none."""
    from tests.browser import open_browser  # noqa: PLC0415 - only those tests pay for the import

    with open_browser() as opened:
        yield opened
