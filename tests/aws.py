"""AWS as moto plays it within a test's own process."""

from threading import RLock
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.core.botocore_stubber import BotocoreStubber

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import KeySchemaElementTypeDef


def create_table(name: str, hash_key: str, range_key: str | None = None) -> None:
    """Make a DynamoDB table with keys of text, wherever the SDK's default client reaches."""
    schema: list[KeySchemaElementTypeDef] = [{"AttributeName": hash_key, "KeyType": "HASH"}]
    if range_key is not None:
        schema.append({"AttributeName": range_key, "KeyType": "RANGE"})
    boto3.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in schema],
        KeySchema=schema,
    )


def create_experiments_table(name: str = "experiments") -> None:
    """Make the table of experiments with the index that lists them, as the template does."""
    boto3.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("name", "item", "listed")],
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "listed",
                "KeySchema": [
                    {"AttributeName": "listed", "KeyType": "HASH"},
                    {"AttributeName": "name", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


def serialise_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let moto within this process answer one call at a time.

    DynamoDB checks a condition and writes in one step; moto takes two, between which another thread may write.
    """
    answer, lock = BotocoreStubber.process_request, RLock()

    def answer_alone(stubber: BotocoreStubber, request: Any) -> Any:
        with lock:
            return answer(stubber, request)

    monkeypatch.setattr(BotocoreStubber, "process_request", answer_alone)
