"""samconfig.toml deploys each environment with parameters that the template has."""

import re
import tomllib
from typing import Any

import pytest

from tests.cloudformation import PROJECT, source, stack

CONFIGURATION: dict[str, Any] = tomllib.loads((PROJECT / "samconfig.toml").read_text())
ENVIRONMENTS = ("default", "staging", "production")


def overrides(environment: str) -> dict[str, str]:
    given = CONFIGURATION[environment]["deploy"]["parameters"]["parameter_overrides"]
    return dict(each.split("=", 1) for each in given)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_is_deployed_with_parameters_that_the_template_takes(environment: str) -> None:
    declared = source()["Parameters"]
    for name, value in overrides(environment).items():
        parameter = declared[name]
        allowed = parameter.get("AllowedValues")
        assert allowed is None or value in map(str, allowed), name
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value), name
    assert stack(**overrides(environment)).resources


def test_each_environment_has_a_stack_of_its_own() -> None:
    names = [CONFIGURATION[environment]["deploy"]["parameters"]["stack_name"] for environment in ENVIRONMENTS]
    assert len(set(names)) == len(ENVIRONMENTS)
    for environment in ENVIRONMENTS:
        assert CONFIGURATION[environment]["deploy"]["parameters"]["capabilities"] == "CAPABILITY_IAM"


def test_production_is_protected_watched_and_rolled_out_step_by_step() -> None:
    production = stack(**overrides("production"))
    assert all(
        table["Properties"]["DeletionProtectionEnabled"]
        for table in production.of_type("AWS::DynamoDB::Table").values()
    )
    assert production.of_type("AWS::CloudWatch::Alarm")
    assert "AllAtOnce" not in overrides("production")["Rollout"]
    assert CONFIGURATION["production"]["deploy"]["parameters"]["confirm_changeset"] is True


def test_no_environment_carries_a_secret() -> None:
    hidden = {name for name, each in source()["Parameters"].items() if each.get("NoEcho")}
    for environment in ENVIRONMENTS:
        assert not hidden & overrides(environment).keys()
