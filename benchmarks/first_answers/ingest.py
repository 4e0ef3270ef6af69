"""An event is taken in."""

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
    """What is reported."""

    event_id: str | None = None
    event_type: str | None = None
    user_id: str | None = None


body = json.loads(event["body"])
reported = Body.model_validate(body["events"][0] if "events" in body else body)
boto3.client("kinesis").put_records(
    StreamName=os.environ["BAKEOFF_EVENT_STREAM"],
    Records=[{"Data": reported.model_dump_json().encode(), "PartitionKey": reported.user_id or ""}],
)
answer = {"accepted": 1}
sys.stderr.write(json.dumps(answer))
sys.stderr.flush()
os._exit(0)
