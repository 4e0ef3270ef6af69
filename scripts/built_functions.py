"""The functions as SAM built them, with the resources of the template on a moto server on loopback."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from bakeoff.standin.cloud import CREDENTIALS, REGION, Cloud
from bakeoff.standin.template import Declarations, read_template
from scripts.emulator import BuiltFunction

ROOT = Path(__file__).resolve().parent.parent

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


def this_architecture() -> str:
    """This machine's processor, as the template spells it."""
    return _ARCHITECTURES[platform.machine()]


def emulator_beside(sam: Path, architecture: str) -> Path:
    """The Runtime Interface Emulator that comes with SAM.

    Args:
        sam: The SAM command line in its own environment.
        architecture: The processor, as the template spells it.
    """
    return next(sam.parent.parent.glob(f"lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{architecture}"))


@contextmanager
def deploy(build_folder: Path, architecture: str, log: Path) -> Iterator[Deployment]:
    """Make the template's resources on a moto server that runs as long as the context.

    Args:
        build_folder: What SAM built, which may be some of the functions.
        architecture: The processor, as the template spells it.
        log: Where the moto server writes what it has to say.
    """
    declarations = read_template(ROOT / "template.yaml", region=REGION)
    # Without an address of its own the API would be asked for one, and moto has no HTTP API.
    parameters = {"Architecture": architecture, "PublicUrl": "http://127.0.0.1"}
    with Cloud(log) as cloud:
        values = cloud.create(declarations, parameters, _expressions(declarations))
        yield Deployment(
            session=cloud.session,
            endpoint_url=cloud.endpoint_url,
            names=cloud.names(),
            functions={
                name: _built(name, declarations, values, build_folder, cloud.endpoint_url)
                for name in declarations.functions
                if (build_folder / name).is_dir()
            },
        )


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
