"""What is in the built functions and layers that others wrote: packages with their versions and licences."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import Distribution, PackageMetadata, distributions
from pathlib import Path
from typing import Final

from scripts.artefact_sizes import read_template

#: Classifiers of packages that name their licence in no other way, as SPDX spells it.
_CLASSIFIED: Final[Mapping[str, str]] = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: MIT No Attribution License (MIT-0)": "MIT-0",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
}
#: The same for the free text that older packages have.
_TOLD: Final[Mapping[str, str]] = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "PSFL": "PSF-2.0",
}

UNKNOWN: Final = "NOASSERTION"


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A package that is deployed.

    Attributes:
        name: As its ecosystem compares it.
        version: Its version.
        licence: An SPDX expression, or what the package says where that is none.
        ecosystem: Where it comes from, as in its package URL.
        artefacts: The functions and layers that hold it.
    """

    name: str
    version: str
    licence: str
    ecosystem: str = "pypi"
    artefacts: tuple[str, ...] = field(default=(), compare=False)

    @property
    def purl(self) -> str:
        """The package URL."""
        return f"pkg:{self.ecosystem}/{self.name}@{self.version}"


#: What is no Python package and lies in the sources as its makers published it: by the file.
VENDORED: Final[Mapping[str, Package]] = {
    "documentation/assets/swagger-ui-bundle.js": Package("swagger-ui-dist", "5.35.0", "Apache-2.0", "npm"),
    "rendering/assets/plotly-cartesian.min.js": Package("plotly.js-cartesian-dist-min", "4.1.1", "MIT", "npm"),
}


def inventory(build_folder: Path) -> list[Package]:
    """List the packages below the folder that `sam build` wrote, by name, each with the artefacts that hold it."""
    holders: dict[Package, list[str]] = {}
    for artefact, folder in sorted(artefact_folders(build_folder).items()):
        for package in [*_python_packages(folder), *_vendored(folder)]:
            holders.setdefault(package, []).append(artefact)
    return sorted(
        Package(each.name, each.version, each.licence, each.ecosystem, tuple(artefacts))
        for each, artefacts in holders.items()
    )


def artefact_folders(build_folder: Path) -> dict[str, Path]:
    """Find the folder of each function and layer that Python has on its path."""
    folders = {}
    for name, resource in read_template(build_folder / "template.yaml").items():
        if resource["Type"] == "AWS::Serverless::Function":
            folders[name] = build_folder / resource["Properties"]["CodeUri"]
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            folders[name] = build_folder / resource["Properties"]["ContentUri"] / "python"
    return folders


def licence_of(metadata: PackageMetadata) -> str:
    """Name a package's licence: by its SPDX expression, else by its classifiers, else by its own words."""
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    named = [_CLASSIFIED[each] for each in metadata.get_all("Classifier") or () if each in _CLASSIFIED]
    if named:
        return " OR ".join(sorted(set(named)))
    told = metadata["License"].strip() if "License" in metadata else ""
    return _TOLD.get(told, told if told and "\n" not in told else UNKNOWN)


def _python_packages(folder: Path) -> Iterator[Package]:
    found: Iterator[Distribution] = iter(distributions(path=[str(folder)]))
    for distribution in found:
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        yield Package(name, distribution.version, licence_of(distribution.metadata))


def _vendored(folder: Path) -> Iterator[Package]:
    return (package for path, package in VENDORED.items() if (folder / path).is_file())
