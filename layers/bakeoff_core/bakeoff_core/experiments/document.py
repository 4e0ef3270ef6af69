"""The base of everything that is written down about an experiment: it does not change, and nothing in it is unknown."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from bakeoff_core.snapshots import before_snapshot


class Document(BaseModel):
    """A part of a configuration.

    Its validator is made when it is first used, or before a snapshot: that of a whole experiment holds those of the
    parts, which are seldom used by themselves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Have the validator made before a snapshot."""
        super().__pydantic_init_subclass__(**options)
        before_snapshot(cls._build)

    @classmethod
    def _build(cls) -> None:
        cls.model_rebuild()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy the document, with changes; what was worked out from the fields is worked out anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied
