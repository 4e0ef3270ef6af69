"""Let a stack adopt the tables, buckets and secrets that a deleted one left behind.

`python -m scripts.adopt_data OLD NEW` prepares the import as a change set of the stack NEW, which is not there yet,
and prints what it would take over; with `--execute` it does so. `sam deploy` to NEW then makes everything else around
the data.
"""

import argparse
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
CHANGE_SET = "adopt-data"
_IDENTIFIERS = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SecretsManager::Secret": "Id",
}


class NothingToAdopt(Exception):
    """The old stack left nothing behind that the template knows."""


def data_template(template: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce the template to what outlives a stack, with the parameters and conditions that it depends on.

    Args:
        template: As it is written, its short forms of functions spelt out.
    """
    resources = {
        name: {key: value for key, value in resource.items() if key != "Metadata"}
        for name, resource in template["Resources"].items()
        if resource.get("DeletionPolicy") == "Retain" and resource["Type"] in _IDENTIFIERS
    }
    conditions: dict[str, Any] = {}
    waiting = _named(resources, "Fn::If") | {each["Condition"] for each in resources.values() if "Condition" in each}
    while waiting:
        name = waiting.pop()
        conditions[name] = template["Conditions"][name]
        waiting |= _named(conditions[name], "Condition") - conditions.keys()
    parameters = {
        name: template["Parameters"][name]
        for name in sorted(_named([resources, conditions], "Ref"))
        if name in template["Parameters"]
    }
    return {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Description": "The data of Bakeoff, on their way into a stack.",
        "Parameters": parameters,
        "Conditions": conditions,
        "Resources": resources,
    }


def adopt(cloudformation: Any, old: str, new: str, template: Mapping[str, Any]) -> dict[str, str]:
    """Prepare the import as a change set.

    Args:
        cloudformation: A boto3 CloudFormation client.
        old: The id of the stack that left its data; CloudFormation knows a deleted one for 90 days.
        new: The name of the stack to be.
        template: The project's.

    Returns:
        The physical name of each resource that is adopted, by its name in the template.

    Raises:
        NothingToAdopt: The old stack left nothing behind.
    """
    reduced = data_template(template)
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=old)
    left = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["LogicalResourceId"] in reduced["Resources"]
    }
    if not left:
        raise NothingToAdopt(f"{old} left no table, bucket or secret behind")
    reduced["Resources"] = {name: reduced["Resources"][name] for name in left}
    [described] = cloudformation.describe_stacks(StackName=old)["Stacks"]
    with suppress(ClientError):  # there is none, unless somebody had a look before
        cloudformation.delete_change_set(StackName=new, ChangeSetName=CHANGE_SET)
    cloudformation.create_change_set(
        StackName=new,
        ChangeSetName=CHANGE_SET,
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps(reduced),
        Parameters=[each for each in described.get("Parameters", []) if each["ParameterKey"] in reduced["Parameters"]],
        ResourcesToImport=[
            {
                "ResourceType": reduced["Resources"][name]["Type"],
                "LogicalResourceId": name,
                "ResourceIdentifier": {_IDENTIFIERS[reduced["Resources"][name]["Type"]]: physical},
            }
            for name, physical in left.items()
        ],
    )
    return left


def execute(cloudformation: Any, new: str) -> None:
    """Do the import that is prepared, and wait until it is done."""
    cloudformation.get_waiter("change_set_create_complete").wait(StackName=new, ChangeSetName=CHANGE_SET)
    cloudformation.execute_change_set(StackName=new, ChangeSetName=CHANGE_SET)
    cloudformation.get_waiter("stack_import_complete").wait(StackName=new)


def _named(value: Any, function: str) -> set[str]:
    """The names that a function is given, anywhere in a document: a reference's, or a condition's."""
    if isinstance(value, list):
        return set().union(*(_named(each, function) for each in value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*(_named(each, function) for each in value.values()))
    operand = value.get(function)
    if function == "Fn::If" and isinstance(operand, list):
        return found | {operand[0]}
    return found | {operand} if isinstance(operand, str) else found


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("old", help="id (ARN) of the deleted stack")
    parser.add_argument("new", help="name of the stack that takes its data over")
    parser.add_argument("--execute", action="store_true", help="do it, instead of preparing it for a look")
    arguments = parser.parse_args()
    cloudformation = boto3.client("cloudformation")
    for name, physical in adopt(cloudformation, arguments.old, arguments.new, yaml_parse(TEMPLATE.read_text())).items():
        print(f"{name}: {physical}")
    if arguments.execute:
        execute(cloudformation, arguments.new)


if __name__ == "__main__":
    main()
