"""The model behind FastAPI, and nothing else around it."""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

_options = onnxruntime.SessionOptions()
_options.intra_op_num_threads = 1
_session = onnxruntime.InferenceSession(os.environ["MODEL_PATH"], _options, providers=["CPUExecutionProvider"])

app = FastAPI()


class Rows(BaseModel):
    """A request."""

    rows: list[list[float]]


class Predictions(BaseModel):
    """An answer."""

    predictions: list[list[float]]


@app.post("/predict")
async def predict(body: Rows) -> Predictions:
    """Parse, run, answer."""
    (predictions,) = _session.run(["y"], {"x": np.array(body.rows, dtype=np.float32)})
    return Predictions(predictions=predictions.tolist())
