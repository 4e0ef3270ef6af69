"""What a stack has to do in a month."""

from dataclasses import dataclass
from typing import Literal

HOURS_A_MONTH = 730
SECONDS_A_MONTH = HOURS_A_MONTH * 3_600


@dataclass(frozen=True, slots=True)
class Workload:
    """What a stack has to do in a month, and how it is set up.

    Attributes:
        requests: Requests for predictions or groups.
        events: Events that callers report.
        events_per_call: How many of them come in one call of /ab_test/events.
        batch_share: The share of the requests that predict a batch.
        batch_rows: Rows in such a batch.
        in_experiment: The share of the other requests within an experiment: each is recorded as an exposure and a
            prediction.
        sticky_share: The share of those whose experiment keeps its assignments, as all algorithms but hash_based do.
        returning_share: The share of these of units that have an assignment already.
        named_events: The share of the reported events that name their group, as exposures do.
        experiments: Experiments that run all month.
        models: Model versions in service.
        reports: Reports written of each experiment.
        notices: Notices sent, by SNS, each to one mailbox.
        memory_mb: Memory of the prediction function.
        duration_ms: What a request for one row takes in it.
        row_ms: What each further row of a batch takes.
        event_bytes: An event as it travels.
        stored_event_bytes: An event in S3, compressed.
        storage_days: How long events are kept.
        log_bytes: What is logged of a call, by the gateway, the authorizer and the function, its metrics included.
        log_days: How long logs are kept.
        alarms: Alarms of the stack.
        callers: API keys in use at the same time.
        architecture: Of the functions.
        shards: Shards of the stream; 0 where Kinesis decides on them.
        tallies: Whether each exposure and named event is tallied.
        athena: Whether Athena sums up events, and not DuckDB.
        look_minutes: How often each experiment is looked at.
    """

    requests: float
    events: float
    events_per_call: float = 10
    batch_share: float = 0
    batch_rows: float = 100
    in_experiment: float = 1
    sticky_share: float = 0
    returning_share: float = 0.7
    named_events: float = 0
    experiments: int = 2
    models: int = 3
    reports: float = 30
    notices: float = 60
    memory_mb: int = 1_769
    duration_ms: float = 25
    row_ms: float = 0.05
    event_bytes: float = 600
    stored_event_bytes: float = 120
    storage_days: float = 400
    log_bytes: float = 2_700
    log_days: float = 30
    alarms: int = 20
    callers: int = 5
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    shards: int = 0
    tallies: bool = True
    athena: bool = False
    look_minutes: float = 60
