"""What is known of the packages that are deployed: licences, and vulnerabilities."""

from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from scripts import audit
from scripts.audit import Audit, describe, read_report
from scripts.inventory import UNKNOWN, Package, inventory, licence_of
from scripts.local_environment import environment_of
from scripts.sbom import bill_of_materials, licences_in, main, refused


def metadata(**fields: str | list[str]) -> Any:
    message = Message()
    for name, values in fields.items():
        for value in [values] if isinstance(values, str) else values:
            message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License_Expression": "MIT AND Zlib", "License": "other"}, "MIT AND Zlib"),
        ({"Classifier": ["Topic :: X", "License :: OSI Approved :: MIT License"]}, "MIT"),
        (
            {
                "Classifier": [
                    "License :: OSI Approved :: Apache Software License",
                    "License :: OSI Approved :: BSD License",
                ]
            },
            "Apache-2.0 OR BSD-3-Clause",
        ),
        ({"License": "Apache 2.0"}, "Apache-2.0"),
        ({"License": "Ours alone"}, "Ours alone"),
        ({"License": "All rights\nreserved"}, UNKNOWN),
        ({}, UNKNOWN),
    ],
)
def test_a_licence_is_named_as_well_as_the_package_allows(fields: dict[str, Any], licence: str) -> None:
    assert licence_of(metadata(**fields)) == licence


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT AND (BSD-3-Clause OR Zlib)", True),
        ("GPL-2.0-only", False),
        ("MIT AND GPL-2.0-only", False),
        ("MIT OR GPL-2.0-only", True),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", True),
        ("GPL-3.0-or-later", False),
        (UNKNOWN, False),
    ],
)
def test_only_known_licences_may_be_deployed(expression: str, allowed: bool) -> None:  # noqa: FBT001
    package = Package("p", "1", expression)
    assert refused([package]) == ([] if allowed else [package])


def test_an_expression_is_split_into_its_licences() -> None:
    assert licences_in("BSD-3-Clause AND 0BSD AND (MIT OR GPL-3.0-or-later WITH GCC-exception-3.1)") == {
        "BSD-3-Clause",
        "0BSD",
        "MIT",
        "GPL-3.0-or-later WITH GCC-exception-3.1",
    }


@pytest.fixture
def build_folder(tmp_path: Path) -> Path:
    """A build of one function and the layer that it has."""
    folder = tmp_path / "build"
    for place, name, licence in (("Fn", "Some_Package", "GPL-2.0-only"), ("Layer/python", "other", "MIT")):
        described = folder / place / f"{name}-1.0.dist-info"
        described.mkdir(parents=True)
        (described / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nLicense-Expression: {licence}\n"
        )
    (folder / "template.yaml").write_text(
        "Resources:\n"
        "  Layer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: Layer}}\n"
        "  Fn: {Type: AWS::Serverless::Function, Properties: {CodeUri: Fn, Layers: [!Ref Layer]}}\n"
    )
    return folder


def test_every_package_is_found_where_it_is(build_folder: Path) -> None:
    assert [(each.purl, each.artefacts) for each in inventory(build_folder)] == [
        ("pkg:pypi/other@1.0", ("Layer",)),
        ("pkg:pypi/some-package@1.0", ("Fn",)),
    ]


def test_a_bill_changes_with_what_is_built(build_folder: Path) -> None:
    one = bill_of_materials(build_folder, "1")
    assert one == bill_of_materials(build_folder, "1")
    assert one["serialNumber"] != bill_of_materials(build_folder, "2")["serialNumber"]


def test_a_package_that_may_not_be_deployed_fails_the_build(
    build_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(build_folder)]) == 1
    assert "some-package: the licence GPL-2.0-only is not among" in capsys.readouterr().err
    assert (build_folder.parent / "sbom.cdx.json").is_file()


REPORT = {
    "dependencies": [
        {"name": "safe", "version": "1", "vulns": []},
        {
            "name": "weak",
            "version": "2",
            "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}, {"id": "PYSEC-2", "fix_versions": []}],
        },
        {"name": "odd", "skip_reason": "not on PyPI: odd (1)"},
        {"name": "even", "skip_reason": "not on PyPI: even (2)"},
    ]
}


def test_an_audit_tells_what_it_found_and_what_it_could_not_learn() -> None:
    assert describe(read_report(REPORT)).splitlines() == [
        "VULNERABLE weak 2: PYSEC-1, fixed in 3",
        "VULNERABLE weak 2: PYSEC-2, fixed in none",
        "NOT AUDITED odd, even: not on PyPI",
        "Looked up: 2. Vulnerabilities: 2. Packages NOT AUDITED: 2.",
    ]


@pytest.mark.parametrize(
    ("found", "arguments", "code"),
    [
        (Audit(2, (), {}), [], 0),
        (Audit(1, ("weak",), {}), [], 1),
        (Audit(0, (), {"why": ("odd",)}), [], 0),
        (Audit(0, (), {"why": ("odd",)}), ["--require"], 1),
    ],
)
def test_vulnerabilities_fail_and_so_does_ignorance_where_asked(
    build_folder: Path, monkeypatch: pytest.MonkeyPatch, found: Audit, arguments: list[str], code: int
) -> None:
    def ask(pins: list[str]) -> Audit:
        assert pins == ["other==1.0", "some-package==1.0"]
        return found

    monkeypatch.setattr(audit, "ask", ask)
    assert audit.main([str(build_folder), *arguments]) == code


class CloudFormationFake:
    def get_paginator(self, _operation: str) -> "CloudFormationFake":
        return self

    def paginate(self, StackName: str) -> list[dict[str, Any]]:  # noqa: N803 - boto3's spelling
        kinds = (("Fn", "AWS::Lambda::Function"), ("Table", "AWS::DynamoDB::Table"), ("Bare", "AWS::Lambda::Function"))
        return [
            {
                "StackResourceSummaries": [
                    {"LogicalResourceId": name, "PhysicalResourceId": f"{StackName}-{name}", "ResourceType": kind}
                ]
            }
            for name, kind in kinds
        ]


class LambdaFake:
    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        return {"Environment": {"Variables": {"A": "1"}}} if FunctionName == "stack-Fn" else {}


def test_the_local_environment_is_that_of_the_stack() -> None:
    assert environment_of("stack", CloudFormationFake(), LambdaFake()) == {"Fn": {"A": "1"}, "Bare": {}}
