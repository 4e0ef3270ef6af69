"""A function in the stand-in may do no more than its role, where that is asked for."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from bakeoff.standin.permissions import arn, permissions_of, refuse_what_is_not_granted, required

ARNS = {
    "Experiments": arn("AWS::DynamoDB::Table", "stack-Experiments"),
    "Models": arn("AWS::S3::Bucket", "stack-models"),
    "Events": arn("AWS::Kinesis::Stream", "stack-Events"),
    "Fallback": arn("AWS::SQS::Queue", "http://127.0.0.1/123456789012/stack-Fallback"),
}
RESOURCES: dict[str, Any] = {
    "Role": {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Policies": [
                {
                    "PolicyDocument": {
                        "Statement": [
                            {"Action": "dynamodb:GetItem", "Resource": {"Fn::GetAtt": ["Experiments", "Arn"]}},
                            {"Action": "dynamodb:Query", "Resource": {"Fn::Sub": "${Experiments.Arn}/index/listed"}},
                            {"Action": ["s3:GetObject"], "Resource": [{"Fn::Sub": "${Models.Arn}/models/*"}]},
                            {"Action": "kinesis:PutRecords", "Resource": {"Fn::GetAtt": ["Events", "Arn"]}},
                            {"Action": "logs:PutLogEvents", "Resource": {"Fn::GetAtt": ["Logs", "Arn"]}},
                        ]
                    }
                }
            ]
        },
    },
    "Policy": {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "Roles": [{"Ref": "Role"}],
            "PolicyDocument": {
                "Statement": [{"Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Fallback", "Arn"]}}]
            },
        },
    },
}


@pytest.mark.parametrize("holds", [True, False])
def test_a_statement_may_be_conditional(holds: bool) -> None:  # noqa: FBT001 - a table
    statement = {"Action": "dynamodb:PutItem", "Resource": {"Fn::GetAtt": ["Experiments", "Arn"]}}
    policy = {"PolicyDocument": {"Statement": [{"Fn::If": ["Writes", statement, {"Ref": "AWS::NoValue"}]}]}}
    resources = {"Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy]}}}
    permissions = permissions_of("Role", resources, ARNS, {"Writes": holds})
    assert [each.allows("dynamodb:PutItem", ARNS["Experiments"]) for each in permissions] == [True] * holds


@pytest.mark.parametrize(
    ("service", "operation", "params", "allowed"),
    [
        ("dynamodb", "GetItem", {"TableName": "stack-Experiments"}, True),
        ("dynamodb", "GetItem", {"TableName": "stack-Other"}, False),
        ("dynamodb", "Query", {"TableName": "stack-Experiments", "IndexName": "listed"}, True),
        ("dynamodb", "Query", {"TableName": "stack-Experiments", "IndexName": "other"}, False),
        ("dynamodb", "Query", {"TableName": "stack-Experiments"}, False),
        ("dynamodb", "PutItem", {"TableName": "stack-Experiments"}, False),
        ("dynamodb", "BatchGetItem", {"RequestItems": {"stack-Experiments": {}}}, False),
        ("dynamodb", "TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "stack-Experiments"}}]}, False),
        ("s3", "GetObject", {"Bucket": "stack-models", "Key": "models/a/v1/model.onnx"}, True),
        ("s3", "HeadObject", {"Bucket": "stack-models", "Key": "models/a/v1/model.onnx"}, True),
        ("s3", "GetObject", {"Bucket": "stack-models", "Key": "target_users/a"}, False),
        ("s3", "PutObject", {"Bucket": "stack-models", "Key": "models/a"}, False),
        ("s3", "ListObjectsV2", {"Bucket": "stack-models"}, False),
        ("kinesis", "PutRecords", {"StreamName": "stack-Events"}, True),
        ("kinesis", "PutRecords", {"StreamName": "other"}, False),
        ("sqs", "SendMessageBatch", {"QueueUrl": "http://127.0.0.1/123456789012/stack-Fallback"}, True),
        ("sqs", "DeleteMessage", {"QueueUrl": "http://127.0.0.1/123456789012/stack-Fallback"}, False),
        ("sns", "Publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t"}, False),
    ],
)
def test_a_call_is_allowed_by_its_action_and_its_resource(
    service: str,
    operation: str,
    params: dict[str, Any],
    allowed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    permissions = permissions_of("Role", RESOURCES, ARNS)
    needs = list(required(service, operation, params))
    assert all(any(each.allows(*need) for each in permissions) for need in needs) is allowed


def test_tags_need_a_permission_of_their_own() -> None:
    needs = list(required("s3", "PutObject", {"Bucket": "b", "Key": "k", "Tagging": "a=b"}))
    assert needs == [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:PutObjectTagging", "arn:aws:s3:::b/k")]


@mock_aws
def test_clients_of_the_session_raise_what_aws_answers() -> None:
    session = boto3.Session(region_name="us-east-1")
    session.client("s3").create_bucket(Bucket="stack-models")
    refuse_what_is_not_granted(permissions_of("Role", RESOURCES, ARNS), session)
    client = session.client("s3")
    with pytest.raises(client.exceptions.NoSuchKey):
        client.get_object(Bucket="stack-models", Key="models/none")
    with pytest.raises(ClientError) as refused:
        client.list_objects_v2(Bucket="stack-models")
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "does not allow s3:ListBucket on arn:aws:s3:::stack-models" in str(refused.value)
