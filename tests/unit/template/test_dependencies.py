"""CloudFormation makes resources in the order of their references, so these lead round in no circle."""

from graphlib import CycleError, TopologicalSorter

import pytest

from tests.cloudformation import referred, stack

ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/bakeoff/1"


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {
            "WebAclArn": ACL,
            "DomainName": "bakeoff.example.com",
            "CertificateArn": "arn:aws:acm:us-east-1:1:certificate/1",
        },
        {"AnalysisEngine": "athena", "AdminAuthentication": "iam", "EmailSender": "a@example.com"},
    ],
)
def test_no_resource_waits_for_itself(parameters: dict[str, str]) -> None:
    resources = stack(**parameters).resources
    # Update policies count: an alias waits for the deployment group that moves it, and that for its alarms.
    waits_for = {name: referred(resource) & resources.keys() for name, resource in resources.items()}
    waits_for = {name: {*others, *_listed(resources[name].get("DependsOn", []))} for name, others in waits_for.items()}
    try:
        TopologicalSorter(waits_for).prepare()
    except CycleError as error:
        pytest.fail(" waits for ".join(reversed(error.args[1])))


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
