"""The data plane: tables, buckets, stream and queues on a moto server, made as CloudFormation makes them."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import boto3

from bakeoff.standin import moto_process
from bakeoff.standin.template import Declarations

REGION = "us-east-1"
ACCOUNT = "123456789012"  # moto's
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}

_STACK = "bakeoff"
_DATA_PLANE = frozenset(
    {"AWS::DynamoDB::Table", "AWS::Kinesis::Stream", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue"}
)
_SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type
_SECONDS_TO_STOP = 5


class Cloud:
    """A moto server in its own process."""

    def __init__(self, log: Path) -> None:
        with log.open("a") as stream:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a file of this package
                [sys.executable, "-P", moto_process.__file__, ACCOUNT, REGION],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                start_new_session=True,  # Ctrl-C is for the parent, which ends this one in its own time
            )
        if self._process.stdout is None:
            raise RuntimeError("the moto server has no standard output")
        port = self._process.stdout.readline().strip()
        if not port:
            raise RuntimeError(f"the moto server did not start: see {log}")
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self.session = boto3.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process and all that it holds."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def pid(self) -> int:
        """The moto server's process."""
        return self._process.pid

    def create(
        self, declarations: Declarations, parameters: Mapping[str, str], expressions: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Create the template's tables, buckets, streams and queues, and evaluate expressions about them.

        Args:
            declarations: The template.
            parameters: Values for the template's parameters, where they differ from the defaults.
            expressions: Plain values and CloudFormation expressions, by any key.

        Returns:
            The value of each expression, by the same key; plain values as they were.
        """
        # moto's CloudFormation does not know these; their references become parameters.
        made = {
            name: self._make_secret(name, resource["Properties"]["GenerateSecretString"])
            for name, resource in declarations.resources.items()
            if resource["Type"] == _SECRET
        }
        if sender := parameters.get("EmailSender"):
            mail = self.session.client("sesv2", endpoint_url=self.endpoint_url)
            mail.create_email_identity(EmailIdentity=sender)
        unresolved = {f"Value{i}": key for i, (key, value) in enumerate(expressions.items()) if isinstance(value, dict)}
        template = {
            "Parameters": {**declarations.parameters, **{name: {"Type": "String"} for name in made}},
            "Conditions": declarations.conditions,
            "Resources": data_plane(declarations),
            "Outputs": {output: {"Value": expressions[key]} for output, key in unresolved.items()},
        }
        client = self.session.client("cloudformation", endpoint_url=self.endpoint_url)
        client.create_stack(
            StackName=_STACK,
            TemplateBody=json.dumps(template),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in {**parameters, **made}.items()
            ],
        )
        outputs = client.describe_stacks(StackName=_STACK)["Stacks"][0].get("Outputs", [])
        resolved = {unresolved[output["OutputKey"]]: output["OutputValue"] for output in outputs}
        return dict(expressions) | resolved

    def _make_secret(self, name: str, generate: Mapping[str, Any]) -> str:
        client = self.session.client("secretsmanager", endpoint_url=self.endpoint_url)
        password = client.get_random_password(**generate)["RandomPassword"]
        arn: str = client.create_secret(Name=f"{_STACK}-{name}", SecretString=password)["ARN"]
        return arn

    def names(self) -> dict[str, str]:
        """The physical name of each resource, by its name in the template."""
        client = self.session.client("cloudformation", endpoint_url=self.endpoint_url)
        described = client.describe_stack_resources(StackName=_STACK)["StackResources"]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in described}


def data_plane(declarations: Declarations) -> dict[str, Mapping[str, Any]]:
    """The resources of a template that hold data."""
    return {name: resource for name, resource in declarations.resources.items() if resource["Type"] in _DATA_PLANE}
