"""The documentation page in a real browser: it shows every operation, and asks nobody but its own origin."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from bakeoff.standin.http_events import HttpAnswer, from_payload
from bakeoff_core.http.fastapi_app import create_app, lambda_handler
from documentation import add_documentation
from tests.browser import Watched, open_browser, watch
from tests.support import LambdaContextFake, http_event

CONTEXT: Any = LambdaContextFake()


@pytest.fixture(scope="module")
def answers() -> dict[str, HttpAnswer]:
    """What the handler answers, as API Gateway would pass it on, asked before a browser brings its event loop."""
    app = create_app("test")
    add_documentation(app)
    handler = lambda_handler(app)
    page = handler(http_event("GET", "/docs"), CONTEXT)["body"]
    paths = ["/docs", "/openapi.json", *re.findall(r"/docs/[\w.-]+", page)]
    events = {path: http_event("GET", path, headers={"accept-encoding": "gzip, deflate, br"}) for path in paths}
    return {path: from_payload(json.dumps(handler(event, CONTEXT)).encode()) for path, event in events.items()}


@pytest.fixture(scope="module")
def browser(answers: dict[str, HttpAnswer]) -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def origin(answers: dict[str, HttpAnswer]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(urlsplit(self.path).path, HttpAnswer(404, b""))
            self.send_response(answer.status)
            for name, value in (*answer.headers, ("content-length", str(len(answer.body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def watched(browser: Browser, origin: str) -> Iterator[Watched]:
    context = browser.new_context()
    context.route(lambda url: not url.startswith(f"{origin}/"), lambda route: route.abort())
    watched = watch(context)
    watched.page.goto(f"{origin}/docs")
    watched.page.wait_for_selector(".opblock", timeout=15_000)
    yield watched
    context.close()


def shown(page: Page) -> set[tuple[str, str]]:
    found = page.eval_on_selector_all(
        ".opblock-summary",
        """blocks => blocks.map(block => [
            block.querySelector(".opblock-summary-method").textContent,
            block.querySelector("[data-path]").dataset.path,
        ])""",
    )
    return {(method, path) for method, path in found}


def test_every_operation_is_shown_and_nobody_else_is_asked(watched: Watched, origin: str) -> None:
    document = json.loads(watched.page.evaluate("fetch('/openapi.json').then(answer => answer.text())"))
    documented = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert shown(watched.page) == documented
    assert watched.requests
    assert [request for request in watched.requests if not request.startswith(f"{origin}/")] == []
    assert watched.complaints == []


def test_an_operation_opens_with_its_fields(watched: Watched) -> None:
    page = watched.page
    page.click("#operations-predictions-predict .opblock-summary-control")
    page.wait_for_selector("#operations-predictions-predict .responses-table")
    text = page.inner_text("#operations-predictions-predict")
    assert "model_name" in text
    assert "Not Found" in text or "does not exist" in text
    assert watched.complaints == []
