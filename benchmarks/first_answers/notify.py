"""A notice is written down and published."""

import json
import os
import sys
from pathlib import Path

import boto3
from aws_lambda_powertools import Logger
from pydantic import BaseModel

logger = Logger()
event = json.loads(Path(sys.argv[1]).read_text())


class Notice(BaseModel):
    """What is to be told."""

    id: str
    subject: str
    text: str
    recipients: list[dict[str, str]]


notice = Notice.model_validate_json(event["Records"][0]["body"])
dynamodb = boto3.client("dynamodb")
dynamodb.put_item(TableName=os.environ["BAKEOFF_NOTIFICATIONS_TABLE"], Item={"key": {"S": f"script:{notice.id}"}})
answer = {"batchItemFailures": [], "recipients": len(notice.recipients)}
sys.stderr.write(json.dumps(answer))
sys.stderr.flush()
os._exit(0)
