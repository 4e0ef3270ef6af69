"""Every entry point given events that are none: it answers, and fails only where that is how it asks again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from bakeoff.standin.functions import InvocationError
from bakeoff.standin.standin import Standin
from bakeoff.standin.template import read_template
from tests.conftest import PROJECT_ROOT
from tests.malformed import EVENTS, function_of, malformed

DECLARED = read_template(PROJECT_ROOT / "template.yaml", region="us-east-1")
BEHIND_ROUTES = {route.function for route in DECLARED.routes}
FED = {source.function for source in DECLARED.event_sources}

#: What a function raises to be invoked again, which its schedule or its caller does.
DOCUMENTED = {
    "AnalyzeFunction": "AnalysisFailed",
    "CompactFunction": "CompactionFailed",
    "RefreshFunction": "RefreshFailed",
}
#: These compute for a while, whatever they are sent.
SLOW = {"AnalyzeFunction", "CompactFunction", "DispatchFunction", "RefreshFunction"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with Standin(PROJECT_ROOT / "template.yaml", logs=tmp_path_factory.mktemp("logs")) as standin:
        yield standin


def check_answer(function: str, event: Any, answer: Any) -> None:
    if function in BEHIND_ROUTES:
        assert 200 <= answer["statusCode"] < 500, answer
        assert isinstance(answer["headers"], dict)
        assert isinstance(answer.get("body", ""), str)
    elif function == "AuthorizeFunction":
        assert answer["isAuthorized"] is False  # no event holds a key of this stack
    elif function in FED and "batchItemFailures" in answer:
        for failure in answer["batchItemFailures"]:
            assert isinstance(failure["itemIdentifier"], str)
            assert failure["itemIdentifier"]
    else:
        json.dumps(answer)


@pytest.mark.parametrize("function", sorted(DECLARED.functions))
def test_no_event_makes_an_entry_point_fail(function: str, stack: Standin) -> None:
    @given(event=malformed(function))
    @settings(
        max_examples=4 if function in SLOW else 30,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def invoke(event: Any) -> None:
        try:
            answer = stack.invoke(function, event)
        except InvocationError as error:
            assert DOCUMENTED.get(function, "no failure") in str(error), f"{error}\n{json.dumps(event)[:2_000]}"  # noqa: PT017
        else:
            check_answer(function, event, answer)

    invoke()


def test_every_function_has_an_example_event_and_no_event_is_without_a_function() -> None:
    stems = {name.removesuffix("Function").lower() for name in DECLARED.functions}
    assert {function_of(path.stem) for path in EVENTS.glob("*.json")} == stems
