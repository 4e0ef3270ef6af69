"""The events that Lambda makes of records and messages, and what it writes when it gives a batch up."""

import base64
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bakeoff.standin.retries import Attempt

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import RecordTypeDef
    from mypy_boto3_sqs.type_defs import MessageTypeDef


def kinesis_record(record: "RecordTypeDef", *, shard: str, stream_arn: str, region: str) -> dict[str, Any]:
    """One record of a Kinesis event."""
    sequence = record["SequenceNumber"]
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": sequence,
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{sequence}",
        "eventName": "aws:kinesis:record",
        "awsRegion": region,
        "eventSourceARN": stream_arn,
    }


def sqs_record(message: "MessageTypeDef", *, queue_arn: str, region: str) -> dict[str, Any]:
    """One record of an SQS event."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {
            name: {"stringValue": value.get("StringValue"), "dataType": value["DataType"]}
            for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }


def kinesis_failure(attempt: Attempt, *, shard: str, function_arn: str, now: datetime) -> dict[str, Any]:
    """The message that an on-failure destination gets: where the records are, not the records."""
    first, last = attempt.records[0], attempt.records[-1]
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": function_arn,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": attempt.retries + 1,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": _timestamp(now),
        "KinesisBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first["kinesis"]["sequenceNumber"],
            "endSequenceNumber": last["kinesis"]["sequenceNumber"],
            "approximateArrivalOfFirstRecord": _arrival(first["kinesis"]["approximateArrivalTimestamp"]),
            "approximateArrivalOfLastRecord": _arrival(last["kinesis"]["approximateArrivalTimestamp"]),
            "batchSize": len(attempt.records),
            "streamArn": first["eventSourceARN"],
        },
    }


def _arrival(seconds: float) -> str:
    return _timestamp(datetime.fromtimestamp(seconds, UTC))


def _timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
