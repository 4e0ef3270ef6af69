"""What makes an HTML report whole."""

import gzip
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

from rendering import offline
from rendering.documents import to_html
from rendering.offline import page_assets
from tests.unit.analyze.rendering.samples import full_results

ASSETS = Path(offline.__file__).parent / "assets"


def digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_the_two_scripts_and_nothing_from_elsewhere() -> None:
    policy = dict(part.strip().split(" ", 1) for part in page_assets(charts=True).policy.split(";"))
    plotly = (ASSETS / "plotly-cartesian.min.js").read_text()
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == f"{digest((ASSETS / 'report.js').read_text())} {digest(plotly)}"
    assert policy["img-src"] == "data: blob:"
    assert not re.search(r"https?:|\*|unsafe-eval", page_assets(charts=True).policy)


def test_the_page_holds_plotly_as_it_was_published() -> None:
    page = to_html(full_results(), "executive")
    (packed,) = re.findall(r'<script type="text/plain" id="plotly">([^<]*)</script>', page)
    plotly = (ASSETS / "plotly-cartesian.min.js").read_bytes()
    assert gzip.decompress(b64decode(packed)) == plotly
    # Of version 4.1.1, as npm has it.
    assert sha256(plotly).hexdigest() == "79542150855a52c567260e3137095dbe2b744e6d702a5cabe67da246942fba7a"
    assert "Permission is hereby granted" in (ASSETS / "plotly-LICENSE.txt").read_text()


def test_a_report_stays_below_a_megabyte() -> None:
    assert len(to_html(full_results(), "technical").encode()) < 900_000


def test_what_the_page_contains_is_its_own_script() -> None:
    page = to_html(full_results(), "dashboard")
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert digest(script) in page_assets(charts=True).policy
