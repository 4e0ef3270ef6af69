"""Reading reports back: their tables, as Markdown and as HTML have them, and the numbers in their cells."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

Tables = dict[str, list[list[str]]]

_UNESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_NUMBER = re.compile(r"[-+±]?\d[\d,]*\.?\d*(?:e[-+]\d+)?%?")


def markdown_tables(text: str) -> Tables:
    """Tables by title: the headings, then the rows."""
    tables: Tables = {}
    title, rows = "", []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            cells = [_UNESCAPED.sub(r"\1", cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not all(re.fullmatch(r"-+:?", cell) for cell in cells):
                rows.append(cells)
        else:
            if rows:
                assert title not in tables, title
                tables[title] = rows
                rows = []
            if found := re.fullmatch(r"\*\*(.*)\*\*", line):
                title = _UNESCAPED.sub(r"\1", found[1])
    return tables


def html_tables(text: str) -> Tables:
    """The same of an HTML page."""
    reader = _Reader()
    reader.feed(text)
    return reader.tables


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: Tables = {}
        self._title = ""
        self._into: str | None = None
        self._words = ""
        self._rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        match tag:
            case "table":
                self._rows = []
            case "tr":
                self._rows.append([])
            case "td" | "th" | "caption":
                self._into, self._words = tag, ""
            case _:
                pass

    def handle_endtag(self, tag: str) -> None:
        if tag == "strong" and self._into == "caption":
            self._title, self._into = self._words, None
        elif tag in ("td", "th"):
            self._rows[-1].append(self._words)
            self._into = None
        elif tag == "table":
            assert self._title not in self.tables, self._title
            self.tables[self._title] = self._rows

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._words += data


def numbers(cell: str) -> Iterator[tuple[float, float]]:
    """The numbers in a cell, shares and points of percent as fractions, each with half of its last digit."""
    for found in _NUMBER.findall(cell):
        hundredths = found.endswith("%") or "points" in cell
        digits = found.strip("±%").replace(",", "")
        mantissa, _, exponent = digits.partition("e")
        decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
        scale = 0.01 if hundredths else 1.0
        yield float(digits) * scale, 0.51 * 10.0**-decimals * scale
