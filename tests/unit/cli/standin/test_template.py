"""Reading templates, above all the project's own."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bakeoff.standin.cloud import data_plane
from bakeoff.standin.template import Declarations, TemplateError, read_template
from reporting import DATED
from rounds import LEASE

PROJECT = Path(__file__).parents[4]
# What an entry point may do, beyond writing its own logs.
ALLOWED = {
    "AuthorizeFunction": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
    "AssignFunction": {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "kinesis:PutRecords",
        "s3:GetObject",
        "sqs:SendMessage",
    },
    "ExperimentsFunction": {
        "dynamodb:BatchGetItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
    },
    "PredictFunction": {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
        "kinesis:PutRecords",
        "s3:GetObject",
        "s3:ListBucket",
        "sqs:SendMessage",
    },
    "IngestFunction": {"kinesis:PutRecords"},
    "DispatchFunction": {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem", "sqs:SendMessage"},
    "AnalyzeFunction": {
        "dynamodb:BatchGetItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "s3:PutObjectTagging",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    },
    "RefreshFunction": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "s3:GetObject", "s3:ListBucket"},
    "CompactFunction": {"s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"},
    "ReportsFunction": {
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "s3:PutObjectTagging",
    },
}


@pytest.fixture(scope="module")
def declared() -> Declarations:
    return read_template(PROJECT / "template.yaml", region="us-east-1")


def statements(declared: Declarations, role: str) -> list[dict[str, Any]]:
    policies = declared.resources[role]["Properties"]["Policies"]
    declared_ones = (statement for policy in policies for statement in policy["PolicyDocument"]["Statement"])
    # Of a conditional one, what it says where its condition holds.
    return [statement["Fn::If"][1] if "Fn::If" in statement else statement for statement in declared_ones]


def actions(statement: dict[str, Any]) -> set[str]:
    action = statement["Action"]
    return {action} if isinstance(action, str) else set(action)


def test_every_function_has_code_and_a_handler_there(declared: Declarations) -> None:
    # The roles of these two are written out, and have tests of their own.
    assert declared.functions.keys() == {*ALLOWED, "DeliverFunction", "NotifyFunction"}
    for function in declared.functions.values():
        module = function.handler.removesuffix(".handler")
        assert (function.code / f"{module}.py").is_file()
        assert all(layer.is_dir() for layer in function.layers)


def test_every_route_has_one_function(declared: Declarations) -> None:
    routes = [(route.method, route.path) for route in declared.routes]
    assert len(routes) == len(set(routes)) == 52
    assert {route.function for route in declared.routes} <= declared.functions.keys()


def test_streams_and_queues_feed_functions(declared: Declarations) -> None:
    assert Counter(source.function for source in declared.event_sources) == {
        "AnalyzeFunction": 1,
        "DeliverFunction": 3,
        "NotifyFunction": 1,
    }
    for source in declared.event_sources:
        assert source.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_dispatcher_compaction_and_the_refresh_of_bandits_are_scheduled(declared: Declarations) -> None:
    assert {(schedule.function, schedule.expression) for schedule in declared.schedules} == {
        ("DispatchFunction", "rate(5 minutes)"),
        ("CompactFunction", "rate(1 hour)"),
        ("RefreshFunction", "rate(5 minutes)"),
    }


def test_data_is_protected(declared: Declarations) -> None:
    for resource in data_plane(declared).values():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::DynamoDB::Table":
            assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
            assert properties["SSESpecification"]["SSEEnabled"] is True
        elif resource["Type"] == "AWS::S3::Bucket":
            assert all(properties["PublicAccessBlockConfiguration"].values())
            assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
            assert "BucketEncryption" in properties
        elif resource["Type"] == "AWS::SQS::Queue":
            assert properties["SqsManagedSseEnabled"]["Fn::If"] == ["UsesOwnKey", {"Ref": "AWS::NoValue"}, True]
        elif resource["Type"] == "AWS::SNS::Topic":
            assert properties["KmsMasterKeyId"]
        else:
            assert resource["Type"] == "AWS::Kinesis::Stream"
            assert properties["StreamEncryption"]["EncryptionType"] == "KMS"


@pytest.mark.parametrize("function", ALLOWED)
def test_a_function_may_do_what_it_needs_and_no_more(declared: Declarations, function: str) -> None:
    granted = [each for each in statements(declared, f"{function}Role") if each["Sid"] != "WriteLogs"]
    assert set().union(*map(actions, granted)) == ALLOWED[function]
    for statement in granted:
        assert statement["Resource"] != "*"


def test_only_management_and_the_monitor_write_experiments(declared: Declarations) -> None:
    writers = {
        function
        for function in ALLOWED
        for statement in statements(declared, f"{function}Role")
        if any(
            action.startswith("dynamodb:") and "Item" in action and "Get" not in action for action in actions(statement)
        )
        and statement["Resource"] == {"Fn::GetAtt": ["ExperimentsTable", "Arn"]}
    }
    assert writers == {"ExperimentsFunction", "AnalyzeFunction"}


def test_delivery_reaches_its_own_stream_and_queues_alone(declared: Declarations) -> None:
    role = declared.resources["DeliverFunctionRole"]["Properties"]
    assert "ManagedPolicyArns" not in role
    unbound = [statement for statement in statements(declared, "DeliverFunctionRole") if statement["Resource"] == "*"]
    assert [statement["Action"] for statement in unbound] == ["kinesis:ListStreams"]  # takes no resource


def test_notices_reach_what_the_stack_names_alone(declared: Declarations) -> None:
    role = declared.resources["NotifyFunctionRole"]["Properties"]
    assert "ManagedPolicyArns" not in role
    granted = statements(declared, "NotifyFunctionRole")
    assert set().union(*map(actions, granted)) == {
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "secretsmanager:GetSecretValue",
        "sns:Publish",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    }
    assert all(isinstance(statement["Resource"], dict) for statement in granted)


def test_the_analysis_has_time_for_each_task_and_gives_it_up_in_the_end(declared: Declarations) -> None:
    function = declared.functions["AnalyzeFunction"]
    queue = declared.resources["AnalysisQueue"]["Properties"]
    (source,) = (each for each in declared.event_sources if each.function == "AnalyzeFunction")
    assert source.properties["BatchSize"] == 1
    assert source.properties["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "AnalysisConcurrency"}}
    assert queue["FifoQueue"] is True
    assert queue["VisibilityTimeout"] >= 6 * function.timeout * source.properties["BatchSize"]
    # A run that crashed is taken over only when whoever began it must have ended.
    assert timedelta(seconds=function.timeout) < LEASE
    assert queue["RedrivePolicy"]["maxReceiveCount"] == int(function.environment["BAKEOFF_ANALYSIS_ATTEMPTS"])
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["AnalysisDeadLetters", "Arn"]}


def test_dated_reports_expire_and_the_latest_stay(declared: Declarations) -> None:
    rules = declared.resources["ReportBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    ending = {rule["Id"]: rule for rule in rules if "ExpirationInDays" in rule}
    assert ending.keys() == {"athena-results", "dated-reports"}
    assert {tag["Key"]: tag["Value"] for tag in ending["dated-reports"]["TagFilters"]} == DATED
    assert ending["dated-reports"]["Prefix"] == "reports/"


def test_logs_end(declared: Declarations) -> None:
    groups = [r for r in declared.resources.values() if r["Type"] == "AWS::Logs::LogGroup"]
    assert len(groups) == len(declared.functions) + 1
    assert all(group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups)
    functions = [r for r in declared.resources.values() if r["Type"] == "AWS::Lambda::Function"]
    assert all("LogGroup" in function["Properties"]["LoggingConfig"] for function in functions)


def test_a_function_without_a_folder_is_refused(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(
        "Transform: AWS::Serverless-2016-10-31\n"
        "Resources:\n"
        "  Fn:\n"
        "    Type: AWS::Serverless::Function\n"
        "    Properties: {InlineCode: 'x', Handler: index.handler, Runtime: python3.13}\n"
    )
    with pytest.raises(TemplateError, match="Fn: has no CodeUri"):
        read_template(template, region="us-east-1")


def test_conditions_are_read_with_what_they_decide(declared: Declarations) -> None:
    variables = [function.environment.values() for function in declared.functions.values()]
    used = {value["Fn::If"][0] for values in variables for value in values if "Fn::If" in value}
    assert used
    assert used <= declared.conditions.keys()


AUTHORIZED = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: index.handler
      Runtime: python3.13
      Events:
        Closed: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /closed}}
        Open: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /, Auth: {Authorizer: NONE}}}
  Asked: {Type: AWS::Serverless::Function, Properties: {CodeUri: ., Handler: a.b, Runtime: python3.13}}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Guard
        Authorizers:
          Guard: {FunctionArn: !GetAtt Asked.Arn, AuthorizerPayloadFormatVersion: "2.0"%s}
"""


def test_a_routes_authorizer_is_found(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(AUTHORIZED % ", EnableSimpleResponses: true")
    routes = read_template(template, region="us-east-1").routes
    assert {route.path: route.authorizer for route in routes} == {"/closed": "Asked", "/": None}


@pytest.mark.parametrize(
    "settings",
    [
        "",
        ", EnableSimpleResponses: false",
        ", EnableSimpleResponses: true, Identity: {Headers: [X-API-Key]}",
        ", EnableSimpleResponses: true, Identity: {Headers: [X-API-Key], ReauthorizeEvery: 60}",
    ],
)
def test_an_authorizer_of_another_kind_is_refused(tmp_path: Path, settings: str) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(AUTHORIZED % settings)
    with pytest.raises(TemplateError, match="Guard: the stand-in takes"):
        read_template(template, region="us-east-1")


def test_every_route_but_two_has_the_authorizer(declared: Declarations) -> None:
    assert {route.path for route in declared.routes if route.authorizer is None} == {"/", "/health"}


def test_administration_by_iam_asks_for_credentials_and_for_the_url(declared: Declarations) -> None:
    urls = {name: each for name, each in declared.resources.items() if each["Type"] == "AWS::Lambda::Url"}
    assert urls.keys() == {"ExperimentsUrl", "PredictUrl"}
    for url in urls.values():
        assert url["Condition"] == "AdministersByIam"
        assert url["Properties"]["AuthType"] == "AWS_IAM"
    invoking = declared.resources["AdministratorPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert all("Condition" in statement for statement in invoking)


def test_the_authorizer_may_count_requests_and_change_no_key(declared: Declarations) -> None:
    (counting,) = (s for s in statements(declared, "AuthorizeFunctionRole") if actions(s) == {"dynamodb:UpdateItem"})
    assert counting["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["usage#*"]}}
