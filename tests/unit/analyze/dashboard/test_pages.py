"""The files of the dashboard: what is served, how, and that they fit together."""

import base64
import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bakeoff_core.http.fastapi_app import create_app, lambda_handler
from bakeoff_core.stores.alerts import InMemoryAlertStore
from bakeoff_core.stores.experiments import InMemoryExperimentIndex, InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry
from bakeoff_core.stores.overviews import InMemoryOverviewStore
from dashboard import pages
from dashboard.listing import Listing
from dashboard.routes import add_dashboard
from tests.support import NOON, LambdaContextFake, http_event

WEB = Path(pages.__file__).parent / "web"


@dataclass(frozen=True)
class Answer:
    """What a browser gets, headers by name in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()


Get = Callable[..., Answer]


@pytest.fixture(scope="module")
def get() -> Get:
    app = create_app("test")
    models = InMemoryModelRegistry(lambda: NOON)
    experiments = InMemoryExperimentStore()
    stores = experiments, InMemoryOverviewStore(), InMemoryAlertStore()
    add_dashboard(app, Listing(InMemoryExperimentIndex(experiments), *stores, models, lambda: NOON))
    handler = lambda_handler(app)
    context: Any = LambdaContextFake()

    def get(path: str, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = handler(http_event("GET", path, headers=sent), context)
        body = answer["body"] or ""
        content = base64.b64decode(body) if answer["isBase64Encoded"] else body.encode()
        return Answer(answer["statusCode"], answer["headers"], content)

    return get


@pytest.mark.parametrize(("path", "root"), [("/dashboard", ""), ("/dashboard/experiments/checkout_button", "../../")])
def test_a_page_and_all_that_it_refers_to_are_served(get: Get, path: str, root: str) -> None:
    answer = get(path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    references = re.findall(r'(?:src|href)="([^"#]+)"', answer.text)
    assets = [reference for reference in references if "." in reference.rpartition("/")[2]]
    assert len(assets) >= 3
    assert all(reference.startswith(root) for reference in references)
    assert "asset:" not in answer.text
    for reference in assets:
        assert get(f"/{reference.removeprefix(root)}").status == 200, reference


def test_nothing_inline_runs_and_nothing_elsewhere_is_asked(get: Get) -> None:
    for path in ("/dashboard", "/dashboard/experiments/checkout_button"):
        answer = get(path)
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert not any("unsafe" in where for where in policy.values())
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", answer.text)


def test_modules_import_each_other_by_versioned_names(get: Get) -> None:
    for path in WEB.glob("*.js"):
        text = get(f"/dashboard/{pages.asset_name(path.name)}").text
        imported = re.findall(r'from "\./([^"]+)"', text)
        assert len(imported) == len(re.findall(r'from "\./', path.read_text()))
        for name in imported:
            assert re.fullmatch(r"\w+\.[0-9a-f]{12}\.js", name)
            assert get(f"/dashboard/{name}").headers["content-type"] == "text/javascript; charset=utf-8"


def test_no_script_turns_text_into_markup_or_code() -> None:
    for path in WEB.glob("*.js"):
        found = re.search(r"(inner|outer)HTML|insertAdjacentHTML|document\.write|eval\(|new Function", path.read_text())
        assert found is None, (path.name, found)


def test_a_versioned_asset_is_kept_for_ever_and_any_other_is_asked_for_again(get: Get) -> None:
    def cached(name: str) -> str:
        return get(f"/dashboard/{name}").headers["cache-control"]

    assert cached(pages.asset_name("list.js")) == "private, max-age=31536000, immutable"
    assert cached("list.000000000000.js") == cached("list.js") == "private, no-cache"


def test_what_a_browser_has_is_not_sent_again(get: Get) -> None:
    for path in ("/dashboard", "/dashboard/list.js"):
        first = get(path)
        again = get(path, if_none_match=first.headers["etag"])
        assert (again.status, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert get(path, if_none_match='"another"').status == 200


def test_browsers_get_gzip(get: Get) -> None:
    plain = get("/dashboard/plotly.js")
    packed = get("/dashboard/plotly.js", accept_encoding="gzip, deflate, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["etag"] != plain.headers["etag"]
    assert gzip.decompress(packed.content) == plain.content
    assert len(packed.content) < len(plain.content) / 2


@pytest.mark.parametrize(
    "name",
    [
        "missing.js",
        "index.html",
        "list.000000000000.html",
        "pages.py",
        "..",
        "%2e%2e",
        "..%2fpages.py",
        "list",
    ],
)
def test_nothing_else_is_served(get: Get, name: str) -> None:
    answer = get(f"/dashboard/{name}")
    assert answer.status in {400, 404}
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_version_changes_with_the_content(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def version(change: Callable[[], object]) -> str:
        change()
        pages.bundle_version.cache_clear()
        return pages.bundle_version()

    monkeypatch.setattr(pages, "_FOLDER", tmp_path)
    try:
        first = version(lambda: (tmp_path / "a.js").write_text("1"))
        assert version(lambda: None) == first
        assert version(lambda: (tmp_path / "a.js").write_text("2")) != first
    finally:
        pages.bundle_version.cache_clear()
