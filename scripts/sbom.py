"""The software bill of materials of what is deployed (CycloneDX 1.6), and the licences in it.

Run it after `sam build`; it writes `.aws-sam/sbom.cdx.json`, and fails when a package has a licence that is not among
those that may be deployed. The same build gives the same bytes.
"""

import hashlib
import json
import re
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from scripts.inventory import Package, artefact_folders, inventory

#: Licences that ask for nothing but their text and notices, which every package carries along.
ALLOWED: Final = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSD-3-Clause-Open-MPI",
        "BSL-1.0",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        # It asks for the source of its own files alone, which are deployed as their authors published them.
        "MPL-2.0",
        "PSF-2.0",
        "Qhull",
        "Unlicense",
        "Zlib",
        # The run-time library of gfortran within scipy's wheels: its exception lets any program be shipped with it.
        "GPL-3.0-or-later WITH GCC-exception-3.1",
    }
)

_ROOT: Final = Path(__file__).parent.parent
_OPERATOR: Final = re.compile(r"\s+(AND|OR)\s+|[()]")


def licences_in(expression: str) -> set[str]:
    """Split an SPDX expression into the licences that it joins."""
    return {part.strip() for part in _OPERATOR.split(expression) if part and part.strip() not in {"", "AND", "OR"}}


def refused(packages: Sequence[Package]) -> list[Package]:
    """Find the packages with a licence that may not be deployed; of a choice, one that may is enough."""
    return [package for package in packages if not _is_allowed(package.licence)]


def _is_allowed(expression: str) -> bool:
    if " OR " in expression and " AND " not in expression:
        return not licences_in(expression).isdisjoint(ALLOWED)
    return licences_in(expression) <= ALLOWED


def bill_of_materials(build_folder: Path, version: str) -> dict[str, Any]:
    """Write down what a build is made of.

    Args:
        build_folder: The folder that `sam build` wrote.
        version: The project's own version.
    """
    packages = inventory(build_folder)
    artefacts = sorted(artefact_folders(build_folder))
    components = [
        *({"type": "application", "bom-ref": _ref(name), "name": name, "version": version} for name in artefacts),
        *(_component(package) for package in packages),
    ]
    dependencies = [
        {"ref": "bakeoff", "dependsOn": [_ref(name) for name in artefacts]},
        *(
            {"ref": _ref(name), "dependsOn": [package.purl for package in packages if name in package.artefacts]}
            for name in artefacts
        ),
    ]
    digest = hashlib.sha256(json.dumps([components, dependencies]).encode()).hexdigest()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "bakeoff",
                "name": "bakeoff",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components,
        "dependencies": dependencies,
    }


def table(packages: Sequence[Package]) -> str:
    """Lay the licences out as text."""
    lines = [f"{'package':<32} {'version':<12} licence"]
    lines += [f"{package.name:<32} {package.version:<12} {package.licence}" for package in packages]
    return "\n".join(lines)


def _component(package: Package) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "licenses": [_licence(package.licence)],
    }


def _licence(expression: str) -> dict[str, Any]:
    if len(licences_in(expression)) > 1 or " WITH " in expression:
        return {"expression": expression}
    return {"license": {"id": expression} if expression in ALLOWED else {"name": expression}}


def _ref(artefact: str) -> str:
    return f"bakeoff/{artefact}"


def main(arguments: Sequence[str]) -> int:
    """Write the bill for a build folder, .aws-sam/build unless one is named, and print the licences."""
    build_folder = Path(*(arguments[:1] or [".aws-sam/build"]))
    source = (_ROOT / "layers/bakeoff_core/bakeoff_core/__init__.py").read_text(encoding="utf-8")
    version = re.search(r'__version__ = "([^"]+)"', source)
    bill = bill_of_materials(build_folder, version[1] if version else "0")
    path = build_folder.parent / "sbom.cdx.json"
    path.write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
    packages = inventory(build_folder)
    print(table(packages))
    print(f"{path}: {len(packages)} packages in {len(artefact_folders(build_folder))} functions and layers")
    for package in refused(packages):
        print(f"{package.name}: the licence {package.licence} is not among those that may be deployed", file=sys.stderr)
    return 1 if refused(packages) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
