"""Artefacts on disk, whole, damaged and evicted."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from model_runtime.artefacts import ArtefactCache, checksum
from model_runtime.errors import ArtefactDamaged

BODY = b"the artefact"
SUM = checksum(BODY)


class Source:
    """Serves bodies one after another and counts the downloads."""

    def __init__(self, *bodies: bytes) -> None:
        self._bodies = list(bodies)
        self.downloads = 0

    def __call__(self) -> bytes:
        self.downloads += 1
        return self._bodies.pop(0)


@pytest.fixture
def cache(tmp_path: Path) -> ArtefactCache:
    return ArtefactCache(tmp_path / "artefacts", max_bytes=100)


def test_second_fetch_reads_the_disk(cache: ArtefactCache, tmp_path: Path) -> None:
    source = Source(BODY)
    assert cache.fetch(SUM, source) == BODY
    assert cache.fetch(SUM, source) == BODY
    assert source.downloads == 1
    assert [file.name for file in (tmp_path / "artefacts").iterdir()] == [f"{SUM}.onnx"]


def test_damaged_file_is_downloaded_again(cache: ArtefactCache, tmp_path: Path) -> None:
    cache.fetch(SUM, Source(BODY))
    (tmp_path / "artefacts" / f"{SUM}.onnx").write_bytes(BODY[:5])
    assert cache.fetch(SUM, Source(BODY)) == BODY
    assert (tmp_path / "artefacts" / f"{SUM}.onnx").read_bytes() == BODY


def test_damaged_download_is_tried_again_once(cache: ArtefactCache) -> None:
    assert cache.fetch(SUM, Source(BODY[:5], BODY)) == BODY


def test_two_damaged_downloads_are_reported_and_not_kept(cache: ArtefactCache, tmp_path: Path) -> None:
    source = Source(BODY[:5], b"other", BODY)
    with pytest.raises(ArtefactDamaged, match="checksum is not the registered one"):
        cache.fetch(SUM, source)
    assert source.downloads == 2
    assert not (tmp_path / "artefacts" / f"{SUM}.onnx").exists()


def test_checksum_that_is_none_is_refused(cache: ArtefactCache) -> None:
    with pytest.raises(ArtefactDamaged, match="no SHA-256"):
        cache.fetch("../../etc/passwd", Source(BODY))


def test_oldest_artefact_makes_room(cache: ArtefactCache, tmp_path: Path) -> None:
    bodies = [bytes([index]) * 40 for index in range(3)]
    for age, body in enumerate(bodies[:2]):
        cache.fetch(checksum(body), Source(body))
        os.utime(tmp_path / "artefacts" / f"{checksum(body)}.onnx", (age, age))
    cache.fetch(checksum(bodies[2]), Source(bodies[2]))
    kept = {file.stem for file in (tmp_path / "artefacts").iterdir()}
    assert kept == {checksum(bodies[1]), checksum(bodies[2])}


def test_disk_that_cannot_be_written_costs_only_the_download(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = ArtefactCache(tmp_path / "file" / "below", max_bytes=100)
    source = Source(BODY, BODY)
    assert cache.fetch(SUM, source) == BODY
    assert cache.fetch(SUM, source) == BODY
    assert source.downloads == 2


def test_half_written_file_is_never_seen(cache: ArtefactCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise OSError("disk gone")

    monkeypatch.setattr(Path, "replace", fail)
    assert cache.fetch(SUM, Source(BODY)) == BODY
    assert list((tmp_path / "artefacts").iterdir()) == []


def test_discarded_artefact_is_downloaded_again(cache: ArtefactCache) -> None:
    cache.fetch(SUM, Source(BODY))
    cache.discard(SUM)
    source: Callable[[], bytes] = Source(BODY)
    assert cache.fetch(SUM, source) == BODY
