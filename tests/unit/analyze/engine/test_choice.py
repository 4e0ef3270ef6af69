"""The configured engine is opened, over the events or over Athena with its limits."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from bakeoff_core.settings import Settings
from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.athena_queries import QueryTooExpensive
from engine.choice import engine_opener
from engine.duckdb_engine import DuckDBEngine
from tests.support import SettableClock, experiment


def no_client(service: str) -> Any:
    raise AssertionError(f"{service} is not needed")


def test_duckdb_is_the_engine_unless_another_is_named() -> None:
    open_engine = engine_opener(Settings(), InMemoryObjectStore(), no_client, SettableClock())
    with open_engine() as engine:
        assert isinstance(engine, DuckDBEngine)
        assert engine.summarise(experiment()).groups["control"].n == 0


def test_athena_runs_in_the_place_and_within_the_limits_of_the_settings() -> None:
    settings = Settings.from_environment(
        {
            "BAKEOFF_ENGINE": "athena",
            "BAKEOFF_ATHENA_WORKGROUP": "analysis",
            "BAKEOFF_ATHENA_DATABASE": "lake",
            "BAKEOFF_ATHENA_OUTPUT": "s3://results/a/",
            "BAKEOFF_ATHENA_BYTES": "1000",
            "BAKEOFF_ATHENA_SECONDS": "5",
        }
    )
    client = boto3.client("athena", region_name="us-east-1")
    seen: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.athena.StartQueryExecution", lambda params, **_: seen.append(params)
    )
    with Stubber(client) as stub:
        answer = {"QueryExecution": {"Status": {"State": "RUNNING"}, "Statistics": {"DataScannedInBytes": 1_001}}}
        open_engine = engine_opener(settings, InMemoryObjectStore(), lambda _: client, SettableClock())
        with open_engine() as engine:
            stub.add_response("start_query_execution", {"QueryExecutionId": "query-1"})
            stub.add_response("get_query_execution", answer)
            stub.add_response("stop_query_execution", {})
            with pytest.raises(QueryTooExpensive, match="1,000"):
                engine.count_arms(
                    experiment(assignment_algorithm="bandit", bandit={}, metrics=["click_rate"]), SettableClock()()
                )
    assert seen[0]["WorkGroup"] == "analysis"
    assert seen[0]["QueryExecutionContext"] == {"Database": "lake"}
    assert seen[0]["ResultConfiguration"] == {"OutputLocation": "s3://results/a/"}
