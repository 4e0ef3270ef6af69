"""The SQL that both engines run, written once: the stages from events to values per unit, and the queries on them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

Column: TypeAlias = Literal["text", "integer", "number"]

_SQL = Path(__file__).parent / "sql"

# In the order in which each builds on those before it.
STAGES_TO_UNITS = ("exposures", "units")
STAGES_TO_VALUES = ("contributions", "unit_sums", "unit_values")
STAGES_TO_STATISTICS = ("caps", "cut_values", "unit_segments")
STAGES_OF_BANDITS = ("propensities",)
STAGES_OF_TIMELINES = ("primary_states", "primary_entries")
CHEAP_STAGES = frozenset({"cut_values", *STAGES_OF_TIMELINES})
"""What is better repeated, or read only once, than kept."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question whose answer is a few rows.

    Attributes:
        name: Its file.
        columns: The type of each column of its answer.
    """

    name: str
    columns: tuple[Column, ...]

    @property
    def sql(self) -> str:
        """Its text."""
        return sql(f"queries/{self.name}")


_SUMS: tuple[Column, ...] = ("integer", "number", "number", "number", "number", "number")

GROUP_SIZES = Query("group_sizes", ("text", "integer"))
OBSERVED_WINDOW = Query("observed_window", ("integer", "integer", "integer", "integer"))
WAITING = Query("waiting", ("text", "integer", "integer"))
METRIC_STATISTICS = Query("metric_statistics", ("text", "integer", "integer", *_SUMS, "number", "number"))
SEGMENT_STATISTICS = Query("segment_statistics", ("text", "integer", "integer", "text", *_SUMS))
QUANTILES = Query("quantiles", ("text", "integer", "integer", "text", "integer", "number", "number", "number"))
DAYS_OVER = Query("days_over", ("text", "integer", "integer"))
SINCE_EXPOSURE = Query("since_exposure", ("text", "integer", "integer", *_SUMS))
DAILY = Query("daily", ("text", "integer", "integer", "number"))
TIMELINE = Query("timeline", ("text", "integer", "integer", "integer", "integer", *("number",) * 7))
WEIGHTED_TIMELINE = Query("weighted_timeline", ("text", "integer", "integer", "integer", *("number",) * 9))
DISTRIBUTIONS = Query("distributions", ("text", "integer", "number", "number", "integer", "integer", "integer"))
CAPS = Query("caps", ("integer", "number"))
DATA_QUALITY = Query("data_quality", ("integer",) * 7)
PROPENSITY_SUMS = Query("propensity_sums", ("text", "integer", "integer", "number", "number", "number", "number"))
EXPECTED_SIZES = Query("expected_sizes", ("text", "number"))
ARM_COUNTS = Query("arm_counts", ("text", "integer", "integer", "integer"))


@cache
def sql(name: str) -> str:
    """Read a statement.

    Args:
        name: Its file below the folder of SQL, without the ending.
    """
    return (_SQL / f"{name}.sql").read_text()
