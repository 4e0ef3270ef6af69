"""Batches of records as Lambda hands them over from Kinesis, as large as they come."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from bakeoff_core.events.model import Event

LARGEST_EVENT = 6 * 1024**2
"""What Lambda hands over at most, in bytes of JSON."""

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEATURES = 100
_FIRST_SEQUENCE = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
_LETTERS = "abcdefghijklmnopqrstuvwxyz "
_EVERY_TENTH = 10

MakeLine = Callable[[Random, int, int], bytes]
"""Makes the line of an event: of a number, and with so many bytes of padding."""


def full_batch(count: int, make: MakeLine) -> dict[str, Any]:
    """Make a batch of so many events that is nearly as large as Lambda hands over.

    Raises:
        ValueError: So many events are larger.
    """
    bare = batch_of(count, make, padding=0)
    room = LARGEST_EVENT - len(json.dumps(bare))
    if room < 0:
        raise ValueError(f"{count} events are {-room} bytes larger than what Lambda hands over")
    return batch_of(count, make, padding=room // count // 4 * 3)  # four bytes of base64 hold three


def batch_of(count: int, make: MakeLine, padding: int) -> dict[str, Any]:
    """Make a batch of so many events."""
    random = Random(count)  # noqa: S311 - a benchmark
    return {"Records": [kinesis_record(number, make(random, number, padding)) for number in range(count)]}


def reported(random: Random, number: int, padding: int) -> bytes:
    """What a user did; every tenth is an exposure and names an arm."""
    of_an_arm = {"experiment_name": "checkout", "group_name": "treatment", "config_version": 1, "propensity": 0.5}
    return _line(
        random,
        number,
        event_type="click" if number % _EVERY_TENTH else "exposure",
        metadata={"note": "".join(random.choices(_LETTERS, k=padding))},
        **({} if number % _EVERY_TENTH else of_an_arm),
    )


def predicted(random: Random, number: int, padding: int) -> bytes:
    """A prediction with its features, which are many small values."""
    return _line(
        random,
        number,
        event_type="prediction",
        model_name="linear",
        model_version="v1",
        metadata={
            "features": {f"feature_{feature:03}": round(random.random(), 3) for feature in range(FEATURES)},
            "prediction": random.random(),
            "note": "".join(random.choices(_LETTERS, k=padding)),
        },
    )


def kinesis_record(number: int, line: bytes) -> dict[str, Any]:
    """Make the record of a line, with all that Lambda tells of it."""
    sequence = str(_FIRST_SEQUENCE + number)
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": f"user-{number:08}",
            "sequenceNumber": sequence,
            "data": base64.b64encode(line).decode(),
            "approximateArrivalTimestamp": NOON.timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/deliver",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/events",
    }


def _line(random: Random, number: int, **fields: Any) -> bytes:
    return Event(
        event_id=f"019cb0a2-{random.getrandbits(80):020x}",
        user_id=f"user-{number:08}",
        timestamp=NOON,
        received_at=NOON,
        **fields,
    ).to_line()
