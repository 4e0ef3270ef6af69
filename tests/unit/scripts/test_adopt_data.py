"""A stack that is deleted and deployed again has its data."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from scripts.adopt_data import NothingToAdopt, adopt, data_template, execute
from tests.cloudformation import referred, source

OLD = "arn:aws:cloudformation:eu-west-1:123456789012:stack/bakeoff/1"
DATA = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret"}


class CloudFormationFake:
    """Knows one deleted stack, and keeps what it is asked for."""

    def __init__(self, resources: Mapping[str, str]) -> None:
        self._resources = resources
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_stack_resources"
        return self

    def paginate(self, **arguments: Any) -> list[dict[str, Any]]:
        assert arguments == {"StackName": OLD}
        summaries = [{"LogicalResourceId": name, "PhysicalResourceId": each} for name, each in self._resources.items()]
        return [{"StackResourceSummaries": summaries[:2]}, {"StackResourceSummaries": summaries[2:]}]

    def describe_stacks(self, **_arguments: Any) -> dict[str, Any]:
        parameters = {"LogLevel": "INFO", "DeletionProtection": "on", "PredictionCacheUrl": "****"}
        return {
            "Stacks": [{"Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]}],
        }

    def delete_change_set(self, **arguments: Any) -> None:
        if not any(name == "create_change_set" for name, _ in self.asked):
            raise ClientError({"Error": {"Code": "ChangeSetNotFound", "Message": "none"}}, "DeleteChangeSet")
        self.asked.append(("delete_change_set", arguments))

    def create_change_set(self, **arguments: Any) -> None:
        self.asked.append(("create_change_set", arguments))

    def execute_change_set(self, **arguments: Any) -> None:
        self.asked.append(("execute_change_set", arguments))

    def get_waiter(self, name: str) -> Any:
        fake = self

        class Waiter:
            def wait(self, **arguments: Any) -> None:
                fake.asked.append((name, arguments))

        return Waiter()


def test_all_that_outlives_a_stack_is_adopted() -> None:
    template = source()
    kept = {name for name, each in template["Resources"].items() if each.get("DeletionPolicy") == "Retain"}
    reduced = data_template(template)
    assert reduced["Resources"].keys() == kept
    assert {each["Type"] for each in reduced["Resources"].values()} == DATA
    of_data = {
        name for name, each in template["Resources"].items() if each["Type"] in DATA - {"AWS::SecretsManager::Secret"}
    }
    assert of_data <= kept


def test_what_is_adopted_stands_on_its_own() -> None:
    reduced = data_template(source())
    known = {*reduced["Parameters"], *reduced["Resources"], "AWS"}
    missing = {name for name in referred(reduced) if name not in known and not name.startswith("AWS::")}
    assert not missing


@mock_aws
def test_cloudformation_reads_it() -> None:
    client = boto3.client("cloudformation", region_name="eu-west-1")
    template = data_template(source())
    # Which moto does not make.
    template["Resources"] = {
        name: each for name, each in template["Resources"].items() if each["Type"] != "AWS::SecretsManager::Secret"
    }
    client.create_stack(StackName="adopted", TemplateBody=json.dumps(template))
    made = client.describe_stack_resources(StackName="adopted")["StackResources"]
    assert {each["LogicalResourceId"] for each in made} == template["Resources"].keys()


def test_what_the_old_stack_left_is_imported_under_its_names() -> None:
    fake = CloudFormationFake(
        {
            "ExperimentsTable": "bakeoff-ExperimentsTable-A",
            "AssignFunction": "bakeoff-AssignFunction-B",
            "EventBucket": "bakeoff-eventbucket-c",
            "WebhookSecret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:d",
        }
    )
    adopted = adopt(fake, OLD, "bakeoff", source())
    assert adopted == {
        "ExperimentsTable": "bakeoff-ExperimentsTable-A",
        "EventBucket": "bakeoff-eventbucket-c",
        "WebhookSecret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:d",
    }
    [(_, asked)] = fake.asked
    assert (asked["StackName"], asked["ChangeSetType"]) == ("bakeoff", "IMPORT")
    assert [each["ResourceIdentifier"] for each in asked["ResourcesToImport"]] == [
        {"TableName": "bakeoff-ExperimentsTable-A"},
        {"BucketName": "bakeoff-eventbucket-c"},
        {"Id": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:d"},
    ]
    assert asked["Parameters"] == [{"ParameterKey": "DeletionProtection", "ParameterValue": "on"}]
    template = json.loads(asked["TemplateBody"])
    assert template["Resources"].keys() == adopted.keys()
    assert all(each["DeletionPolicy"] == "Retain" for each in template["Resources"].values())


def test_a_look_does_not_stand_in_the_way_of_doing_it() -> None:
    fake = CloudFormationFake({"ExperimentsTable": "bakeoff-ExperimentsTable-A"})
    adopt(fake, OLD, "bakeoff", source())
    adopt(fake, OLD, "bakeoff", source())
    assert [name for name, _ in fake.asked] == ["create_change_set", "delete_change_set", "create_change_set"]


def test_a_stack_that_left_nothing_is_told_of() -> None:
    fake = CloudFormationFake({"AssignFunction": "bakeoff-AssignFunction-B"})
    with pytest.raises(NothingToAdopt, match="left no table, bucket or secret behind"):
        adopt(fake, OLD, "bakeoff", source())
    assert fake.asked == []


def test_the_import_is_waited_for() -> None:
    fake = CloudFormationFake({})
    execute(fake, "bakeoff")
    assert [name for name, _ in fake.asked] == [
        "change_set_create_complete",
        "execute_change_set",
        "stack_import_complete",
    ]
