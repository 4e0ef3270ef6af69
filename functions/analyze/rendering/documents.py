"""The files of a report: HTML for people, Markdown for tickets and chats, JSON for programs."""

import re
from collections.abc import Callable, Mapping

from rendering.blocks import Report
from rendering.dashboard import dashboard_document, dashboard_report
from rendering.executive import executive_document, executive_report
from rendering.kinds import Kind
from rendering.offline import json_block, page_assets
from rendering.technical import technical_report
from rendering.templating import templates
from results import Results

_IN_WORDS: Mapping[Kind, Callable[[Results], Report]] = {
    "executive": executive_report,
    "dashboard": dashboard_report,
    "technical": technical_report,
}


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
    text = templates().get_template(f"{kind}.md.j2").render(report=in_words(results, kind))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def to_html(results: Results, kind: Kind = "technical") -> str:
    """Write the report as one HTML file that needs no other and asks for none."""
    report = in_words(results, kind)
    figures = {f"plot-{number}": chart.figure for number, chart in enumerate(report.charts, 1)}
    template = templates().get_template(f"{kind}.html.j2")
    return template.render(report=report, figures=json_block(figures), assets=page_assets(charts=bool(figures)))


WRITERS: Mapping[str, Callable[[Results, Kind], str]] = {"html": to_html, "md": to_markdown, "json": to_json}
"""What writes a report's files, by what their names end in."""
