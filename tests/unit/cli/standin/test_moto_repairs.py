import base64
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend
from moto.kinesis.models import Shard, kinesis_backends

from bakeoff.standin.moto_repairs import (
    copy_what_a_transaction_changes,
    put_records_at_once,
    read_new_records_only,
)


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    # Registered for restoring before the repair replaces it.
    monkeypatch.setattr(DynamoDBBackend, "transact_write_items", DynamoDBBackend.transact_write_items)
    copy_what_a_transaction_changes()
    with mock_aws():
        client: Any = boto3.client("dynamodb")
        for name, keys in (("ids", {"id": "HASH"}), ("arms", {"name": "HASH", "item": "RANGE"})):
            client.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
            )
        yield client


def put(identifier: str) -> dict[str, Any]:
    return {
        "Put": {
            "TableName": "ids",
            "Item": {"id": {"S": identifier}},
            "ConditionExpression": "attribute_not_exists(id)",
        }
    }


def add(arm: str) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": "arms",
            "Key": {"name": {"S": "e"}, "item": {"S": arm}},
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


def remove(arm: str) -> dict[str, Any]:
    return {"Delete": {"TableName": "arms", "Key": {"name": {"S": "e"}, "item": {"S": arm}}}}


def contents(client: Any) -> tuple[set[str], dict[str, str]]:
    ids = {item["id"]["S"] for item in client.scan(TableName="ids")["Items"]}
    return ids, {item["item"]["S"]: item["n"]["N"] for item in client.scan(TableName="arms")["Items"]}


def test_a_transaction_writes_all_that_it_holds(dynamodb: Any) -> None:
    dynamodb.transact_write_items(TransactItems=[put("1"), put("2"), add("a")])
    dynamodb.transact_write_items(TransactItems=[put("3"), add("a"), add("b")])
    assert contents(dynamodb) == ({"1", "2", "3"}, {"a": "2", "b": "1"})


@pytest.mark.parametrize("order", [1, -1])
def test_a_transaction_that_fails_leaves_no_trace(dynamodb: Any, order: int) -> None:
    dynamodb.transact_write_items(TransactItems=[put("1"), add("a"), add("b")])
    before = contents(dynamodb)
    failing = [put("2"), add("a"), add("c"), remove("b"), put("1")][::order]
    with pytest.raises(ClientError) as caught:
        dynamodb.transact_write_items(TransactItems=failing)
    reasons = [reason["Code"] for reason in caught.value.response["CancellationReasons"]]
    assert reasons == ["None", "None", "None", "None", "ConditionalCheckFailed"][::order]
    assert contents(dynamodb) == before


@pytest.mark.parametrize("taken", [0, 3, 5])
def test_new_records_are_those_that_moto_finds(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = Shard(0, 0, 9)
    for number in range(5):
        shard.put_record("key", f"{number}", "0")
        shard.records[number + 1].created_at = number / 8
    questions = [(f"{taken}", limit) for limit in (None, 1, 2, 9)]
    expected = [shard.get_records(*question) for question in questions]
    monkeypatch.setattr(Shard, "get_records", Shard.get_records)  # is put back as it was
    read_new_records_only()
    assert [shard.get_records(*question) for question in questions] == expected
    assert [record.data for record in shard.get_records("2", 2)[0]] == ["2", "3"]


def test_stacks_are_made_without_a_grammar_of_iris() -> None:
    program = "import sys; from bakeoff.standin.moto_repairs import parse_no_grammars; parse_no_grammars()\n"
    program += "import moto.cloudformation.urls; print('jsonschema' in sys.modules, 'lark' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert found == "True False\n"


def test_records_that_are_put_at_once_are_read_as_others_are() -> None:
    asked: list[str] = []

    def everything(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked.append(environ["wsgi.input"].read().decode())
        start_response("400 Bad Request", [])
        return [b"moto"]

    def put(body: dict[str, Any], target: str = "Kinesis_20131202.PutRecords") -> tuple[str, bytes]:
        written = json.dumps(body).encode()
        environ = {
            "HTTP_X_AMZ_TARGET": target,
            "CONTENT_LENGTH": str(len(written)),
            "wsgi.input": BytesIO(written),
        }
        statuses: list[str] = []
        answer = b"".join(application(environ, lambda status, _headers: statuses.append(status)))
        return statuses[0], answer

    region = "eu-west-3"
    backend = kinesis_backends["123456789012"][region]
    backend.create_stream("events", 1, {"StreamMode": "PROVISIONED"})
    application = put_records_at_once(everything, "123456789012", region)
    data = base64.b64encode(b"hello").decode()
    status, answer = put({"StreamName": "events", "Records": [{"Data": data, "PartitionKey": "a"}]})
    assert status == "200 OK"
    assert json.loads(answer)["FailedRecordCount"] == 0
    (shard,) = backend.describe_stream(None, "events").shards.values()
    assert [record.data for record in shard.records.values()] == [data]
    assert put({"StreamName": "none", "Records": []}) == ("400 Bad Request", b"moto")
    again = {"StreamName": "events", "Records": [{"Data": data, "PartitionKey": "a"}]}
    assert put(again, "Kinesis_20131202.DescribeStream")[1] == b"moto"
    assert len(shard.records) == 1
    assert [json.loads(each)["StreamName"] for each in asked] == ["none", "events"]
