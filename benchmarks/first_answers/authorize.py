"""A key is looked up."""

import json
import os
import sys
from pathlib import Path

import boto3
from aws_lambda_powertools import Logger
from pydantic import BaseModel

logger = Logger()


class Request(BaseModel):
    """What is asked to go through."""

    version: str
    headers: dict[str, str]


event = json.loads(Path(sys.argv[1]).read_text())
key_id = Request.model_validate(event).headers["x-api-key"].split("_")[1]
item = boto3.client("dynamodb").get_item(
    TableName=os.environ["BAKEOFF_API_KEYS_TABLE"], Key={"key_id": {"S": key_id}}, ConsistentRead=True
)["Item"]
answer = {"isAuthorized": bool(item)}
sys.stderr.write(json.dumps(answer))
sys.stderr.flush()
os._exit(0)
