"""Sessions and their threads."""

import pytest

from model_runtime.sessions import build_session, threads_for


@pytest.mark.parametrize(("memory", "threads"), [(128, 1), (1_769, 1), (3_008, 2), (3_538, 2), (10_240, 6)])
def test_threads_match_the_vcpus(memory: int, threads: int) -> None:
    assert threads_for(memory) == threads


def test_session_keeps_to_its_threads_and_does_not_spin(onnx_models: object) -> None:
    options = build_session(onnx_models.linear(), threads=2).get_session_options()  # type: ignore[attr-defined]
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_session_lets_go_of_the_artefact(onnx_models: object) -> None:
    artefact = onnx_models.linear()  # type: ignore[attr-defined]
    assert not [name for name, value in vars(build_session(artefact, threads=1)).items() if value is artefact]
