"""PyTorch: modules in memory, TorchScript files and exported programs."""

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bakeoff.conversion.boosters import matrix
from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.graphs import with_probabilities
from bakeoff.conversion.networks import expected
from bakeoff.conversion.parity import Expected
from bakeoff.conversion.samples import Sample
from bakeoff.conversion.source import Candidate, Described, Wishes
from model_runtime.metadata import OutputSchema

_PACKAGES = ("torch", "onnx", "onnxscript")
_EXPORTED_ROWS = 4


def load(path: Path) -> Any:
    """Read an exported program (`.pt2`), a TorchScript module, or a pickled one."""
    try:
        if path.suffix == ".pt2":
            return torch.export.load(str(path))
        try:
            return torch.jit.load(str(path), map_location="cpu")
        except RuntimeError:
            # The publisher's own file, on the publisher's own machine: it may hold any class.
            return torch.load(str(path), map_location="cpu", weights_only=False)
    except Exception as error:  # unpickling may raise anything
        raise NotConvertible(f"{path}: cannot be read by PyTorch: {error}") from error


class TorchModel:
    """A module that takes one matrix, [rows, features].

    Args:
        model: A module, a TorchScript module or an exported program.
        wishes: Class labels make a classifier of it.
    """

    def __init__(self, model: Any, wishes: Wishes) -> None:
        if isinstance(model, dict):
            raise NotConvertible("the file holds a state dictionary, which is no model: publish the module")
        self._program = model if isinstance(model, torch.export.ExportedProgram) else None
        self._module = self._program.module() if self._program is not None else model.eval()
        self._wishes = wishes
        self._width = 0

    def feature_names(self, sample: Sample) -> Sequence[str]:
        """Take all of the sample's columns: a module knows no names."""
        return sample.names

    def describe(self, sample: Sample) -> Described:  # noqa: ARG002 - a module knows nothing of its features
        """Tell the framework; a module has no feature importances."""
        return Described("pytorch", self._wishes.class_labels, {}, _PACKAGES)

    def predict(self, sample: Sample) -> list[Expected]:
        """Predict with PyTorch."""
        rows = self._tensor(sample)
        try:
            with torch.no_grad():
                outputs = self._module(rows)
        except Exception as error:  # a module may raise anything
            raise NotConvertible(f"the model fails on a matrix of {tuple(rows.shape)}: {error}") from error
        if not isinstance(outputs, torch.Tensor):
            raise NotConvertible("the model must give one tensor")
        values = outputs.detach().numpy().astype(np.float64)
        self._width = values.reshape(len(values), -1).shape[1]
        return expected(values, self._wishes)

    def candidates(self, name: str, sample: Sample) -> Iterator[Candidate]:  # noqa: ARG002 - torch names graphs itself
        """Give the exporter on torch.export first, then the one on TorchScript, which is all that a script has."""
        rows = self._tensor(sample)[:_EXPORTED_ROWS]
        scripted = isinstance(self._module, torch.jit.ScriptModule)
        outputs = (
            OutputSchema(prediction="output")
            if self._wishes.class_labels is None
            else OutputSchema(probabilities="probabilities" if self._wishes.logits else "output")
        )
        if not scripted:
            yield Candidate(lambda: self._finished(self._by_export(rows)), outputs)
        if self._program is None:
            yield Candidate(lambda: self._finished(self._by_script(rows)), outputs)

    def _by_export(self, rows: Any) -> bytes:
        subject = self._program if self._program is not None else self._module
        shapes = None if self._program is not None else ({0: torch.export.Dim("rows")},)
        with _quiet():
            program = torch.onnx.export(
                subject,
                (rows,),
                dynamo=True,
                input_names=["features"],
                output_names=["output"],
                dynamic_shapes=shapes,
                verbose=False,
            )
        return bytes(program.model_proto.SerializeToString(deterministic=True))

    def _by_script(self, rows: Any) -> bytes:
        file = io.BytesIO()
        with _quiet():
            torch.onnx.export(
                self._module,
                (rows,),
                file,
                dynamo=False,
                input_names=["features"],
                output_names=["output"],
                dynamic_axes={"features": {0: "rows"}, "output": {0: "rows"}},
            )
        return file.getvalue()

    def _finished(self, artefact: bytes) -> bytes:
        return with_probabilities(artefact, "output", self._width) if self._wishes.logits else artefact

    def _tensor(self, sample: Sample) -> Any:
        if isinstance(self._module, torch.nn.Module):
            kinds = {each.dtype for each in self._module.parameters() if each.dtype.is_floating_point}
        else:
            kinds = set()
        return torch.from_numpy(matrix(sample)).to(kinds.pop() if len(kinds) == 1 else torch.float32)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' remarks to themselves; what goes wrong is raised."""
    remarks = logging.getLogger("torch.onnx")
    level = remarks.level
    remarks.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        remarks.setLevel(level)
