"""The model as a BentoML service."""

import os
from typing import Annotated

import bentoml
import numpy as np
import onnxruntime
from bentoml.validators import DType


@bentoml.service(workers=1)
class Linear:
    """Runs the model that the environment names."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = os.environ["MODEL_PATH"]
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    @bentoml.api  # type: ignore[untyped-decorator]  # BentoML is in an environment of its own
    def predict(
        self,
        rows: Annotated[np.ndarray, DType("float32")],  # BentoML knows the bare class only
    ) -> np.ndarray:
        """Answer rows, which BentoML has made an array of."""
        predictions: np.ndarray = self._session.run(["y"], {"x": rows})[0]
        return predictions
