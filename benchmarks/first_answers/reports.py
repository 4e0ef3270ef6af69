"""The results of an experiment are answered."""

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
from fastapi import FastAPI
from mangum import Mangum

logger = Logger()
event = json.loads(Path(sys.argv[1]).read_text())
app = FastAPI(openapi_url=None)


@app.get("/ab_test/experiments/{name}/stats")
async def stats(name: str) -> dict[str, object]:
    """Analyse it."""
    dynamodb = boto3.client("dynamodb")
    item = dynamodb.get_item(
        TableName=os.environ["BAKEOFF_EXPERIMENTS_TABLE"], Key={"name": {"S": name}, "item": {"S": "current"}}
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
            SELECT g, count(*), count(clicked.user_id) FROM exposed LEFT JOIN clicked USING (user_id) GROUP BY g
            ORDER BY g
            """  # noqa: S608 - a folder of this process
        ).fetchall()
    (_, n_control, clicks_control), (_, n_treatment, clicks_treatment) = groups
    rate = (clicks_control + clicks_treatment) / (n_control + n_treatment)
    difference = clicks_treatment / n_treatment - clicks_control / n_control
    z = difference / np.sqrt(rate * (1 - rate) * (1 / n_control + 1 / n_treatment))
    p_value = 2 * float(scipy.special.ndtr(-abs(z)))
    return {"groups": groups, "p_value": p_value, "version": item["version"]["N"]}


answer = Mangum(app, lifespan="off")(event, None)  # type: ignore[arg-type]  # it looks at no context
sys.stderr.write(json.dumps(answer))
sys.stderr.flush()
os._exit(0)
