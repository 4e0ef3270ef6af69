"""The templates of reports, compiled ahead of time where a build did that."""

import re
from functools import cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, ModuleLoader, StrictUndefined, select_autoescape

_TEMPLATES = Path(__file__).parent / "templates"
_COMPILED = Path(__file__).parent / "compiled"
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$]|(?<=\w):(?=//)|(?<=\bwww)\.)")
_BLOCK_START = re.compile(r"^(\d*)([-+=.)])")


@cache
def templates() -> Environment:
    """Make what finds templates."""
    environment = Environment(
        loader=ChoiceLoader([ModuleLoader(_COMPILED), FileSystemLoader(_TEMPLATES)]),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["inline"] = _inline
    environment.filters["paragraph"] = _paragraph
    return environment


def compile_templates(folder: Path = _COMPILED) -> None:
    """Write all templates as Python, which takes a start no time to read.

    Args:
        folder: Where to; in its default place they are found.
    """
    sources = templates().overlay(loader=FileSystemLoader(_TEMPLATES))
    sources.compile_templates(folder, zip=None, ignore_errors=False)


def _inline(text: str) -> str:
    """Keep text what it is, on one line, whatever Markdown would make of it."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _paragraph(text: str) -> str:
    """The same where a block begins, so that it begins no list, quote or rule."""
    return _BLOCK_START.sub(r"\1\\\2", _inline(text))
