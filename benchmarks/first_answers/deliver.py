"""Records become a file."""

import base64
import gzip
import json
import os
import sys
from pathlib import Path

import boto3
from aws_lambda_powertools import Logger
from pydantic import BaseModel

logger = Logger()
event = json.loads(Path(sys.argv[1]).read_text())


class Event(BaseModel):
    """What was reported."""

    event_id: str
    event_type: str
    user_id: str


lines = [base64.b64decode(record["kinesis"]["data"]) for record in event["Records"]]
events = [Event.model_validate_json(line) for line in lines]
boto3.client("s3").put_object(
    Bucket=os.environ["BAKEOFF_EVENT_BUCKET"], Key="events/first.ndjson.gz", Body=gzip.compress(b"\n".join(lines))
)
answer = {"batchItemFailures": [], "events": len(events)}
sys.stderr.write(json.dumps(answer))
sys.stderr.flush()
os._exit(0)
