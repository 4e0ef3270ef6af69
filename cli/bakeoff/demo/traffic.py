"""Users and events over real HTTP, several requests at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from bakeoff.api import ApiError, describe

EVENTS_PER_REQUEST = 500
CONCURRENT_REQUESTS = 8

_TIMEOUT_SECONDS = 60.0

Item = TypeVar("Item")
Result = TypeVar("Result")
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Visit:
    """A user who asked for a recommendation, and the group whose model answered."""

    user_id: str
    group: str | None
    model_version: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where the API answers, and a key of the scope client."""

    url: str
    key: str


def send_users(
    target: Target, experiment: str, features: Mapping[str, Mapping[str, Any]], advance: Advance
) -> list[Visit]:
    """Send users through `/ab_test/predict`.

    Args:
        target: The API.
        experiment: The experiment that they take part in.
        features: What the models take, by user.
        advance: Told of every answer.

    Raises:
        ApiError: A request was refused.
    """

    async def visit(client: httpx.AsyncClient, user_id: str) -> Visit:
        body = {"user_id": user_id, "experiment_name": experiment, "features": features[user_id], "context": {}}
        answer = await _post(client, "/ab_test/predict", body)
        advance(1)
        return Visit(user_id, answer["experiment_group"], answer["model_version"])

    return _send(target, list(features), visit)


def send_events(target: Target, events: Iterable[Mapping[str, Any]], advance: Advance) -> int:
    """Send events to `/ab_test/events` in lists of as many as it takes.

    Returns:
        How many were accepted.

    Raises:
        ApiError: A request, or an event in it, was refused.
    """

    async def report(client: httpx.AsyncClient, chunk: Sequence[Mapping[str, Any]]) -> int:
        answer = await _post(client, "/ab_test/events", chunk)
        if answer["rejected"]:
            refused = next(result for result in answer["results"] if result["status"] == "rejected")
            raise ApiError(httpx.codes.ACCEPTED, f"an event was refused: {refused['errors']}")
        advance(len(chunk))
        return int(answer["accepted"])

    return sum(_send(target, list(chunks(events, EVENTS_PER_REQUEST)), report))


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a sequence into lists of a size; the last one holds what is left."""
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _send(
    target: Target, items: Sequence[Item], send: Callable[[httpx.AsyncClient, Item], Awaitable[Result]]
) -> list[Result]:
    # With a loop of its own, unlike asyncio.run, this leaves the thread's present loop to whoever made it.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(_send_all(target, items, send))


async def _send_all(
    target: Target, items: Sequence[Item], send: Callable[[httpx.AsyncClient, Item], Awaitable[Result]]
) -> list[Result]:
    """Send items in their order, a bounded number at a time, and return the results in that order."""
    results: dict[int, Result] = {}
    waiting = iter(enumerate(items))

    async def work(client: httpx.AsyncClient) -> None:
        for index, item in waiting:
            results[index] = await send(client, item)

    client = httpx.AsyncClient(base_url=target.url, headers={"X-API-Key": target.key}, timeout=_TIMEOUT_SECONDS)
    async with client, asyncio.TaskGroup() as workers:
        for _ in range(CONCURRENT_REQUESTS):
            workers.create_task(work(client))
    return [results[index] for index in range(len(items))]


async def _post(client: httpx.AsyncClient, path: str, body: object) -> Any:
    answer = await client.post(path, json=body)
    if answer.is_error:
        raise ApiError(answer.status_code, describe(answer))
    return answer.json()
