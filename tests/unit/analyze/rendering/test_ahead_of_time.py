"""What a build does once, and that reports are the same with and without."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import FileSystemLoader

from rendering import offline, templating
from rendering.documents import to_html, to_markdown
from rendering.kinds import KINDS
from tests.unit.analyze.rendering.samples import full_results


@pytest.fixture
def fresh() -> Iterator[None]:
    """Let nothing that was read before this test, or in it, be known outside."""
    cached = (templating.templates, offline.page_assets)
    for each in cached:
        each.cache_clear()
    yield
    for each in cached:
        each.cache_clear()


def documents() -> list[str]:
    return [write(full_results(), kind) for kind in KINDS for write in (to_html, to_markdown)]


@pytest.mark.usefixtures("fresh")
def test_compiled_templates_write_the_same_without_their_sources(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = documents()
    templating.compile_templates(tmp_path)
    assert len(list(tmp_path.glob("tmpl_*.py"))) == len(
        templating.templates().overlay(loader=FileSystemLoader(templating._TEMPLATES)).list_templates()
    )
    templating.templates.cache_clear()
    monkeypatch.setattr(templating, "_COMPILED", tmp_path)
    monkeypatch.setattr(templating, "_TEMPLATES", tmp_path / "nowhere")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert documents() == expected


@pytest.mark.usefixtures("fresh")
def test_packed_plotly_is_what_would_be_packed_and_spares_the_packing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = offline.page_assets(charts=True)
    offline.pack_plotly(tmp_path / "packed.json")
    offline.page_assets.cache_clear()
    monkeypatch.setattr(offline, "_PACKED", tmp_path / "packed.json")
    monkeypatch.setattr(offline, "_PLOTLY", "nowhere.js")
    assert offline.page_assets(charts=True) == expected
