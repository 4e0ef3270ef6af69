"""What moto does right but so slowly, or at once but so wrongly, that a stack under traffic would not bear it."""

import copy
import json
import sys
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from itertools import islice
from types import SimpleNamespace
from typing import Any, cast

from moto.dynamodb import models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.kinesis.models import KinesisBackend, Record, Shard, kinesis_backends

_PUT_RECORDS = "Kinesis_20131202.PutRecords"

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def parse_no_grammars() -> None:
    """Have jsonschema check no IRIs, which it does where a package is installed that takes seconds to be imported.

    moto's CloudFormation imports jsonschema for API definitions, which the stand-in has none of.
    """
    modules: dict[str, Any] = cast("dict[str, Any]", sys.modules)
    modules["rfc3987_syntax"] = None


def one_at_a_time(application: Application) -> Application:
    """Answer requests one after the other.

    moto's Kinesis gives two records that come at once the same sequence number, and
    one of them is lost. Connections still have threads of their own, so that clients
    can keep theirs open.
    """
    lock = threading.Lock()

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with lock:
            return list(application(environ, start_response))

    return answer


def put_records_at_once(application: Application, account: str, region: str) -> Application:
    """Put records into streams without moto's way from a request to its backend, which takes most of the time.

    What the backend refuses goes that way after all, for the answer that AWS would give.

    Args:
        application: Answers everything else.
        account: Whose streams they are.
        region: Where they are.
    """
    streams = kinesis_backends[account][region]

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_TARGET") != _PUT_RECORDS:
            return application(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            asked = json.loads(body)
            put = streams.put_records(asked.get("StreamARN"), asked.get("StreamName"), asked["Records"])
        except Exception:  # noqa: BLE001 - whatever it is, moto knows how to say it
            return application({**environ, "wsgi.input": BytesIO(body)}, start_response)
        written = json.dumps(put).encode()
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(written)))]
        start_response("200 OK", [*headers, ("x-amzn-RequestId", str(uuid.uuid4()))])
        return [written]

    return answer


def keep_no_metrics_of_streams() -> None:
    """Let streams tell CloudWatch nothing of what comes in; moto keeps a number for every put, and nobody asks."""

    def send(_backend: KinesisBackend, *_: Any, **__: Any) -> None:
        return

    setattr(KinesisBackend, "_send_stream_metrics", send)  # noqa: B010 - a method of somebody else's class


def find_last_record_at_once() -> None:
    """Let a shard read its last sequence number; moto copies all of them, for every record that is put."""

    def get_max_sequence_number(shard: Shard) -> int:
        return next(reversed(shard.records), 0)

    setattr(Shard, "get_max_sequence_number", get_max_sequence_number)  # noqa: B010 - a method of somebody else's class


def read_new_records_only() -> None:
    """Let a shard be read from where a reader stands; moto looks at every record that it ever took, each time."""

    def get_records(shard: Shard, last_sequence_id: str, limit: int | None) -> tuple[list[Record], int, int]:
        last = next(reversed(shard.records), 0)
        wanted = range(int(last_sequence_id) + 1, last + 1)
        found = list(islice((shard.records[number] for number in wanted if number in shard.records), limit))
        if not found:
            return [], int(last_sequence_id), 0
        behind = shard.records[last].created_at - found[-1].created_at
        return found, found[-1].sequence_number, int(behind * 1_000)

    setattr(Shard, "get_records", get_records)  # noqa: B010 - as above


def copy_what_a_transaction_changes() -> None:
    """Let a transaction remember the items that it updates; moto copies the whole table, once for each of its items.

    It relies on requests that come one at a time.
    """
    transact = DynamoDBBackend.transact_write_items

    def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        snapshots: dict[str, Table] = {}

        def deepcopy(value: Any) -> Any:
            if not isinstance(value, Table):
                return copy.deepcopy(value)
            if value.name not in snapshots:
                snapshots[value.name] = _snapshot(value, _updated_keys(value.name, transact_items))
            return snapshots[value.name]

        setattr(models, "copy", SimpleNamespace(deepcopy=deepcopy))  # noqa: B010 - a name in somebody else's module
        try:
            transact(backend, transact_items)
        finally:
            setattr(models, "copy", copy)  # noqa: B010 - the same

    setattr(DynamoDBBackend, "transact_write_items", transact_write_items)  # noqa: B010 - as above


def _updated_keys(table_name: str, transact_items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    updates = [item["Update"] for item in transact_items if "Update" in item]
    return [update["Key"] for update in updates if update["TableName"] == table_name]


def _snapshot(table: Table, updated: Sequence[Mapping[str, Any]]) -> Table:
    """Copy a table so that putting and deleting do not reach the copy, nor do updates of the given keys."""
    snapshot = copy.copy(table)
    if not table.has_range_key:
        snapshot.items = table.items.copy()
    else:
        snapshot.items = defaultdict(dict, {key: dict(items) for key, items in table.items.items()})
    for key in updated:
        hash_key = DynamoType(key[table.hash_key_attr])
        range_key = DynamoType(key[table.range_key_attr]) if table.range_key_attr else None
        item = table.get_item(hash_key, range_key)
        if item is None:
            continue
        # moto types the items of a table with a range key alone.
        items: Any = snapshot.items if range_key is None else snapshot.items[hash_key]
        items[hash_key if range_key is None else range_key] = copy.deepcopy(item)
    return snapshot
