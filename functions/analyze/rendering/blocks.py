"""What a report is made of, whatever it is written as: facts, sentences, lists, tables and charts in sections."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from rendering.kinds import Kind

JsonObject: TypeAlias = dict[str, Any]

_NUMBER = re.compile(
    r"""(\N{EN DASH}|[-+±<>]?\ ?[\d,.]+(e[-+]\d+)?%?(\ ms|\ points)?  # a value, or none
        (\ (to|/)\ [-+]?[\d,.]+(e[-+]\d+)?%?(\ points)?)?            # an interval, or a pair
        (\ \(\+\ [\d,]+\ waiting\))?)$""",
    re.VERBOSE,
)
_SHORT = 6  # rows that stand beside a chart without being in the way


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled statement."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Statements, each with its label."""

    facts: tuple[Fact, ...]
    block: Literal["facts"] = field(default="facts", init=False)


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph."""

    text: str
    block: Literal["prose"] = field(default="prose", init=False)


@dataclass(frozen=True, slots=True)
class Items:
    """A list, and what it is a list of."""

    about: str
    items: tuple[str, ...]
    block: Literal["items"] = field(default="items", init=False)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a heading and a sentence about it.

    Attributes:
        title: The heading.
        about: What it shows.
        headings: Of the columns.
        rows: The cells, written out.
    """

    title: str
    about: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    block: Literal["table"] = field(default="table", init=False)

    @property
    def numeric(self) -> tuple[bool, ...]:
        """By column, whether it holds numbers, which stand below each other by their last digit."""
        return tuple(all(_NUMBER.match(row[at]) for row in self.rows) for at in range(len(self.headings)))

    @property
    def long(self) -> bool:
        """Whether it would be in the way beside a chart."""
        return len(self.rows) > _SHORT


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, and the same in words and numbers.

    Attributes:
        title: What it shows.
        finding: What is to be seen in it, in a sentence.
        traces: As plotly.js draws them; colours are names of the palette, as `$group1`.
        layout: Likewise.
        table: The numbers.
    """

    title: str
    finding: str
    traces: tuple[JsonObject, ...]
    layout: JsonObject
    table: Table
    block: Literal["chart"] = field(default="chart", init=False)

    @property
    def figure(self) -> JsonObject:
        """What plotly.js is given."""
        return {"data": list(self.traces), "layout": self.layout}


Block: TypeAlias = Facts | Prose | Items | Table | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report under a heading of its own."""

    title: str
    blocks: tuple[Block, ...] = ()
    sections: "tuple[Section, ...]" = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return not self.blocks and all(section.empty for section in self.sections)


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report in words.

    Attributes:
        kind: For whom it is.
        experiment: The experiment's name.
        headline: The decision.
        verdict: Its name, by which the headline is coloured.
        about: What this is and as of when.
        summary: What was tested, the decision, how much, how sure, what to do next.
        sections: The rest.
    """

    kind: Kind
    experiment: str
    headline: str
    verdict: str
    about: str
    summary: tuple[Fact, ...]
    sections: tuple[Section, ...]

    @property
    def charts(self) -> tuple[Chart, ...]:
        """All charts in the order in which they stand."""
        return tuple(chart for section in self.sections for chart in _charts(section))


def of(*blocks: Block | None) -> tuple[Block, ...]:
    """Put blocks together, without those that have nothing to say."""
    return tuple(block for block in blocks if block is not None and not (isinstance(block, Table) and not block.rows))


def filled(*sections: Section) -> tuple[Section, ...]:
    """Put sections together, without the empty ones."""
    return tuple(section for section in sections if not section.empty)


def _charts(section: Section) -> list[Chart]:
    own = [block for block in section.blocks if isinstance(block, Chart)]
    return own + [chart for part in section.sections for chart in _charts(part)]
