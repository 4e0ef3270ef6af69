"""What so many requests a day need of each service, in plain arithmetic, and how a stack is set up for them.

Everything that is not counted from the code is an assumption, and stands in `Assumptions`; what AWS grants stands in
`LIMITS`, with its source. docs/scale.md shows what comes out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log2

from bakeoff.costs.monthly import monthly_lines
from bakeoff.costs.prices import read_prices
from bakeoff.costs.workload import Workload

DAY = 86_400
MONTH_DAYS = 730 / 24
GB = 10**9


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the model takes as given.

    Attributes:
        peak_to_mean: Requests of the busiest second over those of the mean one.
        predict_cpu_ms: Processor time of a prediction within an experiment, one row, in the function.
        runtime_cpu_ms: Processor time of Lambda's runtime client around it.
        predict_wait_ms: How long a prediction waits for AWS: one call of Kinesis.
        authorize_ms: What the authorizer takes.
        ingest_ms: What a call of /ab_test/events takes.
        deliver_ms: What a full batch of records takes to be written.
        transaction_ms: What a transaction of DynamoDB takes, during which its items are held.
        conflict_share: Share of transactions that may meet another.
        events_per_request: Events that callers report for each request within an experiment.
        events_per_call: How many of them come in one call.
        event_bytes: An event as it travels.
        stored_event_bytes: An event in S3.
        analysed_event_bytes: What an event takes on the disk of an analysis, beside the object it is in.
        configuration_bytes: An experiment as it is kept.
        sticky_share: Share of the requests within experiments whose experiment keeps its assignments.
        new_unit_share: Share of those of units that have none yet.
        assignment_bytes: A kept assignment.
        assignment_days: How long it is kept.
        shard_skew: Records of the fullest shard over those of the mean one.
        hot_share: Share of the traffic within experiments that goes to the busiest one.
        arms: Groups of an experiment.
        compacted_per_second: Events that compaction writes, on one processor.
        analysed_per_second: Events that DuckDB sums up, on one processor.
        look_days: Days of events that a look reads.
        statements_a_look: Statements of a look that Athena runs, each reading the events.
        log_bytes: What is logged of a call.
    """

    peak_to_mean: float = 3
    predict_cpu_ms: float = 0.088
    runtime_cpu_ms: float = 0.25
    predict_wait_ms: float = 20
    authorize_ms: float = 4
    ingest_ms: float = 20
    deliver_ms: float = 400
    transaction_ms: float = 20
    conflict_share: float = 0.1
    events_per_request: float = 0.2
    events_per_call: float = 10
    event_bytes: float = 600
    stored_event_bytes: float = 120
    analysed_event_bytes: float = 62
    configuration_bytes: float = 4_000
    sticky_share: float = 0.2
    new_unit_share: float = 0.3
    assignment_bytes: float = 200
    assignment_days: float = 400
    shard_skew: float = 1.25
    hot_share: float = 0.5
    arms: int = 2
    compacted_per_second: float = 230_000
    analysed_per_second: float = 1_000_000
    look_days: float = 30
    statements_a_look: int = 10
    log_bytes: float = 2_700


GIVEN = Assumptions()

WHENCE: Mapping[str, str] = {
    "predict_cpu_ms": "benchmarks/RESULTS.md, entry point for one row",
    "runtime_cpu_ms": "measured under the Runtime Interface Emulator with a handler that does nothing",
    "authorize_ms": "as `bakeoff cost`",
    "ingest_ms": "as `bakeoff cost`",
    "deliver_ms": "as `bakeoff cost`",
    "event_bytes": "as `bakeoff cost`",
    "stored_event_bytes": "as `bakeoff cost`",
    "analysed_event_bytes": "benchmarks/RESULTS.md, twenty million events on disk",
    "log_bytes": "as `bakeoff cost`",
    "statements_a_look": "as `bakeoff cost`",
    "assignment_bytes": "as `bakeoff cost`",
    "assignment_days": "`sticky_days`, by default",
    "events_per_call": "as `bakeoff cost`",
    "shard_skew": "simulated below, of many users",
    "compacted_per_second": "benchmarks/RESULTS.md, 2 million events in 8.5 s",
    "analysed_per_second": "benchmarks/RESULTS.md, 2 million events of Parquet in 1.6 s, 20 million in 12 times that",
}
"""Where an assumption comes from; one that is not here is a guess to be replaced by your own figure."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What AWS grants.

    Attributes:
        value: How much, by default.
        unit: Of what.
        source: The page and its section.
        confirmed: Whether the page was looked up in 2026-11; else it is known as of 2025-06.
        adjustable: Whether AWS raises it on request.
    """

    value: float
    unit: str
    source: str
    confirmed: bool = True
    adjustable: bool = False


LIMITS: Mapping[str, Limit] = {
    "api_rate": Limit(
        10_000, "requests/s a region", "Amazon API Gateway quotas, account-level, per Region", adjustable=True
    ),
    "containers": Limit(1_000, "containers a region", "Lambda quotas, Compute and storage", adjustable=True),
    "container_rate": Limit(10, "requests/s a container", "Lambda quotas, Lambda API requests"),
    "scaling": Limit(1_000, "containers each 10 s, a function", "Lambda scaling behavior, Concurrency scaling rate"),
    "function_memory": Limit(10_240, "MB of memory", "Lambda quotas, Function configuration"),
    "function_storage": Limit(10_240, "MB of /tmp", "Lambda quotas, Function configuration", confirmed=False),
    "function_seconds": Limit(900, "s a call", "Lambda quotas, Function configuration"),
    "shard_records": Limit(1_000, "records/s in, a shard", "Kinesis Data Streams, Quotas and limits"),
    "shard_bytes": Limit(1_000_000, "bytes/s in, a shard", "Kinesis Data Streams, Quotas and limits"),
    "shard_read": Limit(2_000_000, "bytes/s out, a shard", "Kinesis Data Streams, Quotas and limits"),
    "on_demand_start": Limit(4_000_000, "bytes/s in, a new stream", "Kinesis Data Streams, Quotas and limits"),
    "on_demand": Limit(
        200_000_000,
        "bytes/s in, a stream; 10 GB/s in three regions",
        "Kinesis Data Streams, Quotas and limits",
        adjustable=True,
    ),
    "shards": Limit(
        1_000,
        "shards a region; 6,000 or 20,000 in some",
        "Kinesis Data Streams, Quotas and limits",
        adjustable=True,
    ),
    "partition_writes": Limit(
        1_000, "write units/s a partition", "DynamoDB, Best practices for designing partition keys"
    ),
    "partition_reads": Limit(
        3_000, "read units/s a partition", "DynamoDB, Best practices for designing partition keys"
    ),
    "table_writes": Limit(
        40_000, "write units/s a table", "Quotas in Amazon DynamoDB, Throughput default quotas", adjustable=True
    ),
    "new_table_writes": Limit(
        4_000, "write units/s a new table; twice its peak each 30 minutes", "DynamoDB, warm throughput"
    ),
    "transaction": Limit(100, "actions a transaction", "DynamoDB Transactions: How it works, TransactWriteItems"),
    "prefix_writes": Limit(3_500, "writes/s a prefix", "AWS re:Post, S3 request rate (repeats the S3 user guide)"),
    "prefix_reads": Limit(5_500, "reads/s a prefix", "AWS re:Post, S3 request rate (repeats the S3 user guide)"),
    "athena_queries": Limit(
        150,
        "queries at once; by region",
        "Amazon Athena endpoints and quotas, Active DML queries",
        confirmed=False,
        adjustable=True,
    ),
    "fifo_rate": Limit(300, "calls/s of a FIFO queue", "Amazon SQS message quotas", confirmed=False),
}


@dataclass(frozen=True, slots=True)
class Setup:
    """A scale, and what of it is let into experiments.

    Attributes:
        name: As the tables call it.
        requests_a_day: Requests for predictions.
        in_experiment: Share of them within experiments: what `sample_rate` lets in.
        experiments: How many run.
        tallies: Whether arms are tallied.
        provisioned: Whether the stream has shards of its own.
        look_minutes: How often each experiment is looked at.
        architecture: Of the functions.
        key_cache_seconds: How long a container remembers a key.
        configuration_seconds: How long it remembers a configuration.
    """

    name: str
    requests_a_day: float
    in_experiment: float = 1
    experiments: int = 5
    tallies: bool = True
    provisioned: bool = False
    look_minutes: float = 60
    architecture: str = "x86_64"
    key_cache_seconds: int = 10
    configuration_seconds: int = 10


MILLION = Setup("a million", 10**6)
HUNDRED_MILLION = Setup("a hundred million", 10**8, experiments=50)
HUNDRED_MILLION_SAMPLED = Setup(
    "a hundred million, sampled",
    10**8,
    0.1,
    experiments=50,
    provisioned=True,
    look_minutes=1_440,
    architecture="arm64",
    configuration_seconds=60,
)
TEN_BILLION = Setup("ten billion", 10**10, experiments=200)
TEN_BILLION_SAMPLED = Setup(
    "ten billion, sampled",
    10**10,
    0.001,
    experiments=200,
    provisioned=True,
    look_minutes=1_440,
    architecture="arm64",
    key_cache_seconds=30,
    configuration_seconds=60,
)
SETUPS = (MILLION, HUNDRED_MILLION, HUNDRED_MILLION_SAMPLED, TEN_BILLION, TEN_BILLION_SAMPLED)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a scale needs, of the busiest second unless it says otherwise.

    Attributes:
        requests: Requests a second.
        calls: Requests and calls of /ab_test/events a second.
        predict_containers: Containers of the prediction function.
        authorize_containers: Of the authorizer.
        ingest_containers: Of the intake.
        deliver_containers: Of delivery.
        seconds_to_peak: How long Lambda takes to scale the prediction function from the mean to the peak.
        records: Records a second onto the stream.
        stream_bytes: Bytes a second onto the stream.
        shards: Shards that take them, with their skew.
        files: Objects written a second.
        files_an_hour: Objects of the mean hour, until it is compacted.
        configuration_reads: Read units a second on the item of the busiest experiment.
        tally_writes: Write units a second on the table of tallied ids.
        tally_transactions: Transactions a second that add to one arm of the busiest experiment.
        counter_shards: Items an arm for so few conflicts as are assumed.
        new_assignments: Assignments kept a second.
        assignments: Assignments kept in the long run.
        events_an_hour: Events of the mean hour.
        compaction_seconds: What an hour of them takes to compact.
        look_events: Events that a look reads.
        look_seconds: What DuckDB takes for them on six processors, which a function of 10 GB has.
        look_bytes: What they are in S3.
        look_disk_bytes: What they take on disk while they are analysed there.
        athena_bytes: What Athena reads for a look.
        key_reads: Read units a second on the item of the only key in use.
        stacks: Stacks in accounts of their own, of which each has ten times what an account has by default.
        logs_a_day: Bytes of logs.
    """

    requests: float
    calls: float
    predict_containers: int
    authorize_containers: int
    ingest_containers: int
    deliver_containers: int
    seconds_to_peak: float
    records: float
    stream_bytes: float
    shards: int
    files: float
    files_an_hour: float
    configuration_reads: float
    tally_writes: float
    tally_transactions: float
    counter_shards: int
    new_assignments: float
    assignments: float
    events_an_hour: float
    compaction_seconds: float
    look_events: float
    look_seconds: float
    look_bytes: float
    look_disk_bytes: float
    athena_bytes: float
    key_reads: float
    stacks: int
    logs_a_day: float

    @property
    def containers(self) -> int:
        """Containers of all functions."""
        return self.predict_containers + self.authorize_containers + self.ingest_containers + self.deliver_containers


BATCH_RECORDS = 2_000
DELIVERY_WINDOW = 60
MEAN_AGE = 0.75  # of the bound, since each answer serves for between half of it and all
_PROCESSORS = 6


def containers_for(rate: float, milliseconds: float) -> int:
    """How many containers a rate takes: by Little's law, and by the requests a second that Lambda gives each.

    Args:
        rate: Requests a second.
        milliseconds: What one takes.
    """
    return ceil(max(rate * milliseconds / 1_000, rate / LIMITS["container_rate"].value))


def events_of_a_transaction(arms: int) -> int:
    """How many ids fit into a transaction beside what it adds to the arms."""
    return int(LIMITS["transaction"].value) - arms


def additions(events: float, arms: int) -> float:
    """How many transactions of a batch add to one arm, which begins and ends within transactions of its neighbours.

    Args:
        events: Events of the arm in the batch.
        arms: How many arms a transaction adds to.
    """
    return events / events_of_a_transaction(arms) + min(1.0, events)


def conflict_share(transactions: float, shards: int, given: Assumptions = GIVEN) -> float:
    """How many transactions meet another on their item: the share of time in which it is held.

    Args:
        transactions: Transactions a second that add to an arm.
        shards: Items that they are spread over.
        given: How long one takes.
    """
    return min(1.0, transactions / shards * given.transaction_ms / 1_000)


def needs(setup: Setup, given: Assumptions = GIVEN) -> Needs:
    """Work out what a scale needs.

    Args:
        setup: The scale.
        given: What is taken as given.
    """
    mean = setup.requests_a_day / DAY
    requests = mean * given.peak_to_mean
    exposures = requests * setup.in_experiment
    events = exposures * given.events_per_request
    calls = requests + events / given.events_per_call
    records = 2 * exposures + events
    stream_bytes = records * given.event_bytes
    shards = ceil(
        given.shard_skew * max(records / LIMITS["shard_records"].value, stream_bytes / LIMITS["shard_bytes"].value)
    )
    predict_ms = given.predict_cpu_ms + given.runtime_cpu_ms + given.predict_wait_ms
    predicting = containers_for(requests, predict_ms)
    authorizing = containers_for(calls, given.authorize_ms)
    files = max(shards / DELIVERY_WINDOW, records / BATCH_RECORDS)
    tallied = exposures if setup.tallies else 0.0
    transactions = files * additions(tallied / files * given.hot_share / given.arms, given.arms)
    sequential = ceil(tallied / files / events_of_a_transaction(given.arms)) * given.transaction_ms
    new = exposures * given.sticky_share * given.new_unit_share
    events_an_hour = records / given.peak_to_mean * 3_600
    look_events = events_an_hour * 24 * given.look_days
    look_bytes = look_events * given.stored_event_bytes
    read_units = ceil(given.configuration_bytes / 4_096) / 2
    return Needs(
        requests=requests,
        calls=calls,
        predict_containers=predicting,
        authorize_containers=authorizing,
        ingest_containers=containers_for(events / given.events_per_call, given.ingest_ms),
        deliver_containers=min(shards, ceil(files * (given.deliver_ms + sequential) / 1_000)),
        seconds_to_peak=(predicting - containers_for(mean, predict_ms)) / LIMITS["scaling"].value * 10,
        records=records,
        stream_bytes=stream_bytes,
        shards=shards,
        files=files,
        files_an_hour=max(shards * 3_600 / DELIVERY_WINDOW, events_an_hour / BATCH_RECORDS),
        configuration_reads=predicting / (MEAN_AGE * setup.configuration_seconds) * read_units,
        tally_writes=2 * tallied,
        tally_transactions=transactions,
        counter_shards=_power_of_two(transactions * given.transaction_ms / 1_000 / given.conflict_share),
        new_assignments=new,
        assignments=new / given.peak_to_mean * DAY * given.assignment_days,
        events_an_hour=events_an_hour,
        compaction_seconds=events_an_hour / given.compacted_per_second,
        look_events=look_events,
        look_seconds=look_events / given.analysed_per_second / _PROCESSORS,
        look_bytes=look_bytes,
        look_disk_bytes=look_bytes + look_events * given.analysed_event_bytes,
        athena_bytes=look_bytes * given.statements_a_look,
        key_reads=authorizing / (MEAN_AGE * setup.key_cache_seconds),
        stacks=ceil(
            max(calls / LIMITS["api_rate"].value, (predicting + authorizing) / LIMITS["containers"].value) / 10
        ),
        logs_a_day=calls / given.peak_to_mean * DAY * given.log_bytes,
    )


def _power_of_two(least: float) -> int:
    return 1 if least <= 1 else 1 << ceil(log2(least))


def reads_too_much(need: Needs) -> bool:
    """Whether DuckDB in the largest function no longer does, so that Athena must sum up events."""
    return need.look_disk_bytes > LIMITS["function_storage"].value * 10**6 or need.look_seconds > ANALYSIS_SECONDS


ANALYSIS_SECONDS = 300
"""How long a look may take."""


def settings(setup: Setup) -> dict[str, str]:
    """Name the parameters of template.yaml that a scale sets.

    Args:
        setup: The scale.
    """
    need = needs(setup)
    athena = reads_too_much(need)
    rate = _rounded(need.calls)
    one_item = LIMITS["partition_reads"].value
    chosen = {
        "RequestsPerSecond": f"{max(1_000, rate)}",
        "RequestBurst": f"{max(2_000, min(rate, 5_000))}",
        "KeyRequestsPerSecond": f"{max(1_000, rate)}",
        "KeyBurst": f"{max(2_000, rate)}",
        "ConfigurationMaxAgeSeconds": f"{setup.configuration_seconds}",
        "KeyCacheSeconds": f"{max(setup.key_cache_seconds, _tens(need.authorize_containers / MEAN_AGE / one_item))}",
        "EventStreamShards": f"{need.shards}" if setup.provisioned else "0",
        "ArmTallies": "on" if setup.tallies else "off",
        "CounterShards": f"{max(8, need.counter_shards)}",
        "AnalysisEngine": "athena" if athena else "duckdb",
        "Architecture": setup.architecture,
    }
    if athena:
        chosen["AthenaScanLimitBytes"] = f"{ceil(need.look_bytes / GB) * 2 * GB}"
    else:
        if need.look_seconds * _PROCESSORS > ANALYSIS_SECONDS:
            chosen["AnalysisMemory"] = f"{int(LIMITS['function_memory'].value)}"
        chosen["AnalysisStorage"] = f"{int(LIMITS['function_storage'].value)}"
    if need.containers > LIMITS["containers"].value / 4:
        for name, containers in (("Predict", need.predict_containers), ("Authorize", need.authorize_containers)):
            chosen[f"{name}ReservedConcurrency"] = f"{_rounded(containers)}"
    return chosen


def _tens(value: float) -> int:
    return ceil(value / 10) * 10


def _rounded(value: float) -> int:
    """Round up to two digits."""
    unit: int = 10 ** max(0, ceil(log2(max(value, 1)) / log2(10)) - 2)
    return ceil(value / unit) * unit


def bill(setup: Setup) -> dict[str, float]:
    """Add up by service what a scale costs a month, with `bakeoff cost`'s prices.

    Args:
        setup: The scale.
    """
    need = needs(setup)
    requests = setup.requests_a_day * MONTH_DAYS
    workload = Workload(
        requests=requests,
        events=requests * setup.in_experiment * GIVEN.events_per_request,
        in_experiment=setup.in_experiment,
        sticky_share=GIVEN.sticky_share,
        returning_share=1 - GIVEN.new_unit_share,
        experiments=setup.experiments,
        event_bytes=GIVEN.event_bytes,
        stored_event_bytes=GIVEN.stored_event_bytes,
        log_bytes=GIVEN.log_bytes,
        architecture="arm64" if setup.architecture == "arm64" else "x86_64",
        shards=need.shards if setup.provisioned else 0,
        tallies=setup.tallies,
        athena=reads_too_much(need),
        look_minutes=setup.look_minutes,
    )
    costs: dict[str, float] = {}
    for line in monthly_lines(workload, read_prices()):
        costs[line.service] = costs.get(line.service, 0.0) + line.cost
    return costs
