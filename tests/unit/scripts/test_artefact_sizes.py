import sys
from pathlib import Path

import pytest

from scripts import artefact_sizes
from scripts.artefact_sizes import FunctionSize, function_sizes, main

TEMPLATE = """
Resources:
  Core: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: Core}}
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Sub "${AWS::StackName}-table"}}
  Large:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: Large, Layers: [!Ref Core], Role: !GetAtt [Role, Arn]}
  Small: {Type: AWS::Serverless::Function, Properties: {CodeUri: Small}}
"""


@pytest.fixture
def build_folder(tmp_path: Path) -> Path:
    """What `sam build` writes, in small."""
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    for name, size in {"Core": 100, "Large": 900, "Small": 10}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "code").write_bytes(b"x" * size)
    return tmp_path


def test_layers_count_with_each_function(build_folder: Path) -> None:
    sizes = function_sizes(build_folder)
    assert sizes == [FunctionSize("Large", 900, {"Core": 100}), FunctionSize("Small", 10, {})]
    assert [size.total for size in sizes] == [1000, 10]


@pytest.mark.parametrize(("limit", "status", "complaint"), [(1001, 0, ""), (1000, 1, "Large is over the limit")])
def test_function_over_the_limit_fails(
    build_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    limit: int,
    status: int,
    complaint: str,
) -> None:
    monkeypatch.setattr(artefact_sizes, "LIMIT_BYTES", limit)
    monkeypatch.setattr(sys, "argv", ["artefact_sizes.py", str(build_folder)])
    assert main() == status
    assert complaint in capsys.readouterr().err
