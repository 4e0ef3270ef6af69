"""How values were distributed among the rows that a model was published with."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt, model_validator


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Histogram(_Document):
    """Counts of numbers between cut points: up to the first one, up to the next, and beyond the last."""

    kind: Literal["number"] = "number"
    cuts: tuple[FiniteFloat, ...]
    counts: tuple[NonNegativeInt, ...]

    @model_validator(mode="after")
    def _counts_fit(self) -> Self:
        if list(self.cuts) != sorted(set(self.cuts)):
            raise ValueError("cuts must rise")
        if len(self.counts) != len(self.cuts) + 1:
            raise ValueError("there must be one count more than there are cuts")
        return self


class Frequencies(_Document):
    """Counts of texts, and one more for all that are not listed."""

    kind: Literal["text"] = "text"
    texts: tuple[str, ...]
    counts: tuple[NonNegativeInt, ...]

    @model_validator(mode="after")
    def _counts_fit(self) -> Self:
        if len(set(self.texts)) != len(self.texts):
            raise ValueError("texts must differ")
        if len(self.counts) != len(self.texts) + 1:
            raise ValueError("there must be one count more than there are texts")
        return self


Distribution: TypeAlias = Annotated[Histogram | Frequencies, Field(discriminator="kind")]


class TrainingSample(_Document):
    """The rows that a model was published with, as distributions that later requests are compared with.

    Attributes:
        rows: How many there were.
        features: By feature.
        scores: Of the `prediction`, and of the `probability`: that of the second of two classes, or the
            highest of several.
    """

    rows: PositiveInt
    features: dict[str, Distribution]
    scores: dict[Literal["prediction", "probability"], Distribution] = {}
