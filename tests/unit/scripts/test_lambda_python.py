import sys
from pathlib import Path

import pytest

from scripts.lambda_python import candidates, executable, runtime_version

VERSION = "{}.{}".format(*sys.version_info)


def test_version_is_read_from_the_template() -> None:
    assert runtime_version("Globals:\n  Function:\n    Runtime: python3.13\n    MemorySize: 512\n") == "3.13"


@pytest.mark.parametrize("template", ["", "Runtime: nodejs22.x\n", "Runtime: python3.12\nRuntime: python3.13\n"])
def test_version_must_be_there_once(template: str) -> None:
    with pytest.raises(ValueError, match="should name one Python runtime"):
        runtime_version(template)


def test_this_interpreter_comes_first_and_works() -> None:
    first = next(candidates(VERSION))
    assert first == sys.executable
    assert executable(first, VERSION) == sys.executable


def test_another_version_does_not_work() -> None:
    assert executable(sys.executable, "3.99") is None


def test_shim_of_a_version_that_is_not_selected_does_not_work(tmp_path: Path) -> None:
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert executable(str(shim), "3.13") is None
    assert executable(str(tmp_path / "absent"), "3.13") is None


def test_pyenv_is_searched_newest_patch_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for patch in ("3.13.0", "3.13.9"):
        interpreter = tmp_path / "versions" / patch / "bin" / "python3.13"
        interpreter.parent.mkdir(parents=True)
        interpreter.touch()
        found.append(str(interpreter))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "none"))
    assert list(candidates("3.13"))[-2:] == found[::-1]
