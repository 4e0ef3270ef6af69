"""ONNX sessions, built for a function's share of the processor."""

from typing import Any

import onnxruntime

from model_runtime.errors import ModelRefused

# AWS Lambda gives a function one vCPU for every 1,769 MB of memory.
_MEMORY_MB_PER_VCPU = 1_769

_FATAL = 4


def threads_for(memory_mb: int) -> int:
    """Say how many vCPUs a Lambda function of that memory has, at least one."""
    return max(1, round(memory_mb / _MEMORY_MB_PER_VCPU))


def new_run_options() -> Any:
    """Make the options of one run; setting their `terminate` ends it at its next operator."""
    options = onnxruntime.RunOptions()
    options.log_severity_level = _FATAL
    return options


def build_session(artefact: bytes, threads: int) -> Any:
    """Build an inference session.

    The runtime would size its pool by the host, and its idle threads would spin on a share of a
    processor that the function pays for: both are set here.

    Args:
        artefact: An ONNX file.
        threads: How many threads one run may use.

    Raises:
        ModelRefused: The bytes are no model that the runtime can run.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # What fails is raised and reported by the caller; the runtime's own lines would break the structured log.
    options.log_severity_level = _FATAL
    try:
        session: Any = onnxruntime.InferenceSession(artefact, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's exceptions have no base of their own
        raise ModelRefused("the artefact is not an ONNX model that this runtime can run") from error
    # It would keep the artefact, to build itself anew on another kind of processor.
    session._model_bytes = None  # noqa: SLF001 - nothing else lets go of it
    return session
