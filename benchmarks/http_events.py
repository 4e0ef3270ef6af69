"""Requests as API Gateway hands them over, and the context that Lambda adds."""

import json
from typing import Any


class Context:
    """The context of an invocation that has plenty of time."""

    function_name = "benchmark"
    memory_limit_in_mb = 1_769
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:benchmark"
    aws_request_id = "52fdfc07-2182-154f-163f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        """Tell the time left."""
        return 20_000


def request(path: str, body: dict[str, Any], request_id: str = "request-1") -> dict[str, Any]:
    """Make an event of payload format 2.0 for a POST, as the authorizer let it through."""
    return {
        "version": "2.0",
        "routeKey": f"POST {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "content-type": "application/json",
            "host": "api.example.com",
            "user-agent": "benchmark",
            "x-request-id": request_id,
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "benchmark",
            "authorizer": {"lambda": {"key_id": "k", "scopes": "client", "throttled": False}},
            "domainName": "api.example.com",
            "http": {
                "method": "POST",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "benchmark",
            },
            "requestId": request_id,
            "routeKey": f"POST {path}",
            "stage": "$default",
            "time": "15/Jan/2026:10:00:00 +0000",
            "timeEpoch": 1_768_471_200_000,
        },
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
