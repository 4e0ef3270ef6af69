"""What `template.yaml` says, read by AWS's own SAM translator."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from bakeoff.errors import UsageError

_PLACEHOLDER_CODE = "s3://local/code.zip"  # the translator refuses a folder; the folders are kept apart
_TARGET_OF_INTEGRATION = re.compile(r"\$\{(\w+)(?:\.Arn)?\}/invocations$")
_SUPPORTED_AUTHORIZER = {"type": "request", "authorizerPayloadFormatVersion": "2.0", "enableSimpleResponses": True}
_CACHING_OF_AUTHORIZERS = {"identitySource", "authorizerResultTtlInSeconds"}


class TemplateError(UsageError):
    """The template asks for something that the stand-in does not do."""


@dataclass(frozen=True, slots=True)
class FunctionDeclaration:
    """A function; its numbers and variables may be CloudFormation expressions."""

    name: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    memory: Any
    timeout: Any
    environment: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path of the HTTP API, the function behind it, and the one that authorizes requests to it."""

    method: str
    path: str
    function: str
    authorizer: str | None = None


@dataclass(frozen=True, slots=True)
class EventSource:
    """A stream or queue that feeds a function, with the properties of its mapping."""

    name: str
    function: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A function that is invoked again and again."""

    name: str
    function: str
    expression: str


@dataclass(frozen=True, slots=True)
class Declarations:
    """Everything that a template declares."""

    functions: Mapping[str, FunctionDeclaration]
    routes: tuple[Route, ...]
    event_sources: tuple[EventSource, ...]
    schedules: tuple[Schedule, ...]
    parameters: Mapping[str, Any]
    conditions: Mapping[str, Any]
    resources: Mapping[str, Mapping[str, Any]]


def read_template(path: Path, *, region: str) -> Declarations:
    """Read a SAM template.

    Args:
        path: The template; the folders it names are relative to its own.
        region: The region that it is translated for.

    Raises:
        FileNotFoundError: There is no such file.
        TemplateError: It declares a function without a folder of code.
    """
    source = yaml_parse(path.read_text(encoding="utf-8"))
    folders = dict(_take_folders(source["Resources"], path.parent))
    # It warns of switches that AWS has for itself.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    # No managed policy is known by name: permissions play no part here.
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
    resources = translator.translate(source, {})["Resources"]
    targets = _functions_by_target(resources)
    return Declarations(
        functions={
            name: _function(name, resource, folders) for name, resource in _of_type(resources, "AWS::Lambda::Function")
        },
        routes=tuple(
            route
            for _, api in _of_type(resources, "AWS::ApiGatewayV2::Api")
            for route in _routes(api["Properties"], targets)
        ),
        event_sources=tuple(
            EventSource(name, targets[mapping["Properties"]["FunctionName"]["Ref"]], mapping["Properties"])
            for name, mapping in _of_type(resources, "AWS::Lambda::EventSourceMapping")
        ),
        schedules=tuple(
            Schedule(
                name,
                targets[_referred(schedule["Properties"]["Target"]["Arn"])],
                schedule["Properties"]["ScheduleExpression"],
            )
            for name, schedule in _of_type(resources, "AWS::Scheduler::Schedule")
        ),
        parameters=source.get("Parameters", {}),
        conditions=source.get("Conditions", {}),
        resources=resources,
    )


def _take_folders(resources: Mapping[str, Any], root: Path) -> Iterator[tuple[str, Path]]:
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        for key in ("CodeUri", "ContentUri"):
            if key in properties:
                yield name, (root / properties[key]).resolve()
                properties[key] = _PLACEHOLDER_CODE


def _of_type(resources: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Any]]:
    return ((name, resource) for name, resource in resources.items() if resource["Type"] == kind)


def _functions_by_target(resources: Mapping[str, Any]) -> dict[str, str]:
    """Find the function behind each logical id that something invokes: its own, or its alias's."""
    functions = {name: name for name, _ in _of_type(resources, "AWS::Lambda::Function")}
    aliases = {
        name: alias["Properties"]["FunctionName"]["Ref"] for name, alias in _of_type(resources, "AWS::Lambda::Alias")
    }
    return functions | aliases


def _referred(expression: Mapping[str, Any]) -> str:
    name: str = expression["Ref"] if "Ref" in expression else expression["Fn::GetAtt"][0]
    return name


def _function(name: str, resource: Mapping[str, Any], folders: Mapping[str, Path]) -> FunctionDeclaration:
    properties = resource["Properties"]
    if name not in folders:
        raise TemplateError(f"{name}: has no CodeUri")
    return FunctionDeclaration(
        name=name,
        handler=properties["Handler"],
        code=folders[name],
        layers=tuple(_layer(reference["Ref"], folders) for reference in properties.get("Layers", [])),
        memory=properties.get("MemorySize", 128),
        timeout=properties.get("Timeout", 3),
        environment=properties.get("Environment", {}).get("Variables", {}),
    )


def _layer(translated_name: str, folders: Mapping[str, Path]) -> Path:
    """Find a layer's folder; the translator puts a hash behind the layer's name."""
    owners = [name for name in folders if translated_name.startswith(name)]
    if not owners:
        raise TemplateError(f"{translated_name}: has no ContentUri")
    return folders[max(owners, key=len)]


def _routes(api: Mapping[str, Any], targets: Mapping[str, str]) -> Iterator[Route]:
    schemes = api["Body"].get("components", {}).get("securitySchemes", {})
    authorizers = dict(_authorizers(schemes, targets))
    for path, methods in api["Body"]["paths"].items():
        for method, operation in methods.items():
            uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            target = _TARGET_OF_INTEGRATION.search(uri)
            if target is None or target[1] not in targets:
                raise TemplateError(f"{method} {path}: is not answered by a function")
            authorizer = authorizers[next(iter(operation["security"][0]))] if "security" in operation else None
            yield Route(
                "ANY" if method.startswith("x-amazon") else method.upper(), path, targets[target[1]], authorizer
            )


def _authorizers(schemes: Mapping[str, Any], targets: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Find the function of each authorizer by its name; the one called NONE lets everybody through."""
    yield "NONE", None
    for name, scheme in schemes.items():
        declared = scheme.get("x-amazon-apigateway-authorizer", {})
        if not _SUPPORTED_AUTHORIZER.items() <= declared.items() or _CACHING_OF_AUTHORIZERS & declared.keys():
            raise TemplateError(
                f"{name}: the stand-in takes Lambda authorizers of payload format 2.0 with simple responses, "
                "and asks them about every request"
            )
        _, variables = declared["authorizerUri"]["Fn::Sub"]
        yield name, targets[_referred(variables["__FunctionArn__"])]
