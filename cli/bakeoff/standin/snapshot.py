"""What stays between two runs: the items of the tables and the objects of the buckets, in a folder.

Both are filed under the resource's name in the template, since the physical names
are new in every run.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from bakeoff.standin.cloud import Cloud

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_s3.client import S3Client

_TABLE_FILE = "items.ndjson"
_OBJECT_FOLDER = "objects"
_CONTENT_TYPES_FILE = "content_types.json"


@dataclass(frozen=True, slots=True)
class Holdings:
    """The tables and buckets of a stack: their physical names by their names in the template."""

    tables: Mapping[str, str]
    buckets: Mapping[str, str]


def save(cloud: Cloud, holdings: Holdings, folder: Path) -> None:
    """Write the items and objects of a stack into a folder, in place of what was there."""
    dynamodb = cloud.session.client("dynamodb", endpoint_url=cloud.endpoint_url)
    s3 = cloud.session.client("s3", endpoint_url=cloud.endpoint_url)
    for name, table in holdings.tables.items():
        _save_table(dynamodb, table, folder / name)
    for name, bucket in holdings.buckets.items():
        _save_bucket(s3, bucket, folder / name)


def restore(cloud: Cloud, holdings: Holdings, folder: Path) -> None:
    """Put back what `save` wrote; a folder that holds nothing restores nothing."""
    dynamodb = cloud.session.client("dynamodb", endpoint_url=cloud.endpoint_url)
    s3 = cloud.session.client("s3", endpoint_url=cloud.endpoint_url)
    for name, table in holdings.tables.items():
        _restore_table(dynamodb, table, folder / name)
    for name, bucket in holdings.buckets.items():
        _restore_bucket(s3, bucket, folder / name)


def _save_table(client: "DynamoDBClient", table: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _TABLE_FILE).open("w", encoding="utf-8") as file:
        for page in client.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                file.write(json.dumps(item, default=_bytes_to_json) + "\n")


def _restore_table(client: "DynamoDBClient", table: str, folder: Path) -> None:
    if not (folder / _TABLE_FILE).exists():
        return
    with (folder / _TABLE_FILE).open(encoding="utf-8") as file:
        for line in file:
            client.put_item(TableName=table, Item=json.loads(line, object_hook=_bytes_from_json))


def _save_bucket(client: "S3Client", bucket: str, folder: Path) -> None:
    objects = folder / _OBJECT_FOLDER
    objects.mkdir(parents=True, exist_ok=True)
    content_types: dict[str, str] = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            answer = client.get_object(Bucket=bucket, Key=entry["Key"])
            (objects / quote(entry["Key"], safe="")).write_bytes(answer["Body"].read())
            content_types[entry["Key"]] = answer["ContentType"]
    for stale in {file.name for file in objects.iterdir()} - {quote(key, safe="") for key in content_types}:
        (objects / stale).unlink()
    (folder / _CONTENT_TYPES_FILE).write_text(json.dumps(content_types, indent=1), encoding="utf-8")


def _restore_bucket(client: "S3Client", bucket: str, folder: Path) -> None:
    if not (folder / _CONTENT_TYPES_FILE).exists():
        return
    content_types = json.loads((folder / _CONTENT_TYPES_FILE).read_text(encoding="utf-8"))
    for file in sorted((folder / _OBJECT_FOLDER).iterdir()):
        key = unquote(file.name)
        client.put_object(Bucket=bucket, Key=key, Body=file.read_bytes(), ContentType=content_types[key])


def _bytes_to_json(value: Any) -> dict[str, str]:
    if isinstance(value, bytes):
        return {"$base64": base64.b64encode(value).decode()}
    raise TypeError(f"cannot be kept: {type(value).__name__}")


def _bytes_from_json(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["$base64"]) if value.keys() == {"$base64"} else value
