"""The bill, held to sums worked out by hand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.costs.monthly import Line, monthly_lines, total
from bakeoff.costs.prices import PriceTable, read_prices
from bakeoff.costs.workload import Workload
from bakeoff.errors import UsageError

PRICES = read_prices()
HEAD = '"region":"r","currency":"c","as_of":"2026-01-01"'
#: A million requests of 100 ms at 1 GB outside experiments, and nothing else.
PLAIN = Workload(
    requests=1_000_000,
    events=0,
    in_experiment=0,
    experiments=0,
    models=0,
    reports=0,
    notices=0,
    alarms=0,
    memory_mb=1_024,
    duration_ms=100,
)


def find(workload: Workload, service: str, what: str, prices: PriceTable = PRICES) -> Line:
    (line,) = [line for line in monthly_lines(workload, prices) if (line.service, line.what) == (service, what)]
    return line


@pytest.mark.parametrize(
    ("workload", "service", "what", "quantity", "cost"),
    [
        (PLAIN, "API Gateway", "HTTP API requests", 1_000_000, 1.00),
        (PLAIN, "Lambda", "requests: authorizer", 1_000_000, 0.20),
        # 1,000,000 * 0.1 s * 1 GB
        (PLAIN, "Lambda", "compute: predictions", 100_000, 1.66667),
        (replace(PLAIN, architecture="arm64"), "Lambda", "compute: predictions", 100_000, 1.33334),
        # 1,000,000 * 0.004 s * 0.5 GB
        (PLAIN, "Lambda", "compute: authorizer", 2_000, 0.0333334),
        # 750,000 * 100 ms + 250,000 * (100 ms + 100 rows * 1 ms), of 1 GB
        (replace(PLAIN, batch_share=0.25, row_ms=1), "Lambda", "compute: predictions", 125_000, 2.0833375),
        # each is an exposure and a prediction of a kilobyte
        (replace(PLAIN, in_experiment=1), "Kinesis", "data written", 2.048, 0.16384),
        (replace(PLAIN, in_experiment=1, event_bytes=1_025), "Kinesis", "data read", 4.096, 0.16384),
        (PLAIN, "Kinesis", "stream", 730, 29.20),
        # 2.048 GB a month, kept 48 hours beyond the first 24
        (replace(PLAIN, in_experiment=1), "Kinesis", "retention beyond a day", 2.048 * 48 / 730, 0.0134663),
        # an exposure is tallied with its id in one transaction
        (replace(PLAIN, in_experiment=1), "DynamoDB", "events tallied", 2_000_000, 1.25),
        (replace(PLAIN, in_experiment=1, sticky_share=0.5), "DynamoDB", "assignments kept", 300_000, 0.1875),
        (replace(PLAIN, in_experiment=1, sticky_share=0.5), "DynamoDB", "assignments read", 500_000, 0.0625),
        # at most one count a second and caller
        (replace(PLAIN, requests=10**9, callers=1), "DynamoDB", "requests counted", 2_628_000, 1.6425),
        (PLAIN, "DynamoDB", "requests counted", 1_000_000, 0.625),
        (replace(PLAIN, in_experiment=1, tallies=False), "DynamoDB", "events tallied", 0, 0),
        (replace(PLAIN, shards=10), "Kinesis", "shards", 7_300, 109.5),
        (replace(PLAIN, shards=10), "Kinesis", "retention beyond a day", 7_300, 146.0),
        # two records of two units
        (replace(PLAIN, in_experiment=1, shards=1, event_bytes=30_000), "Kinesis", "records written", 4e6, 0.056),
        # a delivery a shard and minute
        (replace(PLAIN, requests=0, events=10**7, shards=10), "S3", "objects written", 438_000 + 1_460, 2.1973),
        # one look a day, of ten statements, over half of 2,000,000 records of 120 bytes
        (
            replace(PLAIN, in_experiment=1, experiments=1, athena=True, look_minutes=1_440),
            "Athena",
            "events read",
            730 / 24 * 10 * 120e6 / 1e12,
            0.1825,
        ),
        # 10,000,000 events in calls of 100
        (replace(PLAIN, requests=0, events=10**7, events_per_call=100), "API Gateway", "HTTP API requests", 10**5, 0.1),
        # a delivery a shard and minute
        (replace(PLAIN, requests=0, events=10**7), "S3", "objects written", 175_200 + 1_460, 0.8833),
        # batches are full
        (replace(PLAIN, requests=0, events=10**9), "S3", "objects written", 500_000 + 1_460, 2.5073),
        # ten million events of 120 bytes a month, for 730 hours * 12 = 365 days
        (replace(PLAIN, requests=0, events=10**7, storage_days=365), "S3", "events and reports kept", 14.4, 0.3312),
        (replace(PLAIN, experiments=1, reports=0), "SQS", "tasks of the analysis and notices", 2_190, 0.000876),
        (replace(PLAIN, notices=1_000), "SNS", "notices to mailboxes", 1_000, 0.02),
        # 2,700 bytes of each call
        (PLAIN, "CloudWatch", "logs written", 2.7, 1.35),
        (replace(PLAIN, log_days=365 / 12), "CloudWatch", "logs kept", 2.7, 0.081),
        (replace(PLAIN, models=2, experiments=1), "CloudWatch", "metrics", 30 + 14 + 8, 15.6),
        (replace(PLAIN, alarms=20), "CloudWatch", "alarms", 20, 2.0),
    ],
)
def test_a_line_is_what_a_person_works_out(
    workload: Workload, service: str, what: str, quantity: float, cost: float
) -> None:
    line = find(workload, service, what)
    assert line.quantity == pytest.approx(quantity)
    assert line.cost == pytest.approx(cost, rel=1e-5)


def test_a_stack_that_nobody_uses_costs_its_stream_its_dashboard_and_its_metrics() -> None:
    lines = monthly_lines(replace(PLAIN, requests=0), PRICES)
    large = {(line.service, line.what): line.cost for line in lines if line.cost > 1}
    assert large == {
        ("Kinesis", "stream"): pytest.approx(29.2),
        ("CloudWatch", "metrics"): pytest.approx(9.0),
        ("CloudWatch", "dashboard"): pytest.approx(3.0),
    }


amounts = st.floats(0, 1e9)


@given(amounts, amounts, st.sampled_from(["requests", "events", "reports", "notices", "experiments", "storage_days"]))
def test_more_of_anything_never_costs_less(one: float, other: float, field: str) -> None:
    base = Workload(requests=1_000, events=1_000)
    changed: list[Any] = sorted(int(each) if field == "experiments" else each for each in (one, other))
    cheap, dear = (monthly_lines(replace(base, **{field: value}), PRICES) for value in changed)
    assert total(cheap) <= total(dear) * (1 + 1e-9)


def test_every_price_is_used() -> None:
    table = PRICES.model_copy(
        update={"prices": {name: price.model_copy(update={"price": 1}) for name, price in PRICES.prices.items()}}
    )
    used = set()
    busy = Workload(requests=10**6, events=10**6, sticky_share=0.5, athena=True)
    for name in table.prices:
        without = table.model_copy(
            update={"prices": {**table.prices, name: table.prices[name].model_copy(update={"price": 0})}}
        )
        for changes in ({"architecture": "x86_64"}, {"architecture": "arm64"}, {"shards": 4}):
            load = replace(busy, **changes)
            if total(monthly_lines(load, without)) < total(monthly_lines(load, table)):
                used.add(name)
    assert used == table.prices.keys()


def test_prices_of_ones_own_take_the_place_of_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    document = {
        "region": "eu-west-1",
        "currency": "EUR",
        "as_of": "2026-01-31",
        "prices": {"http_api_request": {"price": 2, "per": 1_000, "unit": "requests", "source": "a contract"}},
    }
    path.write_text(json.dumps(document))
    table = read_prices(path)
    assert (table.currency, table.as_of.isoformat()) == ("EUR", "2026-01-31")
    assert find(PLAIN, "API Gateway", "HTTP API requests", table).cost == 2_000
    assert find(PLAIN, "Kinesis", "stream", table).cost == pytest.approx(29.2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must be an object"),
        ('{"region":"r","currency":"c","as_of":"today","prices":{}}', "as_of: "),
        (
            f'{{{HEAD},"prices":{{"gold":{{"price":1,"per":1,"unit":"u","source":"s"}}}}}}',
            "prices gold, which no stack uses",
        ),
        (
            f'{{{HEAD},"prices":{{"alarm":{{"price":-1,"per":1,"unit":"u","source":"s"}}}}}}',
            "prices.alarm.price: ",
        ),
    ],
)
def test_a_wrong_file_of_prices_is_refused_in_words(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "prices.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        read_prices(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.json: there is no such file"):
        read_prices(tmp_path / "nothing.json")
