"""What taking events in costs: calls of Kinesis for a request of 500 events of 1 KB, and the processor's time an event.

The function's own entry point answers an event of API Gateway, with logs and metrics on. Its client of Kinesis is the
SDK's own, whose calls are answered before they are sent. The floor is to parse the body, to write each event as a line
and to write the answer. Delivery is beside it: from the stream's records to the file, with both stores in memory.
"""

import base64
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from benchmarks.environment import become, output_aside

become("ingest_event", "ingest")

from botocore.awsrequest import AWSResponse  # noqa: E402 - importable from here on
from botocore.compat import HTTPHeaders  # noqa: E402

from bakeoff_core.clock import utc_now  # noqa: E402
from bakeoff_core.events.intake import EventIntake  # noqa: E402
from bakeoff_core.stores.aws import impatient_client  # noqa: E402
from bakeoff_core.stores.objects import InMemoryObjectStore  # noqa: E402
from bakeoff_core.stores.streams import KinesisEventStream  # noqa: E402
from bakeoff_core.stores.tallies import NoTallies  # noqa: E402
from bakeoff_core.telemetry import logger  # noqa: E402
from benchmarks.http_events import Context, request  # noqa: E402
from benchmarks.kinesis_batches import full_batch, reported  # noqa: E402
from benchmarks.report import Row, at_most, main  # noqa: E402
from benchmarks.side_by_side import ratio, time_in_turns  # noqa: E402
from deliver import deliver  # noqa: E402
from delivery import Deliverer  # noqa: E402
from failed_batches import FailedBatches  # noqa: E402
from ingest import build_api  # noqa: E402

TITLE = "Event intake"
EVENTS = 500
EVENT_BYTES = 1_000
MOST_CALLS = 2
EVENTS_A_BATCH = 2_000


class CountingKinesis:
    """Answers PutRecords in the place of the network, and counts.

    Args:
        client: A boto3 client of Kinesis.
    """

    def __init__(self, client: Any) -> None:
        self.calls = self.records = 0
        client.meta.events.register("before-send.kinesis.PutRecords", self._answer)

    def _answer(self, request: Any, **_: object) -> AWSResponse:
        records = request.body.count(b'"PartitionKey"')
        self.calls += 1
        self.records += records
        taken = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
        body = json.dumps({"FailedRecordCount": 0, "Records": [taken] * records}).encode()
        return AWSResponse("", 200, HTTPHeaders(), _Body(body))


class _Body:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Sequence[bytes]:
        return [self._body]


def reports() -> list[dict[str, Any]]:
    """What a caller sends: 500 events of a kilobyte of JSON each."""
    return [_report(number) for number in range(EVENTS)]


def _report(number: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {"page": f"/item/{number}", "position": number % 7, "note": ""}
    report = {
        "event_id": f"0c6d2f0e-{number:08}",
        "user_id": f"user-{number % 97}",
        "event_type": "click",
        "event_value": number / 4,
        "timestamp": "2026-03-01T12:00:00Z",
        "metadata": metadata,
    }
    metadata["note"] = "n" * (EVENT_BYTES - len(json.dumps(report)))
    return report


def the_request() -> dict[str, Any]:
    """The event of API Gateway that brings them."""
    return {**request("/ab_test/events", {}), "body": json.dumps(reports())}


def entry_point(client: Any) -> Callable[[Mapping[str, Any]], Any]:
    """Answer requests as the function does."""
    api = build_api(EventIntake(KinesisEventStream(client, "events"), utc_now))
    context: Any = Context()

    @logger.inject_lambda_context
    def handler(event: Mapping[str, Any], context: Any) -> Any:  # noqa: ARG001 - Lambda's signature
        return api.resolve(event)

    return lambda event: handler(event, context)


def floor(body: str) -> str:
    """Parse the body, write each event as a line, write the answer."""
    parsed = json.loads(body)
    lines = [json.dumps(each).encode() for each in parsed]
    results = [
        {"index": index, "event_id": each["event_id"], "status": "accepted"} for index, each in enumerate(parsed)
    ]
    return json.dumps({"accepted": len(lines), "rejected": 0, "results": results})


def floor_of_delivery(batch: Mapping[str, Any]) -> bytes:
    """Decode each record, parse and write it, and compress the lines."""
    lines = [json.dumps(json.loads(base64.b64decode(each["kinesis"]["data"]))).encode() for each in batch["Records"]]
    return gzip.compress(b"\n".join(lines), 6)


def intake() -> Callable[[int], object]:
    """Answer one request again and again."""
    client = impatient_client("kinesis", 5)
    CountingKinesis(client)
    answer, event = entry_point(client), the_request()
    return lambda _number: answer(event)


def delivery() -> Callable[[int], object]:
    """Deliver one batch again and again."""
    batch = full_batch(EVENTS_A_BATCH, reported)
    deliverer, failed_batches = Deliverer(InMemoryObjectStore(), NoTallies(), utc_now), FailedBatches(None)
    return lambda _number: deliver(batch, deliverer, failed_batches)


def _sdk() -> Callable[[int], object]:
    client = impatient_client("kinesis", 5)
    CountingKinesis(client)
    records = [{"Data": json.dumps(each).encode(), "PartitionKey": each["user_id"]} for each in reports()]
    return lambda _number: client.put_records(StreamName="events", Records=records)


def _floor() -> Callable[[int], object]:
    body = json.dumps(reports())
    return lambda _number: floor(body)


def _floor_of_delivery() -> Callable[[int], object]:
    batch = full_batch(EVENTS_A_BATCH, reported)
    return lambda _number: floor_of_delivery(batch)


WAYS = {
    "intake": intake,
    "floor": _floor,
    "sdk": _sdk,
    "delivery": delivery,
    "floor of delivery": _floor_of_delivery,
}


def run() -> Sequence[Row]:
    """Measure."""
    with output_aside():
        calls, taken, size = _counted()
        timings = time_in_turns({name: make() for name, make in WAYS.items()}, calls=1, rounds=25)
    spent = {
        name: timing.microseconds / (EVENTS_A_BATCH if "delivery" in name else EVENTS)
        for name, timing in timings.items()
    }
    return [
        at_most(
            f"Kinesis calls for {EVENTS} events of {EVENT_BYTES / 1_000:.0f} KB",
            calls,
            MOST_CALLS,
            f"{taken} records; the request's body has {size / 1_000:.0f} KB",
        ),
        Row(
            "intake, the SDK's call included, over its floor",
            f"{ratio(timings, 'intake', 'floor'):.2f}",
            detail=f"{spent['intake']:.1f} µs an event over {spent['floor']:.1f} µs; "
            f"the SDK's call takes {spent['sdk']:.1f} µs of it",
        ),
        Row(
            "delivery over its floor",
            f"{ratio(timings, 'delivery', 'floor of delivery'):.2f}",
            detail=f"{spent['delivery']:.1f} µs an event over {spent['floor of delivery']:.1f} µs",
        ),
    ]


def _counted() -> tuple[int, int, int]:
    client, event = impatient_client("kinesis", 5), the_request()
    kinesis = CountingKinesis(client)
    answer = entry_point(client)(event)
    if (answer["statusCode"], kinesis.records) != (HTTPStatus.ACCEPTED, EVENTS):
        raise RuntimeError(f"{kinesis.records} of {EVENTS} events were taken: {answer['body'][:200]}")
    return kinesis.calls, kinesis.records, len(event["body"])


if __name__ == "__main__":
    main(TITLE, run)
