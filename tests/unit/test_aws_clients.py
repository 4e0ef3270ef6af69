"""AWS is reached from one place, where every client has its time-outs; no SDK for traces comes along."""

import ast
from pathlib import Path

import pytest

from bakeoff_core.stores import aws

PROJECT = Path(__file__).parents[2]
MAKERS = PROJECT / "layers" / "bakeoff_core" / "bakeoff_core" / "stores" / "aws.py"
FILES = sorted(file for folder in ("layers", "functions") for file in (PROJECT / folder).rglob("*.py"))


def imported(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_clients_are_made_in_one_place() -> None:
    assert [file for file in FILES if "boto3" in imported(file)] == [MAKERS]


def test_no_sdk_for_traces_is_loaded() -> None:
    for file in FILES:
        assert not imported(file) & {"aws_xray_sdk", "opentelemetry"}, file
        assert "aws_lambda_powertools.Tracer" not in file.read_text()


@pytest.mark.parametrize(
    ("make", "seconds"),
    [
        (lambda: aws.client("s3"), 20),
        (lambda: aws.impatient_client("kinesis"), 3),
        (lambda: aws.table("t").meta.client, 20),
        (lambda: aws.impatient_table("t").meta.client, 5),
    ],
    ids=["client", "impatient client", "table", "impatient table"],
)
def test_a_call_ends_before_api_gateway_gives_up(make: object, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert callable(make)
    config = make().meta.config
    attempts = config.retries["total_max_attempts"]
    assert attempts * (config.connect_timeout + config.read_timeout) <= seconds < 29
