"""`bakeoff report`, with an API that is made up."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from bakeoff.main import app

RESULTS: dict[str, Any] = {
    "experiment": "checkout",
    "metrics": [],
    "groups": {},
    "comparisons": {},
    "decision": {"verdict": "no_data", "group": None, "explanation": "No user has been exposed."},
}
FILES = {"technical.json": json.dumps(RESULTS), "executive.html": "<p>executive", "dashboard.html": "<p>dashboard"}
PATH = "/ab_test/experiments/checkout/reports"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        links = {name: f"{PATH}/r1/{name}" for name in FILES}
        self._answer(json.dumps({"report_id": "r1", "links": links}))

    def do_GET(self) -> None:
        self._answer(FILES[self.path.removeprefix(f"{PATH}/r1/")])

    def _answer(self, body: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("BAKEOFF_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.chdir(tmp_path)
        uris: list[str] = []

        def show(uri: str) -> bool:
            uris.append(uri)
            return "executive" in uri

        monkeypatch.setattr("webbrowser.open", show)
        yield uris
        server.shutdown()
        thread.join()


def test_it_prints_results_and_links_and_opens_nothing_unasked(opened: list[str]) -> None:
    done = CliRunner().invoke(app, ["report", "checkout"])
    assert done.exit_code == 0
    assert "no_data: No user has been exposed." in done.output
    assert f"{PATH}/r1/executive.html" in done.output
    assert opened == []
    assert not Path(".local").exists()


def test_the_executive_report_opens_from_a_file_of_its_own(opened: list[str]) -> None:
    done = CliRunner().invoke(app, ["report", "checkout", "--open"])
    assert done.exit_code == 0
    file = Path(".local/reports/checkout/r1/executive.html")
    assert file.read_text() == "<p>executive"
    assert opened == [file.absolute().as_uri()]
    assert str(file) in done.output


def test_another_report_in_another_folder_and_no_browser(opened: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "other folder"
    done = CliRunner().invoke(app, ["report", "checkout", "--open", "--kind", "dashboard", "--reports", str(folder)])
    assert done.exit_code == 0
    assert (folder / "checkout" / "r1" / "dashboard.html").read_text() == "<p>dashboard"
    assert "%20" in opened[0]
    assert "no browser could be started" in done.output
