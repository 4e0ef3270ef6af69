"""The model under MLServer, which has no runtime for ONNX of its own: one of the kind that its documentation shows."""

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class OnnxModel(MLModel):  # type: ignore[misc]  # MLServer is in an environment of its own
    """Runs the model at `parameters.uri`."""

    async def load(self) -> bool:
        """Make the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        uri = self.settings.parameters.uri
        self._session = onnxruntime.InferenceSession(uri, options, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Decode, run, encode."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        (predictions,) = self._session.run(["y"], {"x": rows})
        outputs = [NumpyCodec.encode_output("y", predictions)]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
