"""Everything that a deployment decides, read from the environment once."""

import re
from collections.abc import Mapping
from os import environ
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

_PREFIX = "BAKEOFF_"
_ALGORITHM = re.compile(r"[A-Za-z0-9._-]{1,128}=[\w.]+:\w+")
_MEMORY_VARIABLE = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"


class Settings(BaseModel):
    """One function's settings.

    A resource that a function was not given is an empty string: template.yaml hands each function
    only what it may use.
    """

    model_config = ConfigDict(frozen=True)

    experiments_table: str = ""
    assignments_table: str = ""
    arms_table: str = ""
    models_table: str = ""
    model_bucket: str = ""
    event_bucket: str = ""
    report_bucket: str = ""
    event_stream: str = ""
    fallback_queue: str = ""
    configuration_max_age_seconds: float = Field(default=10, ge=0)
    prediction_sample_rate: float = Field(default=0, ge=0, le=1)
    model_cache_bytes: int = Field(default=256 * 1024**2, gt=0)
    custom_algorithms: dict[str, str] = {}
    memory_mb: int = Field(default=1_769, gt=0)

    @field_validator("custom_algorithms", mode="before")
    @classmethod
    def _name_and_place(cls, value: Any) -> Any:
        """Read `name=module:function`, several of them with commas between."""
        if not isinstance(value, str):
            return value
        entries = [entry.strip() for entry in value.split(",") if entry.strip()]
        if wrong := [entry for entry in entries if not _ALGORITHM.fullmatch(entry)]:
            raise ValueError(f"must read name=module:function, got {wrong[0]}")
        return dict(entry.split("=", 1) for entry in entries)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = environ) -> "Settings":
        """Read the settings from `BAKEOFF_*` variables.

        Raises:
            pydantic.ValidationError: A variable holds something other than its type or range.
        """
        values = {
            name.removeprefix(_PREFIX).lower(): value for name, value in environment.items() if name.startswith(_PREFIX)
        }
        if _MEMORY_VARIABLE in environment:
            values["memory_mb"] = environment[_MEMORY_VARIABLE]
        return cls.model_validate(values)
