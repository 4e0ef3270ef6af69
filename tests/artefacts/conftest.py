"""Fixtures of the build suite: the artefacts that SAM builds, and what runs them."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from scripts.built_functions import Deployment, deploy, emulator_beside, this_architecture
from scripts.emulator import EmulatedFunction, Tools
from scripts.example_data import example_event
from tests.artefacts.commands import run
from tests.conftest import PROJECT_ROOT


@pytest.fixture(scope="session")
def sam() -> Path:
    """The SAM command line in its own environment."""
    return _installed(".venv-sam/bin/sam")


@pytest.fixture(scope="session")
def lambda_python() -> Path:
    """The Python that stands for the Lambda runtime's."""
    return _installed(".venv-lambda/bin/python")


@pytest.fixture(scope="session")
def architecture() -> str:
    """This machine's processor, as the template spells it."""
    return this_architecture()


@pytest.fixture(scope="session")
def build_folder(sam: Path, architecture: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `sam build` wrote for this machine's processor; BAKEOFF_BUILD_FOLDER names one made before."""
    given = os.environ.get("BAKEOFF_BUILD_FOLDER")
    if given:
        return PROJECT_ROOT / given
    folder = tmp_path_factory.mktemp("sam-build")
    parameters = f"Architecture={architecture}"
    run(
        [sam, "build", "--no-cached", "--build-dir", folder, "--parameter-overrides", parameters],
        ARCHITECTURE=architecture,
        SAM_CLI_TELEMETRY="0",
    )
    return folder


@pytest.fixture(scope="session")
def deployment(build_folder: Path, architecture: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The template on a moto server on loopback."""
    with deploy(build_folder, architecture, tmp_path_factory.mktemp("moto") / "moto.log") as deployed:
        yield deployed


@pytest.fixture
def emulate(
    deployment: Deployment, sam: Path, lambda_python: Path, architecture: str, tmp_path: Path
) -> Iterator[Callable[[str], EmulatedFunction]]:
    """Start a built function under the emulator that comes with SAM."""
    tools = Tools(emulator_beside(sam, architecture), lambda_python)
    with ExitStack() as running:

        def start(name: str) -> EmulatedFunction:
            function = EmulatedFunction(deployment.functions[name], tools, tmp_path / f"{name}.log")
            return running.enter_context(function)

        yield start


@pytest.fixture
def event() -> Callable[[str], dict[str, Any]]:
    """Read one of the project's example events."""
    return example_event


def _installed(path: str) -> Path:
    # The path itself and not what it links to: a virtual environment's Python is a link.
    tool = PROJECT_ROOT / path
    if not tool.exists():
        pytest.fail(f"{path} is missing: run `make build-environments`", pytrace=False)
    return tool
