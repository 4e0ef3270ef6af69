"""AWS is reached from one place, where every client has its time-outs; no SDK for traces comes along."""

import ast
import gzip
import re
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.session import get_session

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


def called_services() -> set[str]:
    files = [*FILES, *(PROJECT / "cli").rglob("*.py")]
    return {name for file in files for name in re.findall(r'client\("([a-z0-9]+)"', file.read_text())}


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
def test_a_thrifty_reader_finds_the_same_endpoints(region: str) -> None:
    thrifty, plain = get_session(), get_session()
    thrifty.register_component("data_loader", aws.ThriftyLoader())
    services = called_services()
    assert {"dynamodb", "kinesis", "s3", "sesv2"} <= services
    for service in services:
        made: list[Any] = [session.create_client(service, region_name=region).meta for session in (thrifty, plain)]
        assert len({(each.endpoint_url, each.config.signature_version, each.partition) for each in made}) == 1
    kept = thrifty.get_component("data_loader").load_data("endpoints")["partitions"][0]["services"]
    assert set(kept) == set(aws.SERVICES)


@pytest.mark.parametrize("service", ["dynamodb", "s3"])
def test_a_thrifty_reader_reads_what_the_sdk_reads_but_for_its_prose(service: str) -> None:
    thrifty = aws.ThriftyLoader().load_service_model(service, "service-2")
    plain = Loader().load_service_model(service, "service-2")
    assert thrifty["operations"] == {name: without_prose(each) for name, each in plain["operations"].items()}
    assert thrifty["shapes"] == {
        name: without_prose(shape)
        | (
            {"members": {key: without_prose(each) for key, each in shape["members"].items()}}
            if "members" in shape
            else {}
        )
        for name, shape in plain["shapes"].items()
    }
    assert {**thrifty, **dict.fromkeys(("operations", "shapes"))} == {
        **plain,
        **dict.fromkeys(("operations", "shapes")),
    }


def without_prose(described: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in described.items() if name != "documentation"}


def test_a_thrifty_reader_looks_at_the_service_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Loader, "list_available_services", None)
    loader = aws.ThriftyLoader()
    model = loader.load_service_model("dynamodb", "service-2", "2012-08-10")
    assert model["metadata"]["serviceId"] == "DynamoDB"
    assert loader.load_service_model("dynamodb", "service-2", "2012-08-10") is model


def test_a_thrifty_reader_takes_what_is_added_to_a_description(tmp_path: Path) -> None:
    described = tmp_path / "shop" / "2026-01-01"
    described.mkdir(parents=True)
    (described / "service-2.json").write_text('{"operations": {"Sell": {}}}')
    (described / "service-2.sdk-extras.json").write_text('{"merge": {"operations": {"Buy": {}}}}')
    loaders = [each(extra_search_paths=[str(tmp_path)]) for each in (aws.ThriftyLoader, Loader)]
    thrifty, plain = (loader.load_service_model("shop", "service-2") for loader in loaders)
    assert thrifty == plain == {"operations": {"Sell": {}, "Buy": {}}}


def test_a_thrifty_reader_refuses_what_the_sdk_refuses() -> None:
    with pytest.raises(UnknownServiceError, match="shop"):
        aws.ThriftyLoader().load_service_model("shop", "service-2")


def test_tables_talk_through_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    table = aws.tables()
    carts, orders = table("carts"), table("orders")
    assert (carts.name, orders.name) == ("carts", "orders")
    assert carts.meta.client is orders.meta.client


def test_a_document_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert aws.ThriftyFiles().load_file(str(tmp_path / "service-2")) is None


def test_a_compressed_document_is_read(tmp_path: Path) -> None:
    (tmp_path / "service-2.json.gz").write_bytes(gzip.compress(b'{"version": "2.0"}'))
    assert aws.ThriftyFiles().load_file(str(tmp_path / "service-2")) == {"version": "2.0"}


def test_clients_read_thriftily(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert aws.client("sqs").meta.service_model.service_name == "sqs"
    session = cast("Any", boto3.DEFAULT_SESSION)
    assert isinstance(session._session.get_component("data_loader"), aws.ThriftyLoader)
