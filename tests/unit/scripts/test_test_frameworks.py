from pathlib import Path

import pytest

from scripts import test_frameworks as script
from tests.conftest import PROJECT_ROOT


def test_every_framework_has_an_extra_and_a_suite() -> None:
    project = (PROJECT_ROOT / "pyproject.toml").read_text()
    for framework in script.FRAMEWORKS:
        assert f"\n{framework} = [" in project
        assert (PROJECT_ROOT / "tests" / "frameworks" / f"test_{framework}.py").is_file()


def test_takes_the_first_python_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "candidates", lambda version: [f"shim{version}", f"python{version}"])
    monkeypatch.setattr(script, "executable", lambda path, _version: path if path == "python3.12" else None)
    assert script.interpreter(["3.13", "3.12"]) == "python3.12"
    assert script.interpreter(["3.11"]) is None


def test_what_cannot_be_installed_has_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(script, "_ROOT", tmp_path)
    monkeypatch.setattr(script, "interpreter", lambda _versions: None)
    assert script.main(["torch"]) == 1
    printed = capsys.readouterr().out
    assert "none of Python 3.11, 3.12, 3.13 was found" in printed
    assert printed.endswith("0 passed, 1 failed\n")


def test_an_unknown_framework_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["jax"]) == 2
    assert "jax: must be among sklearn, xgboost, lightgbm, torch, tensorflow" in capsys.readouterr().err
