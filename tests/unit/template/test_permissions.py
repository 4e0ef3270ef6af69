"""A function may do what its code calls, and its code calls nothing that it may not.

What the code calls is read from it (tests/aws_calls.py), what a function may do from the transformed template.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pytest

from tests.aws_calls import AwsCall, calls_of, texts_of
from tests.cloudformation import Stack, referred, stack, walk

# Reading all code with its types takes longer than a developer waits.
pytestmark = pytest.mark.slow

# What Lambda itself does with a function's role, by the kind of source that feeds it.
_OF_QUEUES = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
_OF_STREAMS = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
# Whoever may not list a bucket is told of a missing object that it is forbidden.
_TELLS_MISSING_FROM_FORBIDDEN = "s3:ListBucket"
# Named by no setting: callers choose among resources that parameters list, or the event says which it is.
_CHOSEN = frozenset({"secretsmanager:GetSecretValue", "ses:SendEmail", "sns:Publish"})
Grant = tuple[str, str]


@pytest.fixture(scope="module")
def template() -> Stack:
    return stack(
        EmailSender="bakeoff@example.com",
        NotificationTopicArns="arn:aws:sns:eu-west-1:123456789012:team",
        NotificationSecretArns="arn:aws:secretsmanager:eu-west-1:123456789012:secret:hook",
    )


def statements(template: Stack, function: str) -> list[Mapping[str, Any]]:
    """What a function's role and the policies on it grant."""
    granting = [policy["PolicyDocument"] for policy in template.properties(f"{function}Role")["Policies"]]
    granting += [
        policy["Properties"]["PolicyDocument"]
        for policy in template.of_type("AWS::IAM::Policy").values()
        if f"{function}Role" in referred(policy["Properties"]["Roles"])
    ]
    return [statement for document in granting for statement in document["Statement"]]


def granted(template: Stack, function: str) -> set[Grant]:
    """Each action that a function's role has, with the resource that it has it on; empty for all of them."""
    return {grant for statement in statements(template, function) for grant in _grants(statement)}


def _grants(statement: Mapping[str, Any]) -> Iterable[Grant]:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    resources = referred(statement["Resource"]) - {"AWS"} or {""}
    return ((action, resource) for action in actions for resource in resources)


@cache
def needed(template: Stack, function: str) -> set[Grant]:
    """Each action that a function's code and its sources need, with what it is needed on."""
    properties = template.properties(function)
    variables = properties["Environment"]["Variables"]

    def resource(call: AwsCall) -> str:
        return next(iter(referred(variables.get(f"BAKEOFF_{call.setting.upper()}", ""))), "")

    module = properties["Handler"].removesuffix(".handler")
    code = {(call.action, resource(call)) for call in calls_of(module)}
    return code | set(_of_sources(template, function)) | set(_of_logs(function))


def _of_sources(template: Stack, function: str) -> Iterable[Grant]:
    for mapping in template.of_type("AWS::Lambda::EventSourceMapping").values():
        properties = mapping["Properties"]
        if referred(properties["FunctionName"]) == {f"{function}Aliaslive"}:
            [source] = referred(properties["EventSourceArn"])
            of_stream = template.resources[source]["Type"] == "AWS::Kinesis::Stream"
            yield from ((action, source) for action in (_OF_STREAMS if of_stream else _OF_QUEUES))
            if of_stream:
                yield "kinesis:ListStreams", ""
            for failures in referred(properties.get("DestinationConfig", {})):
                yield "sqs:SendMessage", failures


def _of_logs(function: str) -> Iterable[Grant]:
    group = f"{function.removesuffix('Function')}Logs"
    return (("logs:CreateLogStream", group), ("logs:PutLogEvents", group))


def differences(may: set[Grant], calls: set[Grant]) -> tuple[set[Grant], set[Grant]]:
    """What is granted and not needed, and what is needed and not granted.

    One class works on all buckets, so which of a function's buckets a call is made on is not told apart: a grant must
    be needed on its own bucket or another, and what is needed must be granted on one of them. The same is true of what
    no setting names.
    """
    anywhere = {action for action, resource in calls if not resource} | _CHOSEN
    superfluous = {
        (action, resource)
        for action, resource in may
        if (action, resource) not in calls
        and not (action in anywhere and action in {each for each, _ in calls})
        and not (action == _TELLS_MISSING_FROM_FORBIDDEN and ("s3:GetObject", resource) in calls)
    }
    somewhere = {action for action, _ in may}
    missing = {
        (action, resource)
        for action, resource in calls
        if (action, resource) not in may and not ((action.startswith("s3:") or not resource) and action in somewhere)
    }
    return superfluous, missing


def functions() -> list[str]:
    return sorted(stack().of_type("AWS::Lambda::Function"))


@pytest.mark.parametrize("function", functions())
def test_a_function_may_do_what_it_calls_and_no_more(template: Stack, function: str) -> None:
    superfluous, missing = differences(granted(template, function), needed(template, function))
    assert not superfluous, f"{function} may do what it never calls: {sorted(superfluous)}"
    assert not missing, f"{function} calls what it may not: {sorted(missing)}"


@pytest.mark.parametrize("function", ["AssignFunction", "DeliverFunction", "IngestFunction"])
def test_every_single_grant_would_be_missed(template: Stack, function: str) -> None:
    may, calls = granted(template, function), needed(template, function)
    for grant in may - {(_TELLS_MISSING_FROM_FORBIDDEN, resource) for _, resource in may}:
        assert differences(may - {grant}, calls)[1] or grant[0].startswith("s3:") or not grant[1], grant


@pytest.mark.parametrize("function", functions())
@pytest.mark.parametrize(
    "grant",
    [
        ("dynamodb:DeleteItem", "ExperimentsTable"),
        ("dynamodb:DeleteTable", "ModelsTable"),
        ("kinesis:PutRecord", "EventStream"),
        ("s3:DeleteBucket", "EventBucket"),
        ("sqs:PurgeQueue", "FallbackQueue"),
    ],
)
def test_a_grant_too_many_would_be_noticed(template: Stack, function: str, grant: Grant) -> None:
    assert grant in differences(granted(template, function) | {grant}, needed(template, function))[0]


@pytest.mark.parametrize("function", functions())
def test_objects_are_granted_below_prefixes_that_the_code_has(template: Stack, function: str) -> None:
    prefixes = {
        prefix
        for statement in statements(template, function)
        for _, value in walk(statement["Resource"])
        if isinstance(value, str)
        for prefix in re.findall(r"^\$\{\w+Bucket\.Arn\}/(.+)\*$", value)
    }
    texts = texts_of(template.properties(function)["Handler"].removesuffix(".handler"))
    for prefix in prefixes:
        assert prefix.endswith("/"), prefix
        assert any(text.startswith(prefix) for text in texts), f"{function} never uses {prefix}"


def test_only_management_and_monitoring_write_experiments(template: Stack) -> None:
    writers = {
        function for function in functions() if ("dynamodb:PutItem", "ExperimentsTable") in granted(template, function)
    }
    assert writers <= {"AnalyzeFunction", "ExperimentsFunction"}
