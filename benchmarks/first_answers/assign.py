"""A unit gets a group: a configuration is read, and an exposure written."""

import json
import os
import sys
from pathlib import Path

import boto3
from aws_lambda_powertools import Logger
from pydantic import BaseModel

logger = Logger()
event = json.loads(Path(sys.argv[1]).read_text())


class Body(BaseModel):
    """What is asked."""

    user_id: str
    experiment_name: str


body = Body.model_validate_json(event["body"])
item = boto3.client("dynamodb").get_item(
    TableName=os.environ["BAKEOFF_EXPERIMENTS_TABLE"],
    Key={"name": {"S": body.experiment_name}, "item": {"S": "current"}},
)["Item"]
exposure = {"user_id": body.user_id, "experiment_name": body.experiment_name, "group_name": "control"}
boto3.client("kinesis").put_records(
    StreamName=os.environ["BAKEOFF_EVENT_STREAM"],
    Records=[{"Data": json.dumps(exposure).encode(), "PartitionKey": body.user_id}],
)
answer = {"group_name": "control", "version": item["version"]["N"]}
sys.stderr.write(json.dumps(answer))
sys.stderr.flush()
os._exit(0)
