"""The lake is listed; no hour is old enough."""

import json
import os
import sys
from pathlib import Path

import boto3
from aws_lambda_powertools import Logger

logger = Logger()
event = json.loads(Path(sys.argv[1]).read_text())
objects = boto3.client("s3").list_objects_v2(Bucket=os.environ["BAKEOFF_EVENT_BUCKET"], Prefix="events/")
answer = {"objects": objects["KeyCount"]}
sys.stderr.write(json.dumps(answer))
sys.stderr.flush()
os._exit(0)
