"""The page at the root, and that programs do not get it."""

import base64
import re
from hashlib import sha256

import pytest

import sign_in

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [(BROWSER, True), ("TEXT/HTML", True), ("*/*", False), ("application/json", False), ("", False), (None, False)],
)
def test_only_browsers_get_the_page(accept: str | None, *, wanted: bool) -> None:
    assert sign_in.is_wanted(accept) is wanted


def test_nothing_but_what_the_page_holds_runs_on_it() -> None:
    policy = dict(part.split(" ", 1) for part in sign_in.headers()["Content-Security-Policy"].split("; "))
    for element in ("script", "style"):
        (content,) = re.findall(rf"<{element}>(.*?)</{element}>", sign_in.page(), re.DOTALL)
        digest = base64.b64encode(sha256(content.encode()).digest()).decode()
        assert policy[f"{element}-src"] == f"'sha256-{digest}'"
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"


def test_the_page_refers_to_nothing_elsewhere() -> None:
    assert not re.search(r"(src|href)=\"(https?:)?//", sign_in.page())
    assert not re.search(r"\son\w+=", sign_in.page())
