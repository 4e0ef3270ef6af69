"""The whole stack on loopback, once for all end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bakeoff.api import Api
from bakeoff.demo.job import Job, publish_models, start_experiments
from bakeoff.stack import Stack
from bakeoff.standin.standin import Standin

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("main_job")
    return Job(
        template=PROJECT / "template.yaml",
        examples=PROJECT / "examples",
        reports=folder / "reports",
        logs=folder / "logs",
        users=300,
        seed=7,
    )


@pytest.fixture(scope="session")
def standin(job: Job) -> Iterator[Standin]:
    with Standin(job.template, logs=job.logs, enforce_permissions=True) as standin:
        yield standin


@pytest.fixture(scope="session")
def api(standin: Standin) -> Iterator[Api]:
    with Api(standin.url, standin.keys["admin"]) as api:
        yield api


@pytest.fixture(scope="session")
def http(standin: Standin) -> Iterator[httpx.Client]:
    headers = {"X-API-Key": standin.keys["admin"]}
    with httpx.Client(base_url=standin.url, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def started(standin: Standin, api: Api, job: Job) -> Standin:
    """The stack with the example models published and the example experiments started."""
    publish_models(job.examples / "models" / "recommendation", Stack.from_environment(standin.environment))
    start_experiments(api, job)
    return standin
