"""A row is predicted: a version is looked up, its model fetched, built and run."""

import json
import os
import sys
from pathlib import Path

import boto3
import numpy as np
import onnxruntime
from aws_lambda_powertools import Logger
from pydantic import BaseModel

logger = Logger()
event = json.loads(Path(sys.argv[1]).read_text())


class Body(BaseModel):
    """What is asked."""

    model_name: str
    model_version: str
    data: dict[str, object]


body = Body.model_validate_json(event["body"])
item = boto3.client("dynamodb").get_item(
    TableName=os.environ["BAKEOFF_MODELS_TABLE"],
    Key={"name": {"S": body.model_name}, "item": {"S": f"version#{body.model_version}"}},
)["Item"]
artefact = boto3.client("s3").get_object(
    Bucket=os.environ["BAKEOFF_MODEL_BUCKET"], Key=f"models/{body.model_name}/{body.model_version}/model.onnx"
)["Body"]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(artefact.read(), options, providers=["CPUExecutionProvider"])
types = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(string)": np.object_}
feed = {each.name: np.ones((1, *each.shape[1:]), types[each.type]) for each in session.get_inputs()}
answer = {"prediction": str(session.run(None, feed)[0]), "item": len(item)}
sys.stderr.write(json.dumps(answer))
sys.stderr.flush()
os._exit(0)
