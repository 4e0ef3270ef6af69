"""Logs and metrics, under the names that dashboards and alarms know."""

import json
import re
import sys
import time
from os import environ

from aws_lambda_powertools import Logger

NAMESPACE = environ.get("POWERTOOLS_METRICS_NAMESPACE", "Bakeoff")
"""Where a stack's metrics are; template.yaml gives each stack its own."""

_EXPERIMENT_OF_PATH = re.compile(r"/(?:ab_test/experiments?|ofrep/v1/evaluate/flags)/([^/]+)")
_SERVICE = environ.get("POWERTOOLS_SERVICE_NAME", "bakeoff")

logger = Logger()


def of_request(request_id: str, path: str) -> None:
    """Let the log lines from here on name a request, and its experiment where its path does.

    Args:
        request_id: The id that the caller sees, too.
        path: The request's path.
    """
    named = _EXPERIMENT_OF_PATH.match(path)
    logger.append_keys(request_id=request_id, experiment_name=named[1] if named else None)


def of_experiment(name: str) -> None:
    """Let the log lines from here on, until the next request, name an experiment."""
    logger.append_keys(experiment_name=name)


def count(name: str, value: float = 1, **dimensions: str) -> None:
    """Count something as a CloudWatch embedded metric.

    Args:
        name: The metric's name.
        value: By how much.
        dimensions: What the metric is broken down by. It is there in total as well, for alarms watch totals.
    """
    _emit(name, "Count", value, dimensions)


def seconds(name: str, value: float, **dimensions: str) -> None:
    """Record a duration in seconds as a CloudWatch embedded metric."""
    _emit(name, "Seconds", value, dimensions)


def size(name: str, value: float, **dimensions: str) -> None:
    """Record a size in bytes as a CloudWatch embedded metric."""
    _emit(name, "Bytes", value, dimensions)


def _emit(name: str, unit: str, value: float, dimensions: dict[str, str]) -> None:
    total = {"service": _SERVICE}
    # CloudWatch refuses a dimension without a value.
    detailed = {key: detail for key, detail in dimensions.items() if detail.strip()} | total
    sets = [list(detailed)] if detailed == total else [list(detailed), list(total)]
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1_000),
            "CloudWatchMetrics": [
                {"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": [{"Name": name, "Unit": unit}]}
            ],
        },
        **detailed,
        name: [float(value)],
    }
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
