import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from bakeoff.api import Api, ApiError, NoApiError, describe


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(307)
            self.send_header("Location", "/good")
            self.end_headers()
        elif self.path == "/good":
            self._answer(200, {"good": True})
        else:
            self._answer(404, {"detail": "no such thing"})

    def _answer(self, status: int, document: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_answers_are_values_and_redirects_are_followed(url: str) -> None:
    with Api(url) as api:
        assert api.get("/moved") == {"good": True}


def test_a_refusal_says_why(url: str) -> None:
    with Api(url) as api, pytest.raises(ApiError, match="404: no such thing") as refusal:
        api.get("/bad")
    assert refusal.value.status == 404


def test_nobody_there_is_said() -> None:
    with Api("http://127.0.0.1:1") as api, pytest.raises(NoApiError, match="does not answer"):
        api.get("/")


def test_the_environment_names_the_api(url: str) -> None:
    with Api.from_environment({"BAKEOFF_URL": f"{url}/"}) as api:
        assert api.url == url
    with pytest.raises(NoApiError, match="bakeoff serve"):
        Api.from_environment({})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'{"detail": "bad", "errors": [{"loc": "a", "msg": "b"}]}', "400: bad\n  a: b"),
        (b'{"message": "Not Found"}', "400: Not Found"),
        (b"<html>", "400: Bad Request"),
        (b"[]", "400: Bad Request"),
    ],
)
def test_every_refusal_can_be_put_into_words(content: bytes, text: str) -> None:
    assert describe(httpx.Response(400, content=content)) == text
