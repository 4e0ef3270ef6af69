import base64
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from bakeoff.errors import UsageError
from bakeoff.standin.functions import InvocationError
from bakeoff.standin.standin import Standin

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  DeliveryWindowSeconds: {Type: Number, Default: 60}
Globals:
  Function: {Runtime: python3.13}
Resources:
  HttpApi: {Type: AWS::Serverless::HttpApi, Properties: {StageName: $default}}
  SharedLayer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}
  WebFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: web
      Handler: web.handler
      Timeout: 2
      MemorySize: 256
      Layers: [!Ref SharedLayer]
      Environment: {Variables: {BAKEOFF_TABLE: !Ref Table, BAKEOFF_QUEUE: !Ref Queue, NAME: !Sub "${AWS::StackName}-x"}}
      Events:
        Fixed: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Method: GET, Path: /things/fixed}}
        Thing: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Method: GET, Path: "/things/{name}"}}
        Put: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Method: POST, Path: /things}}
        Hourly: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 hour)}}
  DeliverFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: deliver
      Handler: deliver.handler
      Environment: {Variables: {TABLE: !Ref Table}}
      Events:
        Stream:
          Type: Kinesis
          Properties:
            Stream: !GetAtt Stream.Arn
            StartingPosition: TRIM_HORIZON
            BatchSize: 100
            MaximumBatchingWindowInSeconds: !Ref DeliveryWindowSeconds
            FunctionResponseTypes: [ReportBatchItemFailures]
            BisectBatchOnFunctionError: true
            MaximumRetryAttempts: 1
            DestinationConfig: {OnFailure: {Destination: !GetAtt Failures.Arn}}
        Queue:
          Type: SQS
          Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 10, FunctionResponseTypes: [ReportBatchItemFailures]}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
  Bucket: {Type: AWS::S3::Bucket}
  Stream: {Type: AWS::Kinesis::Stream, Properties: {StreamModeDetails: {StreamMode: ON_DEMAND}}}
  Queue: {Type: AWS::SQS::Queue}
  Failures: {Type: AWS::SQS::Queue}
"""

WEB = """
import base64, json, os, time
from shared import GREETING
calls = 0

def handler(event, context):
    global calls
    calls += 1
    if event.get("source") == "aws.scheduler":
        return {"scheduled": event["detail"]}
    if event.get("rawPath") == "/things/plain":
        return {"plain": True}
    if event.get("rawPath") == "/things/raise":
        raise RuntimeError("a secret")
    if event.get("rawPath") == "/things/exit":
        os._exit(3)
    if event.get("rawPath") == "/things/slow":
        time.sleep(30)
    if event.get("rawPath") == "/things/binary":
        return {"statusCode": 201, "body": base64.b64encode(b"\\x00\\xff").decode(), "isBase64Encoded": True,
                "headers": {"Content-Type": "application/octet-stream"}, "cookies": ["a=1", "b=2"]}
    print("handled", context.aws_request_id)
    seen = {"event": event, "environment": dict(os.environ), "greeting": GREETING, "pid": os.getpid(), "calls": calls,
            "memory": context.memory_limit_in_mb, "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis()}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(seen)}
"""

DELIVER = """
import base64, os, boto3
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

def handler(event, context):
    failures = []
    for record in event["Records"]:
        if record["eventSource"] == "aws:sqs":
            table.put_item(Item={"id": record["body"], "by": "queue"})
            continue
        body = base64.b64decode(record["kinesis"]["data"]).decode()
        if body == "poison":
            raise RuntimeError("poison")
        if body.startswith("flaky"):
            known = table.get_item(Key={"id": body}).get("Item")
            if known is None:
                table.put_item(Item={"id": body, "by": "first look"})
                return {"batchItemFailures": [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]}
        table.put_item(Item={"id": body, "by": record["eventID"].split(":")[0], "batch": len(event["Records"])})
    return {"batchItemFailures": failures}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    for path, text in {
        "template.yaml": TEMPLATE,
        "layer/shared.py": "GREETING = 'hello from the layer'\n",
        "web/web.py": WEB,
        "deliver/deliver.py": DELIVER,
    }.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(textwrap.dedent(text))
    return root


@pytest.fixture(scope="module")
def standin(project: Path) -> Iterator[Standin]:
    with Standin(project / "template.yaml", logs=project / "logs") as standin:
        yield standin


@pytest.fixture(scope="module")
def http(standin: Standin) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=standin.url, timeout=30) as client:
        yield client


def items(standin: Standin) -> dict[str, dict[str, Any]]:
    found = standin.client("dynamodb").scan(TableName=standin.resources["Table"])["Items"]
    return {item["id"]["S"]: item for item in found}


def put(standin: Standin, *bodies: str) -> None:
    records = [{"Data": body.encode(), "PartitionKey": "one"} for body in bodies]
    standin.client("kinesis").put_records(StreamName=standin.resources["Stream"], Records=records)


def test_a_request_reaches_the_handler_as_a_payload_2_event(http: httpx.Client) -> None:
    answer = http.get(
        "/things/a%20b", params=[("x", "1"), ("x", "2"), ("y", "")], headers={"X-Trace": "t", "Cookie": "a=1; b=2"}
    )
    event = answer.json()["event"]
    assert answer.status_code == 200
    assert event["version"] == "2.0"
    assert event["routeKey"] == "GET /things/{name}"
    assert event["rawPath"] == "/things/a b"
    assert event["rawQueryString"] == "x=1&x=2&y="
    assert event["queryStringParameters"] == {"x": "1,2", "y": ""}
    assert event["pathParameters"] == {"name": "a b"}
    assert event["headers"]["x-trace"] == "t"
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["requestContext"]["http"]["method"] == "GET"
    assert event["requestContext"]["stage"] == "$default"
    assert "body" not in event


def test_a_fixed_route_goes_before_one_with_a_parameter(http: httpx.Client) -> None:
    event = http.get("/things/fixed").json()["event"]
    assert event["routeKey"] == "GET /things/fixed"
    assert "pathParameters" not in event


@pytest.mark.parametrize(
    ("content_type", "body", "encoded"),
    [("application/json", b'{"a": "\xc3\xa9"}', False), ("application/octet-stream", b"\x00\xff", True)],
)
def test_bodies_arrive_as_text_or_base64(http: httpx.Client, content_type: str, body: bytes, *, encoded: bool) -> None:
    event = http.post("/things", content=body, headers={"Content-Type": content_type}).json()["event"]
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


def test_the_environment_is_the_templates(http: httpx.Client, standin: Standin) -> None:
    os.environ["LEAKED"] = "no"
    seen = http.get("/things/x").json()
    environment = seen["environment"]
    assert environment["BAKEOFF_TABLE"] == standin.resources["Table"]
    assert environment["NAME"] == "bakeoff-x"
    assert environment["AWS_ENDPOINT_URL"] == standin.endpoint_url
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "WebFunction"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert "LEAKED" not in environment
    assert seen["greeting"] == "hello from the layer"
    assert seen["memory"] == 256
    assert seen["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:WebFunction"
    assert 0 < seen["left"] <= 2000


def test_answers_become_http(http: httpx.Client) -> None:
    plain = http.get("/things/plain")
    assert (plain.status_code, plain.json()) == (200, {"plain": True})
    binary = http.get("/things/binary")
    assert (binary.status_code, binary.content) == (201, b"\x00\xff")
    assert binary.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_failures_say_what_api_gateway_says(http: httpx.Client, project: Path) -> None:
    for path in ("/things/raise", "/things/exit"):
        answer = http.get(path)
        assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    slow = http.get("/things/slow")
    assert (slow.status_code, slow.json()) == (503, {"message": "Service Unavailable"})
    unknown = http.get("/nothing")
    assert (unknown.status_code, unknown.json()) == (404, {"message": "Not Found"})
    assert http.delete("/things/x").status_code == 404
    assert http.post("/things", content=b"x" * (10 * 1024 * 1024 + 1)).status_code == 413
    assert http.get("/things/x").status_code == 200
    log = (project / "logs" / "WebFunction.log").read_text()
    assert "RuntimeError: a secret" in log
    assert "Task timed out after 2.00 seconds" in log
    assert "handled " in log


def test_a_container_stays_warm(http: httpx.Client) -> None:
    first, second = (http.get("/things/x").json() for _ in range(2))
    assert second["pid"] == first["pid"]
    assert second["calls"] == first["calls"] + 1


def test_functions_can_be_invoked_as_lambda_is(standin: Standin, http: httpx.Client) -> None:
    event = {"source": "aws.scheduler", "detail": "{}"}
    assert standin.invoke("WebFunction", event) == {"scheduled": "{}"}
    assert standin.run_schedules() == {"WebFunction": {"scheduled": "{}"}}
    with pytest.raises(InvocationError, match="RuntimeError: a secret"):
        standin.invoke("WebFunction", {"rawPath": "/things/raise"})
    path = "/2015-03-31/functions/WebFunction/invocations"
    good = http.post(path, json=event)
    assert (good.status_code, good.json()) == (200, {"scheduled": "{}"})
    bad = http.post(path, json={"rawPath": "/things/raise"})
    assert (bad.status_code, bad.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert bad.json()["errorType"] == "RuntimeError"
    assert http.post("/2015-03-31/functions/Other/invocations", json={}).status_code == 404


def test_the_aws_sdk_can_invoke_a_function(standin: Standin) -> None:
    client = boto3.client(
        "lambda",
        endpoint_url=standin.environment["AWS_ENDPOINT_URL_LAMBDA"],
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    good = client.invoke(FunctionName="WebFunction", Payload=b'{"rawPath": "/things/plain"}')
    assert (good["StatusCode"], json.load(good["Payload"])) == (200, {"plain": True})
    bad = client.invoke(FunctionName="WebFunction", Payload=b'{"rawPath": "/things/raise"}')
    assert bad["FunctionError"] == "Unhandled"
    assert client.invoke(FunctionName="WebFunction", InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="Nothing"):
        client.invoke(FunctionName="Nothing", Payload=b"{}")


def test_stream_and_queue_are_delivered(standin: Standin) -> None:
    put(standin, "a", "b")
    queue = standin.environment["BAKEOFF_QUEUE"]
    standin.client("sqs").send_message(QueueUrl=queue, MessageBody="c")
    standin.drain()
    found = items(standin)
    assert found["a"]["by"]["S"] == found["b"]["by"]["S"] == "shardId-000000000000"
    assert found["c"]["by"]["S"] == "queue"
    left = standin.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessages"] == left["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_a_reported_failure_is_retried_from_there_on(standin: Standin) -> None:
    put(standin, "d", "flaky-1", "e")
    standin.drain()
    found = items(standin)
    assert found["flaky-1"]["by"]["S"] == "shardId-000000000000"
    assert {"d", "e"} <= found.keys()


def test_a_poisonous_record_is_cut_out_and_reported(standin: Standin) -> None:
    put(standin, "f", "g", "poison", "h")
    standin.drain()
    assert {"f", "g", "h"} <= items(standin).keys()
    sqs = standin.client("sqs")
    messages = sqs.receive_message(QueueUrl=standin.resources["Failures"])["Messages"]
    told = json.loads(messages[0]["Body"])
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["KinesisBatchInfo"]["batchSize"] == 1
    assert told["KinesisBatchInfo"]["shardId"] == "shardId-000000000000"


def test_data_stays_when_it_is_asked_for(project: Path, tmp_path: Path) -> None:
    template, logs = project / "template.yaml", tmp_path / "logs"
    with Standin(template, logs=logs, keep=tmp_path / "data") as first:
        first.client("s3").put_object(
            Bucket=first.resources["Bucket"], Key="a/b.txt", Body=b"kept", ContentType="text/x"
        )
        put(first, "in the stream")
    with Standin(template, logs=logs, keep=tmp_path / "data") as second:
        kept = second.client("s3").get_object(Bucket=second.resources["Bucket"], Key="a/b.txt")
        assert (kept["Body"].read(), kept["ContentType"]) == (b"kept", "text/x")
        assert items(second).keys() == {"in the stream"}
    with Standin(template, logs=logs) as third:
        assert items(third) == {}


def test_a_port_that_is_taken_is_named(project: Path, standin: Standin, tmp_path: Path) -> None:
    port = standin.url.rpartition(":")[2]
    with pytest.raises(UsageError, match=f"port {port}: Address already in use"):
        Standin(project / "template.yaml", logs=tmp_path, port=int(port)).__enter__()


def test_nothing_is_left_running(project: Path, tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import os, sys, httpx
        from pathlib import Path
        from bakeoff.standin.standin import Standin
        if __name__ == "__main__":
            with Standin(Path({str(project / "template.yaml")!r}), logs=Path({str(tmp_path)!r})) as standin:
                pid = httpx.get(standin.url + "/things/x", timeout=60).json()["pid"]
                print(pid, standin._cloud._process.pid, flush=True)
                if sys.argv[1] == "die":
                    os._exit(9)
    """)
    script = tmp_path / "program.py"
    script.write_text(program)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    for way in ("leave", "die"):
        run = subprocess.run(
            [sys.executable, str(script), way], capture_output=True, text=True, check=False, env=environment, timeout=60
        )
        pids = [int(pid) for pid in run.stdout.split()]
        assert len(pids) == 2, run.stderr
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
