"""AWS as moto plays it, inside the test's own process."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tests.aws import serialise_moto


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    serialise_moto(monkeypatch)
    with mock_aws():
        yield


@pytest.fixture
def table_name(aws: None) -> str:
    boto3.client("dynamodb").create_table(
        TableName="items",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "name", "AttributeType": "S"},
            {"AttributeName": "item", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}],
    )
    return "items"
