"""The model under LitServe; `python litserve_api.py PORT` serves it."""

import os
import sys
from typing import Any

import litserve
import numpy as np
import numpy.typing as npt
import onnxruntime


class LinearApi(litserve.LitAPI):  # type: ignore[misc]  # LitServe is in an environment of its own
    """Runs the model that the environment names."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's signature
        """Make the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = os.environ["MODEL_PATH"]
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def decode_request(self, request: dict[str, Any]) -> npt.NDArray[np.float32]:
        """Make the tensor."""
        return np.array(request["rows"], dtype=np.float32)

    def predict(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Run."""
        predictions: npt.NDArray[np.float32] = self._session.run(["y"], {"x": rows})[0]
        return predictions

    def encode_response(self, predictions: npt.NDArray[np.float32]) -> dict[str, Any]:
        """Write the answer."""
        return {"predictions": predictions.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(LinearApi(), accelerator="cpu", devices=1, workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False)
