"""Which route of the HTTP API answers a request."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from bakeoff.standin.template import Route


@dataclass(frozen=True, slots=True)
class Match:
    """A route and the path parameters that a request has under it."""

    route: Route
    parameters: Mapping[str, str]

    @property
    def key(self) -> str:
        """The route's key, as API Gateway writes it."""
        return f"{self.route.method} {self.route.path}"


class Router:
    """Chooses as API Gateway does: the route that is fixed furthest, its own method before any method."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple((route, tuple(_segments(route.path))) for route in routes)

    def match(self, method: str, path: str) -> Match | None:
        """Find the route of a request.

        Args:
            method: The request's method, in capitals.
            path: The request's path, with its escapes.

        Returns:
            The best match, or None where the API has no such route.
        """
        segments = list(_segments(path))
        best: tuple[tuple[object, ...], Match] | None = None
        for route, pattern in self._routes:
            if route.method not in (method, "ANY"):
                continue
            parameters = _fit(pattern, segments)
            if parameters is None:
                continue
            rank = (tuple(_fixedness(part) for part in pattern), route.method != "ANY")
            if best is None or rank > best[0]:
                best = rank, Match(route, parameters)
        return best[1] if best else None


def _segments(path: str) -> Iterable[str]:
    return path.removeprefix("/").split("/")


def _fixedness(part: str) -> int:
    if not part.startswith("{"):
        return 2
    return 0 if part.endswith("+}") else 1


def _fit(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    greedy = pattern[-1].endswith("+}")
    if len(segments) < len(pattern) or (len(segments) > len(pattern) and not greedy):
        return None
    parameters: dict[str, str] = {}
    for position, part in enumerate(pattern):
        if part.endswith("+}"):
            parameters[part[1:-2]] = unquote("/".join(segments[position:]))
        elif part.startswith("{"):
            if not segments[position]:
                return None
            parameters[part[1:-1]] = unquote(segments[position])
        elif part != unquote(segments[position]):
            return None
    return parameters
