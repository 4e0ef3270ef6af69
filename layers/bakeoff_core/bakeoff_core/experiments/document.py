"""The base of everything that is written down about an experiment: it does not change, and nothing in it is unknown."""

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A part of a configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")
