"""Events as nobody should send them: examples with parts gone, doubled, or something else in their place."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.conftest import PROJECT_ROOT

EVENTS = PROJECT_ROOT / "events"

Path = tuple[str | int, ...]

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "0", "-1", "true", "é", "\x00", "{", "[]", "null", "%", "%zz", "../..", "9" * 400, "a" * 70_000]
    )
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def examples_of(function: str) -> list[dict[str, Any]]:
    """The example events of a function, by its name in the template."""
    stem = function.removesuffix("Function").lower()
    return [json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json")) if function_of(path.stem) == stem]


def function_of(stem: str) -> str:
    """Which function an example event is for: what its file's name begins with."""
    return stem.partition("-")[0]


def malformed(function: str) -> st.SearchStrategy[Any]:
    """Anything that JSON can say, or an example with one to three faults."""
    return json_values | st.sampled_from(examples_of(function)).flatmap(_damaged)


@st.composite
def _damaged(draw: st.DrawFn, example: dict[str, Any]) -> Any:
    event = copy.deepcopy(example)
    for _ in range(draw(st.integers(1, 3))):
        paths = list(_paths(event))
        if not paths:
            break
        _damage(draw, event, draw(st.sampled_from(paths)))
    return event


def _damage(draw: st.DrawFn, event: Any, path: Path) -> None:
    holder = event
    for part in path[:-1]:
        holder = holder[part]
    last: Any = path[-1]
    fault = draw(st.sampled_from(["replace", "remove", "double"]))
    if fault == "remove":
        del holder[last]
    elif fault == "double":
        if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
        else:
            holder[f"{last}2"] = copy.deepcopy(holder[last])
    else:
        holder[last] = draw(json_values)


def _paths(value: Any, above: Path = ()) -> Iterator[Path]:
    members = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, member in members:
        yield (*above, key)
        yield from _paths(member, (*above, key))
