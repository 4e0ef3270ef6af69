"""What the template adds for an analysis on Athena: nothing unless it is asked for, and then no more than it takes."""

from pathlib import Path
from typing import Any

import pytest

from bakeoff.standin.template import read_template

PROJECT = Path(__file__).parents[4]
ANALYSTS = {"AnalyzeFunction", "RefreshFunction", "ReportsFunction"}


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    return dict(read_template(PROJECT / "template.yaml", region="us-east-1").resources)


def test_a_workgroup_and_permissions_only_where_athena_is_the_engine(resources: dict[str, Any]) -> None:
    assert {resources[name]["Condition"] for name in ("AnalysisWorkGroup", "AthenaPolicy")} == {"AnalysesWithAthena"}
    configuration = resources["AnalysisWorkGroup"]["Properties"]["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == {"Ref": "AthenaScanLimitBytes"}


def test_the_functions_that_analyse_may_run_queries_and_read_what_these_read(resources: dict[str, Any]) -> None:
    policy = resources["AthenaPolicy"]["Properties"]
    assert {role["Ref"].removesuffix("Role") for role in policy["Roles"]} == ANALYSTS
    allowed = {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}
    actions = [statement["Action"] for statement in allowed.values()]
    assert {each for action in actions for each in ([action] if isinstance(action, str) else action)} == {
        "athena:GetQueryExecution",
        "athena:GetQueryResults",
        "athena:StartQueryExecution",
        "athena:StopQueryExecution",
        "glue:GetDatabase",
        "glue:GetTable",
        "s3:AbortMultipartUpload",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
    }
    resources_named = [str(statement["Resource"]) for statement in allowed.values()]
    assert not any(resource == "*" for resource in resources_named)
    assert "/athena/*" in str(allowed["WriteAndReadResults"]["Resource"])


def test_the_functions_that_analyse_are_told_where(resources: dict[str, Any]) -> None:
    for name, resource in resources.items():
        if resource["Type"] != "AWS::Lambda::Function":
            continue
        told = {key for key in resource["Properties"]["Environment"]["Variables"] if key.startswith("BAKEOFF_ATHENA")}
        assert bool(told) == (name in ANALYSTS), name
        if told:
            seconds = float(resource["Properties"]["Environment"]["Variables"]["BAKEOFF_ATHENA_SECONDS"])
            # A query is given up before the function is.
            assert seconds < resource["Properties"]["Timeout"]
