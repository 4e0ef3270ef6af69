import importlib.util
import marshal
import os
import sys
from itertools import pairwise
from pathlib import Path
from types import CodeType

import pytest

from scripts.build_artefact import (
    Artefact,
    build,
    has_requirements,
    main,
    normalised,
    parse_arguments,
    platform_options,
    prune,
    unzipped_size,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A function's folder with what belongs in the artefact and what does not."""
    folder = tmp_path / "source"
    for name, text in {
        "entry.py": "def handler(): return 1\n",
        "engine/__init__.py": "",
        "engine/sum.sql": "select 1",
        "tests/test_entry.py": "",
        "__pycache__/entry.cpython-311.pyc": "",
        ".hidden": "",
        "Makefile": "",
        "requirements.txt": "# nothing\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_function_holds_its_sources_and_their_data(source: Path, tmp_path: Path) -> None:
    build(Artefact("function", source, tmp_path / "target"))
    assert files(tmp_path / "target") == {"entry.py", "engine/__init__.py", "engine/sum.sql"}


def test_layer_keeps_its_files_where_python_looks(source: Path, tmp_path: Path) -> None:
    build(Artefact("layer", source, tmp_path / "target"))
    assert files(tmp_path / "target") == {"python/entry.py", "python/engine/__init__.py", "python/engine/sum.sql"}


def test_what_was_in_the_target_goes(source: Path, tmp_path: Path) -> None:
    stale = tmp_path / "target" / "removed.py"
    stale.parent.mkdir()
    stale.write_text("")
    build(Artefact("function", source, tmp_path / "target"))
    assert not stale.exists()


@pytest.mark.parametrize(("kind", "place"), [("function", "/var/task/entry.py"), ("layer", "/opt/python/entry.py")])
def test_byte_code_is_unchecked_and_names_the_place_in_lambda(
    source: Path, tmp_path: Path, kind: str, place: str
) -> None:
    artefact = parse_arguments([kind, str(source), str(tmp_path / "target")])
    build(artefact)
    compiled = Path(importlib.util.cache_from_source(str(artefact.root / "entry.py"))).read_bytes()
    assert compiled[:8] == importlib.util.MAGIC_NUMBER + b"\x01\x00\x00\x00"
    code = marshal.loads(compiled[16:])  # noqa: S302 - compiled a line above
    assert isinstance(code, CodeType)
    assert code.co_filename == place


def test_modules_prepare_the_artefact_before_it_is_compiled(source: Path, tmp_path: Path) -> None:
    (source / "prepare.py").write_text("open('made.py', 'w').write('import entry\\n')\n")
    target = tmp_path / "target"
    build(parse_arguments(["function", str(source), str(target), "--prepared-by", "prepare"]))
    assert (target / "made.py").read_text() == "import entry\n"
    assert Path(importlib.util.cache_from_source(str(target / "made.py"))).exists()


def test_preparation_that_fails_fails_the_build(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (source / "prepare.py").write_text("raise SystemExit(3)\n")
    arguments = ["build", "function", str(source), str(tmp_path / "target"), "--prepared-by", "prepare"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert main() == 1
    assert "prepare failed with code 3" in capfd.readouterr().err


def test_module_that_does_not_compile_fails_the_build(source: Path, tmp_path: Path) -> None:
    (source / "entry.py").write_text("def handler(:\n")
    with pytest.raises(SystemExit, match="does not compile"):
        build(Artefact("function", source, tmp_path / "target"))


def test_every_file_has_the_same_time(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    build(Artefact("function", source, target))
    assert {path.stat().st_mtime for path in [target, *target.rglob("*")]} == {315_532_800}


def test_what_no_function_reads_is_pruned(tmp_path: Path) -> None:
    kept = {
        "numpy/__init__.py",
        "numpy/f2py/__init__.py",
        "onnxruntime/capi/onnxruntime_pybind11_state.so",
        "pydantic-2.0.dist-info/METADATA",
        "pydantic-2.0.dist-info/licenses/LICENSE",
        "pydantic-2.0.dist-info/entry_points.txt",
    }
    pruned = {
        "bin/fastapi",
        "numpy/tests/test_numpy.py",
        "numpy/f2py/crackfortran.py",
        "numpy/__init__.pyi",
        "numpy/_core/include/arrayobject.h",
        "onnxruntime/capi/libonnxruntime.so.1.22.0",
        "onnxruntime/quantization/__init__.py",
        "pydantic-2.0.dist-info/RECORD",
    }
    for name in kept | pruned:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import this\n")
    prune(tmp_path)
    assert files(tmp_path) == kept
    assert {name for name in kept if not (tmp_path / name).read_text()} == {"numpy/f2py/__init__.py"}


@pytest.mark.parametrize("target", ["", ".", "build", ".."])
def test_target_that_would_replace_the_sources_is_refused(
    source: Path, target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(source)
    with pytest.raises(SystemExit):
        parse_arguments(["function", ".", target])
    assert "neither may hold the other" in capsys.readouterr().err


def test_arguments_become_an_artefact(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(source)
    assert parse_arguments(
        ["function", ".", str(tmp_path / "target"), "--provided-by", "../layer", "--architecture", "arm64"]
    ) == Artefact(
        kind="function",
        source=source,
        target=tmp_path / "target",
        provided_by=(tmp_path / "layer",),
        architecture="aarch64",
    )


def test_pip_is_asked_for_wheels_of_the_platform(source: Path, tmp_path: Path) -> None:
    options = platform_options(Artefact("function", source, tmp_path, architecture="aarch64"))
    assert "--only-binary=:all:" in options
    tags = [value for option, value in pairwise(options) if option == "--platform"]
    assert tags[0] == "manylinux_2_34_aarch64"
    assert {"manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"} <= set(tags)


@pytest.mark.parametrize(("text", "expected"), [("", False), ("# none\n\n", False), ("# one\nnumpy>=2\n", True)])
def test_requirements_may_be_none(tmp_path: Path, text: str, expected: object) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(text)
    assert has_requirements(path) is expected


@pytest.mark.parametrize("name", ["typing_extensions", "Typing.Extensions", "typing--extensions"])
def test_names_are_compared_as_pypi_does(name: str) -> None:
    assert normalised(name) == "typing-extensions"


def test_size_is_the_sum_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"12345")
    (tmp_path / "c").write_bytes(os.urandom(7))
    assert unzipped_size(tmp_path) == 12
