"""The three files of a report: JSON for programs, Markdown for tickets and chats, HTML for people."""

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from rendering.charts import WIDTH
from rendering.page import page_of
from results import Results

_TEMPLATES = Path(__file__).parent / "templates"
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def to_json(results: Results) -> str:
    """Write the report that programs read: the results as they are."""
    return results.model_dump_json(indent=2) + "\n"


def to_markdown(results: Results) -> str:
    """Write the report as Markdown."""
    return _environment().get_template("report.md.j2").render(page=page_of(results))


def to_html(results: Results) -> str:
    """Write the report as one HTML file that needs no other."""
    return _environment().get_template("report.html.j2").render(page=page_of(results), width=WIDTH)


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
    environment.filters["markdown"] = _markdown
    return environment


def _markdown(text: str) -> str:
    """Keep text what it is, on one line, whatever Markdown would make of it."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", " ".join(text.split()))
