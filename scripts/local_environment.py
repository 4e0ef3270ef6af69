"""What `sam local` hands a stack's functions: their variables as they are deployed, by the names of the template.

`python -m scripts.local_environment STACK > local-environment.json`, with AWS credentials that may read the stack.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import boto3


def environment_of(stack: str, cloudformation: Any, functions: Any) -> dict[str, dict[str, str]]:
    """Read the variables of every function of a stack.

    Args:
        stack: The stack's name.
        cloudformation: A boto3 client.
        functions: A boto3 client of Lambda.
    """
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    deployed = [each for page in pages for each in page["StackResourceSummaries"]]
    return {
        each["LogicalResourceId"]: functions.get_function_configuration(FunctionName=each["PhysicalResourceId"])
        .get("Environment", {})
        .get("Variables", {})
        for each in deployed
        if each["ResourceType"] == "AWS::Lambda::Function"
    }


def main(arguments: Sequence[str]) -> int:
    """Print the variables of a stack's functions."""
    if len(arguments) != 1:
        print("usage: python -m scripts.local_environment STACK", file=sys.stderr)
        return 2
    variables = environment_of(arguments[0], boto3.client("cloudformation"), boto3.client("lambda"))
    print(json.dumps(variables, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
