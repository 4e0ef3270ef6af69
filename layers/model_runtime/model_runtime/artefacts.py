"""Artefacts on the function's own disk, by checksum."""

import re
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from model_runtime.errors import ArtefactDamaged

_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_DOWNLOADS = 2


def checksum(artefact: bytes) -> str:
    """The SHA-256 of an artefact, in hexadecimal."""
    return sha256(artefact).hexdigest()


class ArtefactCache:
    """Artefacts in a folder, each in a file named by its checksum and checked whenever it is read.

    A disk that is full or read-only costs a download, never an answer.

    Args:
        folder: Where the files are; it is made when it is not there.
        max_bytes: How much the files may take together; the oldest go first.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def fetch(self, expected: str, download: Callable[[], bytes]) -> bytes:
        """Read an artefact from the disk or download it; a damaged download is tried again once.

        Args:
            expected: The artefact's checksum.
            download: Gets the artefact from where it is stored. What it raises is raised here.

        Raises:
            ArtefactDamaged: Two downloads did not have the checksum.
        """
        if not _CHECKSUM.fullmatch(expected):
            raise ArtefactDamaged("the registered checksum is no SHA-256")
        path = self._folder / f"{expected}.onnx"
        with suppress(OSError):
            artefact = path.read_bytes()
            if checksum(artefact) == expected:
                return artefact
            path.unlink()
        for _ in range(_DOWNLOADS):
            artefact = download()
            if checksum(artefact) == expected:
                self._keep(path, artefact)
                return artefact
        raise ArtefactDamaged("the artefact's checksum is not the registered one")

    def discard(self, expected: str) -> None:
        """Forget an artefact."""
        if _CHECKSUM.fullmatch(expected):
            with suppress(OSError):
                (self._folder / f"{expected}.onnx").unlink()

    def _keep(self, path: Path, artefact: bytes) -> None:
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room(len(artefact))
            with NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as part:
                try:
                    part.write(artefact)
                    part.close()
                    # Whoever reads meanwhile sees the whole file or none.
                    Path(part.name).replace(path)
                except OSError:
                    Path(part.name).unlink(missing_ok=True)
                    raise

    def _make_room(self, needed: int) -> None:
        files = sorted(self._folder.glob("*.onnx"), key=lambda file: file.stat().st_mtime)
        used = sum(file.stat().st_size for file in files)
        for file in files:
            if used + needed <= self._max_bytes:
                return
            used -= file.stat().st_size
            file.unlink()
