"""The files of a report: HTML for people, Markdown for tickets and chats, JSON for programs."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from rendering.blocks import Report
from rendering.dashboard import dashboard_document, dashboard_report
from rendering.executive import executive_document, executive_report
from rendering.kinds import Kind
from rendering.offline import json_block, page_assets
from rendering.technical import technical_report
from results import Results

_TEMPLATES = Path(__file__).parent / "templates"
_IN_WORDS: Mapping[Kind, Callable[[Results], Report]] = {
    "executive": executive_report,
    "dashboard": dashboard_report,
    "technical": technical_report,
}
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$]|(?<=\w):(?=//)|(?<=\bwww)\.)")
_BLOCK_START = re.compile(r"^(\d*)([-+=.)])")


def in_words(results: Results, kind: Kind = "technical") -> Report:
    """A report in words: what its HTML and its Markdown say."""
    return _IN_WORDS[kind](results)


def to_json(results: Results, kind: Kind = "technical") -> str:
    """Write the report that programs read; the technical one is the results as they are."""
    match kind:
        case "executive":
            return executive_document(results).model_dump_json(indent=2) + "\n"
        case "dashboard":
            return dashboard_document(results).model_dump_json(indent=2) + "\n"
        case "technical":
            return results.model_dump_json(indent=2) + "\n"


def to_markdown(results: Results, kind: Kind = "technical") -> str:
    """Write the report as Markdown."""
    text = _environment().get_template(f"{kind}.md.j2").render(report=in_words(results, kind))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def to_html(results: Results, kind: Kind = "technical") -> str:
    """Write the report as one HTML file that needs no other and asks for none."""
    report = in_words(results, kind)
    figures = {f"plot-{number}": chart.figure for number, chart in enumerate(report.charts, 1)}
    template = _environment().get_template(f"{kind}.html.j2")
    return template.render(report=report, figures=json_block(figures), assets=page_assets(charts=bool(figures)))


WRITERS: Mapping[str, Callable[[Results, Kind], str]] = {"html": to_html, "md": to_markdown, "json": to_json}
"""What writes a report's files, by what their names end in."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["inline"] = _inline
    environment.filters["paragraph"] = _paragraph
    return environment


def _inline(text: str) -> str:
    """Keep text what it is, on one line, whatever Markdown would make of it."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _paragraph(text: str) -> str:
    """The same where a block begins, so that it begins no list, quote or rule."""
    return _BLOCK_START.sub(r"\1\\\2", _inline(text))
