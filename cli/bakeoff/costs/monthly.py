"""From what a stack has to do to what it costs, line by line, in plain arithmetic.

It counts what grows with use. docs/cost.md says what each line is made of, and what is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from bakeoff.costs.prices import PriceTable
from bakeoff.costs.workload import HOURS_A_MONTH, SECONDS_A_MONTH, Workload

GB = 10**9
_KB = 1_024

# What the functions beside the prediction function are set up with in template.yaml, and take.
_SMALL_MB = 512
_ANALYSIS_MB = 1_769
_COMPACTION_MB = 1_024
_AUTHORIZE_MS = 4
_INGEST_MS = 20
_DELIVER_MS = 400
_DISPATCH_MS = 400
_REFRESH_MS = 500
_COMPACT_MS = 3_000
_LOOK_MS = 2_000
_NOTIFY_MS = 300

_DISPATCHES = HOURS_A_MONTH * 12
_REFRESHES = HOURS_A_MONTH * 12
_SHARDS_OF_A_SMALL_STREAM = 4
_DELIVERY_WINDOWS = HOURS_A_MONTH * 60
_MOST_RECORDS_A_DELIVERY = 2_000
_RETENTION_HOURS = 72
_FREE_RETENTION_HOURS = 24
_REPORT_FILES = 9
_REPORT_BYTES = 6_000_000
_REMEMBERED_ID_BYTES = 150
_ASSIGNMENT_BYTES = 200
_DELIVERY_LOG_BYTES = 1_500
_METRICS_A_MODEL = 7
_METRICS_AN_EXPERIMENT = 8
_METRICS_OF_THE_STACK = 30
_DAYS_A_MONTH = HOURS_A_MONTH / 24
_PUT_UNIT = 25 * _KB
_STATEMENTS_A_LOOK = 10
_TB = 10**12


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill.

    Attributes:
        service: Whose bill it is on.
        what: What is paid for.
        quantity: How much of it.
        unit: What the quantity counts.
        cost: In the currency of the prices.
    """

    service: str
    what: str
    quantity: float
    unit: str
    cost: float


@dataclass(frozen=True, slots=True)
class _Counts:
    """How often things happen in a month."""

    calls: float
    single: float
    batches: float
    exposures: float
    records: float
    deliveries: float
    tallied: float
    looks: float


def monthly_lines(workload: Workload, table: PriceTable) -> tuple[Line, ...]:
    """Work out the bill of one month in the long run, once as much expires as is added.

    Args:
        workload: What there is to do.
        table: What things cost.
    """
    counts = _counts(workload)

    def line(service: str, what: str, quantity: float, price: str) -> Line:
        unit_price = table.prices[price]
        return Line(service, what, quantity, unit_price.unit, unit_price.of(quantity))

    return tuple(line(*each) for each in _quantities(workload, counts))


def total(lines: tuple[Line, ...]) -> float:
    """Add a bill up."""
    return sum(line.cost for line in lines)


def _counts(load: Workload) -> _Counts:
    batches = load.requests * load.batch_share
    single = load.requests - batches
    exposures = single * load.in_experiment
    records = 2 * exposures + load.events
    # A delivery takes what a shard got in a window, and no more than a batch holds.
    shards = load.shards or _SHARDS_OF_A_SMALL_STREAM
    deliveries = max(min(records, shards * _DELIVERY_WINDOWS), records / _MOST_RECORDS_A_DELIVERY)
    return _Counts(
        calls=load.requests + load.events / load.events_per_call,
        single=single,
        batches=batches,
        exposures=exposures,
        records=records,
        deliveries=deliveries,
        tallied=(exposures + load.events * load.named_events) if load.tallies else 0,
        looks=load.experiments * HOURS_A_MONTH * 60 / load.look_minutes,
    )


_Quantity = tuple[str, str, float, str]


def _quantities(load: Workload, counts: _Counts) -> Iterator[_Quantity]:
    yield "API Gateway", "HTTP API requests", counts.calls, "http_api_request"
    yield from _of_lambda(load, counts)
    yield from _of_dynamodb(load, counts)
    yield from _of_kinesis(load, counts)
    yield from _of_s3(load, counts)
    yield from _of_athena(load, counts)
    yield "SQS", "tasks of the analysis and notices", 3 * (counts.looks + load.notices), "sqs_request"
    yield "SNS", "notices published", load.notices, "sns_publish"
    yield "SNS", "notices to mailboxes", load.notices, "sns_email"
    yield from _of_cloudwatch(load, counts)
    yield "EventBridge", "schedules", _DISPATCHES + _REFRESHES + HOURS_A_MONTH, "schedule"


def _of_lambda(load: Workload, counts: _Counts) -> Iterator[_Quantity]:
    second = f"lambda_gb_second_{load.architecture}"
    background = _DISPATCHES + _REFRESHES + HOURS_A_MONTH + counts.looks + load.notices
    predicting = counts.single * load.duration_ms + counts.batches * (load.duration_ms + load.batch_rows * load.row_ms)
    analysing = counts.looks * _LOOK_MS + _REFRESHES * _REFRESH_MS
    small = _DISPATCHES * _DISPATCH_MS + load.notices * _NOTIFY_MS
    yield "Lambda", "requests: authorizer", counts.calls, "lambda_request"
    yield "Lambda", "requests: predictions and events", counts.calls, "lambda_request"
    yield "Lambda", "requests: delivery and analysis", counts.deliveries + background, "lambda_request"
    yield "Lambda", "compute: authorizer", _gb_seconds(counts.calls * _AUTHORIZE_MS, _SMALL_MB), second
    yield "Lambda", "compute: predictions", _gb_seconds(predicting, load.memory_mb), second
    calls = load.events / load.events_per_call
    yield "Lambda", "compute: events taken in", _gb_seconds(calls * _INGEST_MS, _SMALL_MB), second
    yield "Lambda", "compute: delivery", _gb_seconds(counts.deliveries * _DELIVER_MS, _SMALL_MB), second
    yield (
        "Lambda",
        "compute: analysis and upkeep",
        _gb_seconds(analysing, _ANALYSIS_MB)
        + _gb_seconds(HOURS_A_MONTH * _COMPACT_MS, _COMPACTION_MB)
        + _gb_seconds(small, _SMALL_MB),
        second,
    )


def _of_dynamodb(load: Workload, counts: _Counts) -> Iterator[_Quantity]:
    sticky = counts.exposures * load.sticky_share
    assigned = sticky * (1 - load.returning_share)
    # An id and its arm are written in one transaction, which costs twice; a caller's requests are told once a second.
    yield "DynamoDB", "events tallied", 2 * counts.tallied, "dynamodb_write"
    yield "DynamoDB", "assignments kept", 2 * assigned, "dynamodb_write"
    yield "DynamoDB", "requests counted", min(counts.calls, load.callers * SECONDS_A_MONTH), "dynamodb_write"
    yield "DynamoDB", "assignments read", sticky, "dynamodb_read"
    days = load.storage_days / _DAYS_A_MONTH
    stored = (counts.tallied * _REMEMBERED_ID_BYTES + assigned * _ASSIGNMENT_BYTES) * days / GB
    yield "DynamoDB", "storage", stored, "dynamodb_storage"
    yield "DynamoDB", "point-in-time recovery", stored, "dynamodb_backup"


def _of_kinesis(load: Workload, counts: _Counts) -> Iterator[_Quantity]:
    if load.shards:
        hours = load.shards * HOURS_A_MONTH
        yield "Kinesis", "shards", hours, "kinesis_shard_hour"
        yield "Kinesis", "records written", counts.records * ceil(load.event_bytes / _PUT_UNIT), "kinesis_put_unit"
        yield "Kinesis", "retention beyond a day", hours, "kinesis_shard_retention"
        return
    # A record counts by the kilobyte, begun ones too.
    gigabytes = counts.records * ceil(load.event_bytes / _KB) * _KB / GB
    yield "Kinesis", "stream", HOURS_A_MONTH, "kinesis_stream_hour"
    yield "Kinesis", "data written", gigabytes, "kinesis_in"
    yield "Kinesis", "data read", gigabytes, "kinesis_out"
    kept = gigabytes * (_RETENTION_HOURS - _FREE_RETENTION_HOURS) / HOURS_A_MONTH
    yield "Kinesis", "retention beyond a day", kept, "kinesis_retention"


def _of_s3(load: Workload, counts: _Counts) -> Iterator[_Quantity]:
    months = load.storage_days / _DAYS_A_MONTH
    events = counts.records * load.stored_event_bytes * months / GB
    reports = load.experiments * load.reports * _REPORT_BYTES * months / GB
    files = _REPORT_FILES * (counts.looks + load.experiments * load.reports)
    # A look reads the compacted hours since its experiment began, of half a month on average.
    read = counts.looks * HOURS_A_MONTH / 2
    yield "S3", "events and reports kept", events + reports, "s3_storage"
    yield "S3", "objects written", counts.deliveries + 2 * HOURS_A_MONTH + files, "s3_put"
    yield "S3", "objects read", counts.deliveries + read, "s3_get"


def _of_athena(load: Workload, counts: _Counts) -> Iterator[_Quantity]:
    if load.athena:
        # Events of all experiments lie together, and each statement of a look reads those of half a month.
        scanned = counts.looks * _STATEMENTS_A_LOOK * counts.records / 2 * load.stored_event_bytes
        yield "Athena", "events read", scanned / _TB, "athena_scan"


def _of_cloudwatch(load: Workload, counts: _Counts) -> Iterator[_Quantity]:
    logged = (counts.calls * load.log_bytes + counts.deliveries * _DELIVERY_LOG_BYTES) / GB
    metrics = _METRICS_OF_THE_STACK + load.models * _METRICS_A_MODEL + load.experiments * _METRICS_AN_EXPERIMENT
    yield "CloudWatch", "logs written", logged, "logs_in"
    yield "CloudWatch", "logs kept", logged * load.log_days / _DAYS_A_MONTH, "logs_storage"
    yield "CloudWatch", "metrics", metrics, "custom_metric"
    yield "CloudWatch", "alarms", load.alarms, "alarm"
    yield "CloudWatch", "dashboard", 1, "dashboard"


def _gb_seconds(milliseconds: float, memory_mb: float) -> float:
    return milliseconds / 1_000 * memory_mb / 1_024
