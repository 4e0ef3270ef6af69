"""The built artefacts: they exist, fit Lambda, carry byte-code, and come out the same twice."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts.artefact_sizes import function_sizes
from scripts.inventory import inventory
from scripts.sbom import bill_of_materials, refused
from tests.artefacts.commands import run
from tests.conftest import PROJECT_ROOT

pytestmark = [pytest.mark.build, pytest.mark.timeout(1200)]

LIMIT_BYTES = 250_000_000

LAYERS = {"BakeoffCoreLayer", "ModelRuntimeLayer"}

FUNCTIONS = {
    "AssignFunction": {"BakeoffCoreLayer"},
    "ExperimentsFunction": {"BakeoffCoreLayer"},
    "PredictFunction": {"BakeoffCoreLayer", "ModelRuntimeLayer"},
    "IngestFunction": {"BakeoffCoreLayer"},
    "DeliverFunction": {"BakeoffCoreLayer"},
    "DispatchFunction": {"BakeoffCoreLayer"},
    "AnalyzeFunction": {"BakeoffCoreLayer"},
    "RefreshFunction": {"BakeoffCoreLayer"},
    "CompactFunction": {"BakeoffCoreLayer"},
    "ReportsFunction": {"BakeoffCoreLayer"},
    "NotifyFunction": {"BakeoffCoreLayer"},
    "AuthorizeFunction": {"BakeoffCoreLayer"},
}


def test_template_is_valid_and_lint_clean(sam: Path) -> None:
    assert "is a valid SAM Template" in run([sam, "validate", "--lint"], SAM_CLI_TELEMETRY="0")


def test_every_function_is_built_with_its_layers(build_folder: Path) -> None:
    assert {size.name: set(size.layers) for size in function_sizes(build_folder)} == FUNCTIONS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_and_layers_unzip_below_the_limit(build_folder: Path, name: str) -> None:
    folders = [build_folder / name, *(build_folder / layer for layer in FUNCTIONS[name])]
    size = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
    assert 0 < size < LIMIT_BYTES


@pytest.mark.parametrize(
    ("layer", "package"), [("BakeoffCoreLayer", "bakeoff_core"), ("ModelRuntimeLayer", "model_runtime")]
)
def test_layers_hold_their_package_where_python_looks(build_folder: Path, layer: str, package: str) -> None:
    assert (build_folder / layer / "python" / package / "__init__.py").is_file()


def test_layer_packages_are_not_packaged_again(build_folder: Path) -> None:
    in_core = {path.name for path in (build_folder / "BakeoffCoreLayer" / "python").iterdir() if path.is_dir()}
    assert {"pydantic", "pydantic_core", "aws_lambda_powertools"} <= in_core
    for name in FUNCTIONS:
        own = {path.name for path in (build_folder / name).iterdir()}
        assert own & (in_core - {"__pycache__"}) == set(), name


def test_the_sdk_of_the_runtime_is_not_packaged(build_folder: Path) -> None:
    assert [str(path) for name in ("boto3", "botocore") for path in build_folder.glob(f"**/{name}")] == []


def test_every_module_has_byte_code_that_lambda_takes_unchecked(build_folder: Path, lambda_python: Path) -> None:
    probe = "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"
    magic = bytes.fromhex(run([lambda_python, "-c", probe]).strip())
    header = magic + (0b01).to_bytes(4, "little")  # hash-based, never checked
    tag = f"cpython-{_version(lambda_python)}"
    modules = list(build_folder.rglob("*.py"))
    assert len(modules) > 1_000
    for module in modules:
        compiled = module.parent / "__pycache__" / f"{module.stem}.{tag}.pyc"
        assert compiled.read_bytes()[:8] == header, module


def test_byte_code_names_no_folder_of_the_build_machine(build_folder: Path) -> None:
    home = str(build_folder).encode()
    assert [str(path) for path in build_folder.rglob("*.pyc") if home in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("layers/bakeoff_core", "BakeoffCoreLayer"),
        ("layers/model_runtime", "ModelRuntimeLayer"),
        ("functions/predict", "PredictFunction"),
        ("functions/authorize", "AuthorizeFunction"),
        ("functions/notify", "NotifyFunction"),
    ],
)
def test_building_again_gives_the_same_bytes(
    build_folder: Path, architecture: str, tmp_path: Path, folder: str, name: str
) -> None:
    again = tmp_path / name
    run(
        ["make", f"build-{name}", f"ARTIFACTS_DIR={again}", f"ARCHITECTURE={architecture}"],
        folder=PROJECT_ROOT / folder,
    )
    assert _hashes(again) == _hashes(build_folder / name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("AssignFunction", "ExperimentsFunction"),
        ("IngestFunction", "DeliverFunction"),
        ("AnalyzeFunction", "DispatchFunction"),
        ("AnalyzeFunction", "RefreshFunction"),
        ("AnalyzeFunction", "CompactFunction"),
        ("AnalyzeFunction", "ReportsFunction"),
    ],
)
def test_functions_of_one_folder_have_the_same_bytes(build_folder: Path, one: str, other: str) -> None:
    assert _hashes(build_folder / one) == _hashes(build_folder / other)


def test_the_bill_of_materials_names_everything_that_others_wrote(build_folder: Path) -> None:
    bill = bill_of_materials(build_folder, "1.2.3")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
    named = {component["purl"].rpartition("@")[0] for component in bill["components"] if "purl" in component}
    described = {path.name.removesuffix(".dist-info").rpartition("-")[0] for path in build_folder.rglob("*.dist-info")}
    assert {purl.removeprefix("pkg:pypi/") for purl in named if ":pypi/" in purl} == {
        name.replace("_", "-").replace(".", "-").lower() for name in described
    }
    assert {"pkg:npm/swagger-ui-dist", "pkg:npm/plotly.js-cartesian-dist-min"} <= named
    holders = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert holders["bakeoff"] == [f"bakeoff/{name}" for name in sorted({*FUNCTIONS, *LAYERS})]
    assert all(not ref.startswith("pkg:pypi/scipy@") for ref in holders["bakeoff/AssignFunction"])
    assert any(ref.startswith("pkg:pypi/scipy@") for ref in holders["bakeoff/AnalyzeFunction"])


def test_the_same_build_has_the_same_bill(build_folder: Path) -> None:
    assert bill_of_materials(build_folder, "1") == bill_of_materials(build_folder, "1")


def test_every_licence_may_be_deployed(build_folder: Path) -> None:
    assert refused(inventory(build_folder)) == []


def test_versions_of_the_runtime_and_of_the_artefacts_agree(lambda_python: Path) -> None:
    assert f"Runtime: python{_version(lambda_python, '.')}\n" in (PROJECT_ROOT / "template.yaml").read_text()


def _version(python: Path, separator: str = "") -> str:
    probe = f"import sys; print('{{}}{separator}{{}}'.format(*sys.version_info))"
    return run([python, "-c", probe]).strip()


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
