"""What people wrote stays text, in all three reports and in every form."""

import json
import re
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from rendering.documents import to_html, to_json, to_markdown
from rendering.kinds import KINDS, Kind
from rendering.offline import json_block
from tests.unit.analyze.rendering.hostile import ATTACKS, attacked
from tests.unit.analyze.rendering.reading import html_tables, markdown_tables
from tests.unit.analyze.rendering.samples import full_results


class Skeleton(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: set[str] = set()
        self.text = ""
        self._code = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._code = tag in ("script", "style")
        self.handlers |= {name for name, _ in attrs if name.startswith("on")}

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.text += data


def skeleton(markdown: str) -> list[str]:
    """What Markdown makes of a document: its blocks and marks, without its words."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [inner.type for token in tokens for inner in (token, *(token.children or ())) if inner.type != "text"]


def words(markdown: str) -> str:
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    return " ".join(
        "".join(child.content for child in token.children or ()) for token in tokens if token.type == "inline"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_html_keeps_its_shape_and_shows_the_text(kind: Kind, attack: str) -> None:
    page, harmless = Skeleton(to_html(attacked(attack), kind)), Skeleton(to_html(attacked("harmless"), kind))
    assert page.tags == harmless.tags
    assert page.handlers == set()
    # Every place shows it as it is; only values of the history are written as JSON has them.
    as_json = 8 if kind == "technical" else 0
    assert page.text.count(attack) >= harmless.text.count("harmless") - as_json > 10


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_markdown_keeps_its_shape_and_shows_the_text(kind: Kind, attack: str) -> None:
    document, harmless = to_markdown(attacked(attack), kind), to_markdown(attacked("harmless"), kind)
    assert skeleton(document) == skeleton(harmless)
    assert " ".join(attack.split()) in words(document)
    assert not re.search(r"(?<!\\):(?=//)", document)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_json_is_json(kind: Kind, attack: str) -> None:
    document = json.loads(to_json(attacked(attack), kind))
    assert document["experiment"] == attack


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_ends_the_block_of_figures(attack: str) -> None:
    block = str(json_block({attack: attack}))
    assert json.loads(block) == {attack: attack}
    assert not set("<>&\u2028\u2029") & set(block)


def test_harmless_text_is_left_as_it_is() -> None:
    assert "A shorter checkout." in to_markdown(full_results())
    assert markdown_tables(to_markdown(full_results())) == html_tables(to_html(full_results()))


@pytest.mark.parametrize("start", ["- item", "+ item", "1. item", "2) item", "= rule", "# heading", "> quote"])
def test_no_paragraph_becomes_a_list_or_a_heading(start: str) -> None:
    assert skeleton(to_markdown(full_results(start))) == skeleton(to_markdown(full_results("harmless")))
    assert f" {start} " in f" {words(to_markdown(full_results(start)))} "
