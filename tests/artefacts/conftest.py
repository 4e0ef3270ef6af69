"""Fixtures of the build suite: the artefacts that SAM builds, and what runs them."""

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from bakeoff.standin.cloud import CREDENTIALS, REGION, Cloud
from bakeoff.standin.template import Declarations, read_template
from tests.artefacts.commands import run
from tests.artefacts.emulator import BuiltFunction, EmulatedFunction, Tools
from tests.conftest import PROJECT_ROOT

_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Deployment:
    """The resources of the template on a moto server, and every built function with its environment."""

    session: boto3.Session
    endpoint_url: str
    names: dict[str, str]
    functions: dict[str, BuiltFunction]

    def client(self, service: str) -> Any:
        """An AWS client that talks to the moto server."""
        return self.session.client(service, endpoint_url=self.endpoint_url)  # type: ignore[call-overload]

    def table(self, logical_id: str) -> Any:
        """A table by its name in the template."""
        return self.session.resource("dynamodb", endpoint_url=self.endpoint_url).Table(self.names[logical_id])


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
    return _ARCHITECTURES[platform.machine()]


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
    declarations = read_template(PROJECT_ROOT / "template.yaml", region=REGION)
    # Without an address of its own the API would be asked for one, and moto has no HTTP API.
    parameters = {"Architecture": architecture, "PublicUrl": "http://127.0.0.1"}
    with Cloud(tmp_path_factory.mktemp("moto") / "moto.log") as cloud:
        values = cloud.create(declarations, parameters, _expressions(declarations))
        yield Deployment(
            session=cloud.session,
            endpoint_url=cloud.endpoint_url,
            names=cloud.names(),
            functions={
                name: _built(name, declarations, values, build_folder, cloud.endpoint_url)
                for name in declarations.functions
            },
        )


@pytest.fixture
def emulate(
    deployment: Deployment, sam: Path, lambda_python: Path, architecture: str, tmp_path: Path
) -> Iterator[Callable[[str], EmulatedFunction]]:
    """Start a built function under the emulator that comes with SAM."""
    emulator = next(
        sam.parent.parent.glob(f"lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{architecture}")
    )
    with ExitStack() as running:

        def start(name: str) -> EmulatedFunction:
            function = EmulatedFunction(
                deployment.functions[name], Tools(emulator, lambda_python), tmp_path / f"{name}.log"
            )
            return running.enter_context(function)

        yield start


@pytest.fixture
def event() -> Callable[[str], dict[str, Any]]:
    """Read one of the project's example events."""

    def read(name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((PROJECT_ROOT / "events" / f"{name}.json").read_text())
        return content

    return read


def _installed(path: str) -> Path:
    # The path itself and not what it links to: a virtual environment's Python is a link.
    tool = PROJECT_ROOT / path
    if not tool.exists():
        pytest.fail(f"{path} is missing: run `make build-environments`", pytrace=False)
    return tool


def _expressions(declarations: Declarations) -> dict[str, Any]:
    """Every value of the functions that the template may leave to CloudFormation."""
    expressions: dict[str, Any] = {}
    for name, function in declarations.functions.items():
        expressions[f"{name} memory"] = function.memory
        expressions[f"{name} timeout"] = function.timeout
        expressions |= {f"{name} environment {key}": value for key, value in function.environment.items()}
    return expressions


def _built(
    name: str, declarations: Declarations, values: dict[str, Any], build_folder: Path, endpoint_url: str
) -> BuiltFunction:
    declared = declarations.functions[name]
    built = read_template(build_folder / "template.yaml", region=REGION).functions[name]
    environment = {key: str(values[f"{name} environment {key}"]) for key in declared.environment}
    return BuiltFunction(
        name=name,
        handler=declared.handler,
        code=built.code,
        layers=built.layers,
        memory=int(values[f"{name} memory"]),
        timeout=int(values[f"{name} timeout"]),
        environment={
            **CREDENTIALS,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint_url,
            **environment,
        },
    )
