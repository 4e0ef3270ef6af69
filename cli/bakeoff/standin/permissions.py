"""Permissions: what a function's role lets it do, asked before each of its calls of AWS."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

# What the permission of an operation is called where it has another name.
_ACTIONS = {
    ("s3", "DeleteObjects"): "s3:DeleteObject",
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("sesv2", "SendEmail"): "ses:SendEmail",
    ("sqs", "DeleteMessageBatch"): "sqs:DeleteMessage",
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
}
_TRANSACTED = {"ConditionCheck": "ConditionCheckItem", "Delete": "DeleteItem", "Put": "PutItem", "Update": "UpdateItem"}
_PLACE = re.compile(r"\$\{(\w+)\.Arn\}")

NO_CONDITIONS: Mapping[str, bool] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Permission:
    """One statement: actions, on resources whose ARNs match a pattern."""

    actions: frozenset[str]
    resources: tuple[str, ...]

    def allows(self, action: str, resource: str) -> bool:
        """Say whether it allows an action on a resource."""
        return action in self.actions and any(fnmatchcase(resource, pattern) for pattern in self.resources)


def permissions_of(
    role: str, resources: Mapping[str, Any], arns: Mapping[str, str], conditions: Mapping[str, bool] = NO_CONDITIONS
) -> tuple[Permission, ...]:
    """Read what a role may do.

    Args:
        role: Its name in the template.
        resources: The resources of the template, translated.
        arns: The ARN of each resource that the stand-in has; a statement about others is left out.
        conditions: Which conditions of the template hold.
    """
    documents = [policy["PolicyDocument"] for policy in resources[role]["Properties"].get("Policies", [])]
    documents += [
        each["Properties"]["PolicyDocument"]
        for each in resources.values()
        if each["Type"] == "AWS::IAM::Policy" and {"Ref": role} in each["Properties"]["Roles"]
    ]
    return tuple(
        Permission(frozenset(_listed(statement["Action"])), tuple(_patterns(statement["Resource"], arns)))
        for document in documents
        for declared in document["Statement"]
        if "Action" in (statement := _chosen(declared, conditions))
    )


def refuse_what_is_not_granted(permissions: Sequence[Permission], session: Any) -> None:
    """Have a session's clients raise AccessDeniedException where a role would.

    Args:
        permissions: What the role may do.
        session: A boto3 session.
    """

    def check(params: dict[str, Any], model: Any, **_: Any) -> None:
        service = model.service_model.service_name
        for action, resource in required(service, model.name, params):
            if not any(permission.allows(action, resource) for permission in permissions):
                message = f"the function's role does not allow {action} on {resource}"
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, model.name)

    session.events.register("before-parameter-build", check)


def required(service: str, operation: str, params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say which permissions a call needs, each with the ARN that it needs it on; `*` for what is not told apart.

    Args:
        service: As boto3 calls it.
        operation: As the service's API does.
        params: The call's parameters.
    """
    if operation == "TransactWriteItems":
        for item in params["TransactItems"]:
            for kind, what in item.items():
                yield f"dynamodb:{_TRANSACTED[kind]}", f"*:table/{what['TableName']}"
        return
    action = _ACTIONS.get((service, operation), f"{service}:{operation}")
    if service == "dynamodb":
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        tables = params.get("RequestItems") or [params["TableName"]]
        yield from ((action, f"*:table/{table}{index}") for table in tables)
    elif operation == "DeleteObjects":
        yield from ((action, f"arn:aws:s3:::{params['Bucket']}/{each['Key']}") for each in params["Delete"]["Objects"])
    elif service == "s3":
        yield action, f"arn:aws:s3:::{params['Bucket']}" + (f"/{params['Key']}" if "Key" in params else "")
        if params.get("Tagging"):
            yield "s3:PutObjectTagging", f"arn:aws:s3:::{params['Bucket']}/{params['Key']}"
    elif service == "kinesis":
        yield action, f"*:stream/{params['StreamName']}" if "StreamName" in params else "*"
    elif service == "sqs":
        yield action, f"*:{params['QueueUrl'].rpartition('/')[2]}"
    else:
        yield action, str(params.get("TopicArn") or params.get("SecretId") or "*")


def arn(kind: str, physical: str) -> str:
    """Write a resource's ARN as the statements of a policy are matched against it.

    Args:
        kind: The resource's type.
        physical: Its physical id.
    """
    patterns = {
        "AWS::DynamoDB::Table": "*:table/{}",
        "AWS::Kinesis::Stream": "*:stream/{}",
        "AWS::S3::Bucket": "arn:aws:s3:::{}",
        "AWS::SQS::Queue": "*:{}",
    }
    return patterns.get(kind, "{}").format(physical.rpartition("/")[2] if kind == "AWS::SQS::Queue" else physical)


def _chosen(statement: Mapping[str, Any], conditions: Mapping[str, bool]) -> Mapping[str, Any]:
    if "Fn::If" not in statement:
        return statement
    condition, holding, otherwise = statement["Fn::If"]
    return _chosen(holding if conditions[condition] else otherwise, conditions)


def _patterns(expression: Any, arns: Mapping[str, str]) -> Iterator[str]:
    if isinstance(expression, list):
        for each in expression:
            yield from _patterns(each, arns)
    elif isinstance(expression, str):
        yield expression
    elif "Ref" in expression:
        # A secret, a parameter that lists topics: the stand-in does not tell these apart.
        yield arns.get(expression["Ref"], "*")
    elif "Fn::GetAtt" in expression:
        yield from (arns[name] for name in expression["Fn::GetAtt"][:1] if name in arns)
    elif isinstance(expression.get("Fn::Sub"), str):
        place = _PLACE.match(expression["Fn::Sub"])
        if place is not None and place[1] in arns:
            yield arns[place[1]] + expression["Fn::Sub"][place.end() :]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
