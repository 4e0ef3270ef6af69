"""Bakeoff's HTTP API, as a client sees it."""

from collections.abc import Mapping
from os import environ
from pathlib import Path
from typing import Any, Self

import httpx

from bakeoff.errors import UsageError

_TIMEOUT_SECONDS = 60.0


class ApiError(UsageError):
    """The API refused a request; the text says why, field by field."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class NoApiError(UsageError):
    """Nothing says where the API is, or it does not answer there."""


class Api:
    """Requests in JSON, answers as Python values.

    Args:
        url: Where the API answers.
        key: An API key, or a token where the stack takes these.

    Attributes:
        url: The same, without a slash at its end.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.Client(
            base_url=self.url,
            # Unlike X-API-Key, httpx keeps this header from other hosts, where downloads are redirected to.
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=_TIMEOUT_SECONDS,
            follow_redirects=True,
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = environ) -> Self:
        """Find the API by `BAKEOFF_URL`, and the key for it by `BAKEOFF_API_KEY`.

        Raises:
            NoApiError: The variable is not set.
        """
        url = environment.get("BAKEOFF_URL")
        if not url:
            raise NoApiError(
                "BAKEOFF_URL is not set: run `bakeoff serve` and export the lines that it prints, "
                "or set it to the ApiUrl of a deployed stack"
            )
        return cls(url, environment.get("BAKEOFF_API_KEY"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str) -> Any:
        """Read something. Raises ApiError or NoApiError."""
        return self._request("GET", path)

    def download(self, path: str, file: Path) -> None:
        """Read something into a file, whose folder is made where it is missing. Raises ApiError or NoApiError."""
        answer = self._answer("GET", path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(answer.content)

    def post(self, path: str, body: object = None) -> Any:
        """Make something happen. Raises ApiError or NoApiError."""
        return self._request("POST", path, body)

    def put(self, path: str, body: object) -> Any:
        """Replace something. Raises ApiError or NoApiError."""
        return self._request("PUT", path, body)

    def _request(self, method: str, path: str, body: object = None) -> Any:
        answer = self._answer(method, path, body)
        return answer.json() if answer.content else None

    def _answer(self, method: str, path: str, body: object = None) -> httpx.Response:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            raise NoApiError(f"{self.url}: does not answer ({error})") from error
        if answer.is_error:
            raise ApiError(answer.status_code, describe(answer))
        return answer


def describe(answer: httpx.Response) -> str:
    """Put an error answer into words: what a problem document says, or the bare status."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    detail = problem.get("detail") or problem.get("message") or answer.reason_phrase
    fields = [f"{error['loc']}: {error['msg']}" for error in problem.get("errors", [])]
    return "\n  ".join([f"{answer.status_code}: {detail}", *fields])
