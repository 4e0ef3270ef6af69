"""Right and wrong requests to every route, and answers as the OpenAPI document promises them.

None may be answered with a fault of the server, or with a status, a media type, a header or a body that the document
does not know. The requests are the same in every run; test_openapi_corners.py sends many more.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case

from bakeoff.standin.standin import Standin
from tests.conformance import check, load_schema, stack_to_spoil

schema = load_schema(corners=False)


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
    max_examples=5,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_documented(case: Case[Any], stack: Standin, session: requests.Session) -> None:
    check(case, stack, session)
