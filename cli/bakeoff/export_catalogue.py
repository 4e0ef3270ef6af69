"""Which files this person exported, so that deleting a user's data finds them again."""

import json
from collections.abc import Mapping
from os import environ
from pathlib import Path

_VARIABLE = "BAKEOFF_EXPORTS"


class ExportCatalogue:
    """The paths of exported files, in a file.

    Args:
        file: Where they are kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = environ) -> "ExportCatalogue":
        """Find the catalogue by `BAKEOFF_EXPORTS`, else where the user's programs keep their state."""
        if named := environment.get(_VARIABLE):
            return cls(Path(named))
        state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        return cls(Path(state) / "bakeoff" / "exports.json")

    def add(self, export: Path) -> None:
        """Remember a file."""
        known = {*self._read(), str(export.resolve())}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(sorted(known), indent=2) + "\n")

    def files(self) -> tuple[list[Path], list[Path]]:
        """The files that are where they were, and those that are not."""
        known = [Path(each) for each in self._read()]
        return [each for each in known if each.is_file()], [each for each in known if not each.is_file()]

    def _read(self) -> list[str]:
        if not self._file.is_file():
            return []
        paths: list[str] = json.loads(self._file.read_text())
        return paths
