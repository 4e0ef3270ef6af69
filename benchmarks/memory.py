"""The most memory that functions take: prediction with three models, delivery of the largest batches, compaction.

Each function runs in a process of its own under Lambda's runtime client, which counts, as do the interpreter, the AWS
SDK and the event itself. What Lambda's sandbox takes beside the process does not. AWS is moto, in another process. A
megabyte is 2**20 bytes, as in the function's memory size.
"""

import compileall
import gzip
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from tempfile import TemporaryDirectory

from benchmarks.environment import ROOT, become

become("ingest_event", "deliver")

import boto3  # noqa: E402 - importable from here on
import httpx  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

from bakeoff.publishing import publish  # noqa: E402
from bakeoff_core.clock import utc_now  # noqa: E402
from bakeoff_core.stores.models import DynamoModelRegistry  # noqa: E402
from bakeoff_core.stores.objects import S3ObjectStore  # noqa: E402
from benchmarks.http_events import request  # noqa: E402
from benchmarks.kinesis_batches import FEATURES, MakeLine, full_batch, predicted, reported  # noqa: E402
from benchmarks.linear_model import NAMES, metadata  # noqa: E402
from benchmarks.report import Row, at_most, main  # noqa: E402
from benchmarks.runtime_api import FunctionProcess  # noqa: E402
from benchmarks.small_network import small_network  # noqa: E402

TITLE = "Memory"
MEGABYTE = 2**20
MOST_ABOVE_ONNXRUNTIME, MOST_OF_DELIVERY = 60, 128
TABLES = {
    "experiments": ("name", "item"),
    "models": ("name", "item"),
    "arms": ("name", "item"),
    "assignments": ("name", "item"),
    "tallied_events": ("event_id",),
}
BATCHES_IN_A_ROW = 2
MOST_IN_A_BATCH = 2_000
MODELS = ("first", "second", "third")


@contextmanager
def aws() -> Iterator[dict[str, str]]:
    """Run an AWS with the tables, the stream and the buckets that functions use.

    Yields:
        The environment of a function that uses them.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        **{name: os.environ[name] for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")},
        **{f"BAKEOFF_{name.upper()}_TABLE": name for name in TABLES},
        "BAKEOFF_MODEL_BUCKET": "models",
        "BAKEOFF_EVENT_BUCKET": "events",
        "BAKEOFF_EVENT_STREAM": "events",
    }
    os.environ["AWS_ENDPOINT_URL"] = environment["AWS_ENDPOINT_URL"]
    httpx.post(f"{environment['AWS_ENDPOINT_URL']}/moto-api/reset").raise_for_status()  # of what a former one held
    try:
        for name, keys in TABLES.items():
            boto3.client("dynamodb").create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": key, "KeyType": "RANGE" if number else "HASH"} for number, key in enumerate(keys)
                ],
            )
        for bucket in ("models", "events"):
            boto3.client("s3").create_bucket(Bucket=bucket)
        boto3.client("kinesis").create_stream(StreamName="events", ShardCount=1)
        environment["BAKEOFF_FALLBACK_QUEUE"] = boto3.client("sqs").create_queue(QueueName="fallback")["QueueUrl"]
        yield environment
    finally:
        server.stop()


def prediction() -> Sequence[Row]:
    """Let the function answer with three models, and hold it against a process that only imports onnxruntime."""
    with aws() as environment, TemporaryDirectory() as scratch:
        registry = DynamoModelRegistry(boto3.resource("dynamodb").Table("models"))
        objects = S3ObjectStore(boto3.client("s3"), "models")
        artefacts = []
        for seed, name in enumerate(MODELS):
            artefact, output = small_network(seed)
            known = {
                **metadata([]),
                "name": name,
                "probe": {"features": dict.fromkeys(NAMES, 1.0), "prediction": output},
            }
            publish(name, "v1", artefact, known, registry=registry, objects=objects, clock=utc_now, alias="champion")
            artefacts.append(artefact)
        with FunctionProcess(
            "predict", "predict.handler", ("bakeoff_core", "model_runtime"), {**environment, "TMPDIR": scratch}
        ) as function:
            for number in range(30):
                body = {"model_name": MODELS[number % len(MODELS)], "data": [number / 10] * len(NAMES)}
                answer = function.invoke(request("/predict", body))
                if answer["statusCode"] != HTTPStatus.OK:
                    raise RuntimeError(answer["body"])
            peak = function.peak_megabytes()
    own, sessions = _alone("import numpy, onnxruntime"), _alone(_SESSIONS, b"".join(artefacts))
    size = len(artefacts[0]) / 1e6
    return [
        at_most(
            f"predict with three models of {size:.1f} MB, MB above a process that imports onnxruntime and numpy",
            peak - own,
            MOST_ABOVE_ONNXRUNTIME,
            f"{peak:.0f} MB over {own:.0f} MB; three bare sessions of the same models: {sessions:.0f} MB",
        )
    ]


def delivery() -> Sequence[Row]:
    """Let the function deliver the largest batches that Lambda hands over, of small events and of large ones."""
    return [
        _delivery(f"{MOST_IN_A_BATCH:,} events, as many as the template lets into one", MOST_IN_A_BATCH, reported),
        _delivery(f"as many predictions of {FEATURES} features as go in", 1_400, predicted),
        _delivery("as many small events as go in", 6_500, reported),
        _delivery("6 events", 6, reported),
    ]


def _delivery(what: str, count: int, make: MakeLine) -> Row:
    batch = full_batch(count, make)
    with aws() as environment:
        with FunctionProcess("ingest_event", "deliver.handler", ("bakeoff_core",), environment) as function:
            function.invoke({"Records": []})
            idle = function.peak_megabytes()
            for _ in range(BATCHES_IN_A_ROW):
                answer = function.invoke(batch)
                if answer != {"batchItemFailures": []}:
                    raise RuntimeError(f"not delivered: {answer}")
            peak = function.peak_megabytes()
        objects = S3ObjectStore(boto3.client("s3"), "events")
        (key,) = objects.list("")
        lines = gzip.decompress(objects.get(key)).splitlines()
        if len(lines) != count:
            raise RuntimeError(f"{len(lines)} of {count} events were written")
    return at_most(
        f"deliver a full batch, peak MB: {what}",
        peak,
        MOST_OF_DELIVERY,
        f"{count:,} events, {len(json.dumps(batch)) / MEGABYTE:.2f} MB of JSON; {idle:.0f} MB before the first batch",
    )


_SESSIONS = """
import sys, numpy, onnxruntime
artefacts = sys.stdin.buffer.read()
size = len(artefacts) // 3
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
sessions = [
    onnxruntime.InferenceSession(artefacts[first : first + size], options, providers=["CPUExecutionProvider"])
    for first in range(0, len(artefacts), size)
]
for session in sessions:
    session.run(None, {"x": numpy.zeros((1, 100), numpy.float32)})
"""


def _alone(code: str, stdin: bytes = b"") -> float:
    """Run code in a fresh interpreter and tell its peak."""
    tail = "\nprint(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    done = subprocess.run([sys.executable, "-c", code + tail], input=stdin, capture_output=True, check=True)  # noqa: S603
    return int(done.stdout) / 1_024


def run() -> Sequence[Row]:
    """Measure."""
    for folder in ("functions/predict", "functions/ingest_event", "layers"):
        compileall.compile_dir(ROOT / folder, quiet=2)  # as a build does
    return [*prediction(), *delivery()]


if __name__ == "__main__":
    main(TITLE, run)
