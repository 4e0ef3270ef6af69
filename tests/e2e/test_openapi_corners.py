"""Every field of every request at its limits, and answers as the OpenAPI document promises them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case

from bakeoff.standin.standin import Standin
from tests.conformance import check, load_schema, stack_to_spoil

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# An experiment has so many fields that its corners alone would take minutes.
MOST_REQUESTS_AN_OPERATION = 40

schema = load_schema(corners=True)
sent: Counter[str] = Counter()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with stack_to_spoil(tmp_path_factory.mktemp("openapi")) as standin:
        yield standin


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@schema.parametrize()  # type: ignore[untyped-decorator]  # schemathesis makes it at run time
@settings(
    max_examples=1,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_documented(case: Case[Any], stack: Standin, session: requests.Session) -> None:
    sent[case.operation.label] += 1
    if sent[case.operation.label] <= MOST_REQUESTS_AN_OPERATION:
        check(case, stack, session)
