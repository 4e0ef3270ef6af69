"""Which route answers a request: a fixed path is looked up, and one with parameters compared part by part."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

Handler = Callable[..., Any]


class Found(NamedTuple):
    """A route, and what its path's parameters are in a request."""

    handler: Handler
    parameters: dict[str, str]


class Router:
    """Routes by method and path; `<name>` as a part of a path is a parameter."""

    def __init__(self) -> None:
        self._fixed: dict[tuple[str, str], Found] = {}
        self._patterns: dict[tuple[str, int], list[tuple[list[str], Handler]]] = {}

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Register a route.

        Args:
            method: In capitals.
            path: As it is written, with its parameters.
            handler: Takes the parameters by name.
        """
        parts = path.split("/")
        if any(part.startswith("<") for part in parts):
            self._patterns.setdefault((method, len(parts)), []).append((parts, handler))
        else:
            self._fixed[method, path] = Found(handler, {})

    def find(self, method: str, path: str) -> Found | None:
        """Find the route of a request.

        Args:
            method: In capitals.
            path: With its escapes.
        """
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed
        given = path.split("/")
        for parts, handler in self._patterns.get((method, len(given)), ()):
            parameters = _parameters(parts, given)
            if parameters is not None:
                return Found(handler, parameters)
        return None


def _parameters(parts: list[str], given: list[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for part, text in zip(parts, given, strict=True):
        if part.startswith("<"):
            if not text:
                return None
            parameters[part[1:-1]] = unquote(text)
        elif part != text:
            return None
    return parameters
