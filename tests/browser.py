"""A real browser for the tests of pages: Chromium of the system, and what is asked of any page in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SERIOUS = ("serious", "critical")


@dataclass
class Watched:
    """A page and what went on in it.

    Attributes:
        page: The page.
        requests: Every address that it asked for, in order; those within the page (data:, blob:) are left out.
        complaints: Errors and warnings of the console, errors that nothing caught, refusals of its policy.
        dialogs: What alert, confirm and prompt said, each of them dismissed.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start the system's Chromium; the test is skipped where there is none.

    While it runs, asyncio.run fails in the same thread: close it before the next module's tests.
    """
    path = os.environ.get("BAKEOFF_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip("no Chromium on PATH: install chromium, or set BAKEOFF_CHROMIUM to one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


def watch(context: BrowserContext) -> Watched:
    """Open a page of which nothing goes unnoticed."""
    page = context.new_page()
    watched = Watched(page)
    page.on(
        "request",
        lambda request: None if request.url.startswith(("data:", "blob:")) else watched.requests.append(request.url),
    )
    page.on(
        "console",
        lambda message: watched.complaints.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))

    def dismiss(dialog: Dialog) -> None:
        watched.dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    return watched


def serious_faults(page: Page) -> list[str]:
    """What axe-core finds of serious or critical accessibility faults: rule, and where."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {' '.join(node['target'][0] for node in each['nodes'])} ({each['nodes'][0]['failureSummary']})"
        for each in found
        if each["impact"] in _SERIOUS
    ]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
