"""CloudEvents become events or are refused, whatever they hold."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from bakeoff_core.events.cloudevents import from_binary, is_binary, read_cloudevent
from bakeoff_core.events.model import Event
from tests.support import NOON, unicode_text

SMALLEST: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/s", "type": "click", "subject": "u1"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def test_the_smallest_one_is_an_event() -> None:
    request = read_cloudevent(SMALLEST)
    assert (request.user_id, request.event_type, request.timestamp) == ("u1", "click", None)
    assert request.metadata == {"cloudevent": {"id": "1", "source": "/s"}}
    assert read_cloudevent(SMALLEST | {"data": None}) == request


def test_what_data_says_of_the_unit_wins_over_the_subject() -> None:
    assert read_cloudevent(SMALLEST | {"data": {"user_id": "u2"}}).user_id == "u2"


@given(
    st.dictionaries(st.sampled_from([*SMALLEST, "time", "data", "datacontenttype", "x"]), json_values).map(
        lambda changes: SMALLEST | changes
    )
    | json_values
)
def test_anything_is_an_event_or_refused(document: Any) -> None:
    try:
        request = read_cloudevent(document)
    except ValidationError:
        return
    event = request.to_event("unused", NOON)
    assert event.event_id.startswith("ce-")
    assert Event.from_line(event.to_line()) == event


@given(unicode_text, unicode_text)
@example("ab", "b")
def test_an_id_belongs_to_its_source(first: str, second: str) -> None:
    one = read_cloudevent(SMALLEST | {"id": first, "source": second})
    other = read_cloudevent(SMALLEST | {"id": second, "source": first})
    assert (one.event_id == other.event_id) == (first == second)


def test_source_and_id_do_not_run_into_each_other() -> None:
    pairs = [("a", "bc"), ("ab", "c"), ("1:a", "bc"), ("a\x1fb", "c")]
    assert len({read_cloudevent(SMALLEST | {"source": s, "id": i}).event_id for s, i in pairs}) == len(pairs)


def test_headers_are_read_where_they_are_there() -> None:
    headers = {f"ce-{name}": value for name, value in SMALLEST.items()} | {"ce-subject": "caf%C3%A9", "accept": "*/*"}
    assert is_binary(headers)
    assert not is_binary({"content-type": "application/json"})
    assert read_cloudevent(from_binary(headers, None)).user_id == "café"


@pytest.mark.parametrize("extension", [1.5, None, [], {}])
def test_an_extension_is_text_a_number_or_a_truth_value(extension: Any) -> None:
    assert read_cloudevent(SMALLEST | {"x": True}).metadata["cloudevent"] == {"id": "1", "source": "/s", "x": True}
    with pytest.raises(ValidationError):
        read_cloudevent(SMALLEST | {"x": extension})
