"""Build what one Lambda function or layer unzips to: its packages and its sources, pruned and compiled.

It builds for the Python version that runs it, since only that one compiles
byte-code that the Lambda runtime accepts. The result depends on the sources and
the resolved package versions alone, so building twice gives the same bytes.
"""

import argparse
import compileall
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Final, Literal

Kind = Literal["function", "layer"]

#: Where Lambda unzips each kind, for the file names in tracebacks.
_MOUNTS: Final[dict[Kind, str]] = {"function": "/var/task", "layer": "/opt/python"}

# Amazon Linux 2023, on which the runtime runs, has glibc 2.34; wheels for an older one work too.
_GLIBC_MINORS: Final = range(34, 16, -1)

_PYTHON: Final = "{}.{}".format(*sys.version_info)

_EPOCH: Final = 315_532_800  # 1980-01-01, the earliest date that a zip archive can hold

_SOURCE_LEFT_OUT: Final = (
    "__pycache__",
    "*.pyc",
    "Makefile",
    "requirements.txt",
    "tests",
    ".*",
    "py.typed",
    "*.egg-info",
)

#: What no function reads at run time, as patterns below the folder that packages are installed in.
_NEVER_READ: Final = (
    "bin",
    "**/__pycache__",
    "**/tests",
    "**/py.typed",
    "**/*.pyi",
    "**/*.pyx",
    "**/*.pxd",
    "**/*.c",
    "**/*.h",
    "**/*.hpp",
    "**/*.a",
    "**/*.f90",
    "*-stubs",
    # Only an installer reads these; METADATA, entry points and licences stay.
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/WHEEL",
    "*.dist-info/direct_url.json",
    "*.dist-info/top_level.txt",
    "*.dist-info/sboms",
    # libonnxruntime is the C library: the Python extension has its own copy linked in.
    "onnxruntime/capi/libonnxruntime.so*",
    "onnxruntime/backend",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "numpy/random/_examples",
    "numpy/_pyinstaller",
    "numpy/f2py/[!_]*",
    # scipy.stats and scipy.special import none of these.
    "scipy/cluster",
    "scipy/datasets",
    "scipy/fftpack",
    "scipy/io",
    "scipy/odr",
    "scipy/signal",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/swagger-ui*",
    "adbc_driver_duckdb",
    "duckdb/experimental",
)

#: What is imported and never used: SciPy imports all that NumPy has, a compiler of Fortran among it.
_EMPTIED: Final = ("numpy/f2py/__init__.py",)


@dataclass(frozen=True, slots=True)
class Artefact:
    """What is built, from where and to where.

    Attributes:
        kind: A layer keeps its files below `python/`.
        source: The folder with the sources and their requirements.txt.
        target: The folder that SAM zips.
        provided_by: Folders of layers that the function always has; what they hold is not packaged again.
        closed: requirements.txt lists all that is needed, and what the packages ask for besides is left out.
        prepared_by: Modules of the sources that the build runs, to do once what each start would do again.
        architecture: The processor, as pip's platform tags spell it.
    """

    kind: Kind
    source: Path
    target: Path
    provided_by: tuple[Path, ...] = ()
    closed: bool = False
    prepared_by: tuple[str, ...] = ()
    architecture: str = "x86_64"

    @property
    def root(self) -> Path:
        """The folder that Python has on its path in Lambda."""
        return self.target / "python" if self.kind == "layer" else self.target


def build(artefact: Artefact) -> None:
    """Build an artefact into its target folder, whose former contents go."""
    if artefact.target.exists():
        shutil.rmtree(artefact.target)
    artefact.root.mkdir(parents=True)
    install(artefact)
    prune(artefact.root)
    shutil.copytree(
        artefact.source, artefact.root, ignore=shutil.ignore_patterns(*_SOURCE_LEFT_OUT), dirs_exist_ok=True
    )
    prepare(artefact)
    compile_bytecode(artefact)
    set_times(artefact.target)


def install(artefact: Artefact) -> None:
    """Install the packages that the requirements name and no layer provides, as wheels for the Lambda platform."""
    own = artefact.source / "requirements.txt"
    if not has_requirements(own):
        return
    beside = [layer / "requirements.txt" for layer in artefact.provided_by]
    provided = resolve(beside, artefact) if beside else []
    wanted = resolve([own], artefact, constraints=provided)
    own_pins = [pin for pin in wanted if pin not in provided]
    pip("install", "--no-deps", "--no-compile", "--target", str(artefact.root), *platform_options(artefact), *own_pins)


def has_requirements(path: Path) -> bool:
    """Whether a requirements file names any package."""
    return any(line.strip() and not line.lstrip().startswith("#") for line in path.read_text().splitlines())


def resolve(requirements: Sequence[Path], artefact: Artefact, constraints: Sequence[str] = ()) -> list[str]:
    """Resolve requirements for the Lambda platform.

    Args:
        requirements: Requirements files.
        artefact: What they are for.
        constraints: Pins that the result has to agree with.

    Returns:
        The pins of all packages, with normalised names, in order.
    """
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.json")
        constraint = Path(scratch, "constraints.txt")
        constraint.write_text("\n".join(constraints))
        pip(
            "install",
            "--dry-run",
            "--ignore-installed",
            "--report",
            str(report),
            "--target",
            scratch,
            "--constraint",
            str(constraint),
            *(["--no-deps"] if artefact.closed else []),
            *platform_options(artefact),
            *(option for path in requirements for option in ("--requirement", str(path))),
        )
        entries = json.loads(report.read_text())["install"]
    return sorted(f"{normalised(entry['metadata']['name'])}=={entry['metadata']['version']}" for entry in entries)


def normalised(name: str) -> str:
    """Spell a package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def platform_options(artefact: Artefact) -> list[str]:
    """Tell pip which wheels run on Lambda."""
    tags = [f"manylinux_2_{minor}_{artefact.architecture}" for minor in _GLIBC_MINORS]
    tags.append(f"manylinux2014_{artefact.architecture}")
    options = ["--only-binary=:all:", "--implementation", "cp", "--python-version", _PYTHON]
    return options + [option for tag in tags for option in ("--platform", tag)]


def pip(*arguments: str) -> None:
    """Run this interpreter's pip.

    Raises:
        CalledProcessError: pip failed; it has printed why.
    """
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})


def prune(root: Path, patterns: Iterable[str] = _NEVER_READ) -> None:
    """Delete what no function reads at run time."""
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    for name in _EMPTIED:
        if (root / name).exists():
            (root / name).write_text("")


def prepare(artefact: Artefact) -> None:
    """Run the modules by which sources prepare themselves; what they import must be among the artefact's own packages.

    Raises:
        CalledProcessError: One failed; it has printed why.
    """
    for module in artefact.prepared_by:
        subprocess.run([sys.executable, "-B", "-m", module], cwd=artefact.root, check=True, stdout=sys.stderr)


def compile_bytecode(artefact: Artefact) -> None:
    """Compile every module to byte-code that is never checked against its source.

    Raises:
        SystemExit: A module does not compile.
    """
    compiled = compileall.compile_dir(
        artefact.root,
        quiet=1,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        stripdir=str(artefact.root),
        prependdir=_MOUNTS[artefact.kind],
    )
    if not compiled:
        raise SystemExit(f"{artefact.source}: a module does not compile, see above")


def set_times(root: Path) -> None:
    """Give every file the same time, so that the archive depends on contents alone."""
    for path in [root, *root.rglob("*")]:
        os.utime(path, (_EPOCH, _EPOCH), follow_symlinks=False)


def unzipped_size(root: Path) -> int:
    """Sum the bytes of the files below a folder."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def parse_arguments(arguments: Sequence[str] | None = None) -> Artefact:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["function", "layer"])
    parser.add_argument("source", type=Path, help="folder of the sources and their requirements.txt")
    parser.add_argument("target", type=Path, help="folder to build into; its contents are replaced")
    parser.add_argument(
        "--provided-by",
        type=Path,
        action="append",
        default=[],
        metavar="LAYER",
        help="folder of a layer that the function always has: its packages are not packaged again",
    )
    parser.add_argument(
        "--closed",
        action="store_true",
        help="requirements.txt lists everything: leave out what its packages ask for besides",
    )
    parser.add_argument(
        "--prepared-by",
        action="append",
        default=[],
        metavar="MODULE",
        help="module of the sources to run once all is there: it does ahead of time what each start would do",
    )
    parser.add_argument("--architecture", choices=["x86_64", "arm64"], default="x86_64", help="as in template.yaml")
    options = parser.parse_args(arguments)
    source, target = options.source.resolve(), options.target.resolve()
    if source.is_relative_to(target) or target.is_relative_to(source):
        parser.error(f"{target} would be replaced, and the sources are in {source}: neither may hold the other")
    return Artefact(
        kind=options.kind,
        source=source,
        target=target,
        provided_by=tuple(layer.resolve() for layer in options.provided_by),
        closed=options.closed,
        prepared_by=tuple(options.prepared_by),
        architecture="aarch64" if options.architecture == "arm64" else options.architecture,
    )


def main() -> int:
    """Build one artefact and print its size."""
    artefact = parse_arguments()
    try:
        build(artefact)
    except subprocess.CalledProcessError as error:
        print(
            f"{artefact.source}: {error.cmd[error.cmd.index('-m') + 1]} failed with code {error.returncode}, see above",
            file=sys.stderr,
        )
        return 1
    print(f"{artefact.target.name}: {unzipped_size(artefact.target) / 1e6:.1f} MB unzipped", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
