"""Everything that a deployment decides, read from the environment once."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from os import environ
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bakeoff_core.identity.scopes import SCOPES, Scope

_PREFIX = "BAKEOFF_"
_ALGORITHM = re.compile(r"[\w.]+:(\w+)", re.ASCII)
_MEMORY_VARIABLE = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"


class Settings(BaseModel):
    """One function's settings.

    A resource that a function was not given is an empty string: template.yaml hands each function
    only what it may use.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    experiments_table: str = ""
    assignments_table: str = ""
    arms_table: str = ""
    tallied_events_table: str = ""
    counter_shards: int = Field(default=8, ge=1, le=1_000)
    models_table: str = ""
    overviews_table: str = ""
    alerts_table: str = ""
    api_keys_table: str = ""
    key_cache_seconds: float = Field(default=10, ge=0)
    key_requests_per_second: float = Field(default=1_000, gt=0)
    key_burst: float = Field(default=2_000, ge=1)
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_scope_claim: str = "scope"
    jwt_scopes: dict[Scope, str] = {scope: f"bakeoff/{scope}" for scope in SCOPES}
    admin_authentication: Literal["keys", "iam"] = "keys"
    model_bucket: str = ""
    event_bucket: str = ""
    report_bucket: str = ""
    runs_table: str = ""
    analysis_queue: str = ""
    analysis_attempts: int = Field(default=3, ge=1)
    delivery_window_seconds: float = Field(default=60, ge=0)
    event_stream: str = ""
    fallback_queue: str = ""
    notification_queue: str = ""
    notifications_table: str = ""
    alert_topic: str = ""
    email_sender: str = ""
    notification_topics: frozenset[str] = frozenset()
    notification_secrets: frozenset[str] = frozenset()
    webhook_secret: str = ""
    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    public_url: str = ""
    configuration_max_age_seconds: float = Field(default=10, ge=0)
    prediction_sample_rate: float = Field(default=0, ge=0, le=1)
    event_retention_days: int = Field(default=400, ge=1)
    max_future_seconds: float = Field(default=300, ge=0)
    model_cache_bytes: int = Field(default=512 * 1024**2, gt=0)
    artefact_cache_bytes: int = Field(default=512 * 1024**2, gt=0)
    origin_secret: str = ""
    prediction_timeout_seconds: float = Field(default=10, gt=0)
    circuit_failure_threshold: int = Field(default=5, ge=1)
    circuit_window_seconds: float = Field(default=30, gt=0)
    circuit_recovery_seconds: float = Field(default=30, gt=0)
    prediction_cache_bytes: int = Field(default=0, ge=0)
    prediction_cache_ttl_seconds: float = Field(default=60, gt=0)
    prediction_cache_url: str = ""
    shadow_budget_seconds: float = Field(default=0.1, ge=0)
    custom_algorithms: dict[str, str] = {}
    engine: Literal["duckdb", "athena"] = "duckdb"
    athena_workgroup: str = "primary"
    athena_database: str = ""
    athena_output: str = ""
    athena_seconds: float = Field(default=240, gt=0)
    athena_bytes: int = Field(default=10 * 1024**3, gt=0)
    memory_mb: int = Field(default=1_769, gt=0)

    @field_validator("jwt_scopes", mode="before")
    @classmethod
    def _words_by_scope(cls, value: Any) -> Any:
        """Read `scope=word`, several of them with commas between."""
        if not isinstance(value, str):
            return value
        pairs = [pair.strip().partition("=") for pair in value.split(",")]
        if not all(separator and word for _, separator, word in pairs):
            raise ValueError(f"must read scope=word with commas between, got {value}")
        return {scope: word for scope, _, word in pairs}

    @field_validator("webhook_networks", "notification_topics", "notification_secrets", mode="before")
    @classmethod
    def _apart(cls, value: Any) -> Any:
        return [*filter(None, map(str.strip, value.split(",")))] if isinstance(value, str) else value

    @field_validator("custom_algorithms", mode="before")
    @classmethod
    def _places_by_name(cls, value: Any) -> Any:
        """Read `module:function`, several of them with commas between; the function's name is the algorithm's."""
        if not isinstance(value, str):
            return value
        places: dict[str, str] = {}
        for place in filter(None, map(str.strip, value.split(","))):
            match = _ALGORITHM.fullmatch(place)
            if match is None:
                raise ValueError(f"must read module:function, got {place}")
            if match[1] in places:
                raise ValueError(f"names {match[1]} twice: {places[match[1]]} and {place}")
            places[match[1]] = place
        return places

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
