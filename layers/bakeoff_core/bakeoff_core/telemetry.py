"""Logs and metrics, under the names that dashboards and alarms know."""

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "Bakeoff"

logger = Logger()


def count(name: str, value: float = 1, **dimensions: str) -> None:
    """Count something as a CloudWatch embedded metric.

    Args:
        name: The metric's name.
        value: By how much.
        dimensions: What the metric is broken down by.
    """
    _emit(name, MetricUnit.Count, value, dimensions)


def seconds(name: str, value: float, **dimensions: str) -> None:
    """Record a duration in seconds as a CloudWatch embedded metric."""
    _emit(name, MetricUnit.Seconds, value, dimensions)


def size(name: str, value: float, **dimensions: str) -> None:
    """Record a size in bytes as a CloudWatch embedded metric."""
    _emit(name, MetricUnit.Bytes, value, dimensions)


def _emit(name: str, unit: MetricUnit, value: float, dimensions: dict[str, str]) -> None:
    with single_metric(name=name, unit=unit, value=value, namespace=NAMESPACE) as metric:
        for dimension, detail in dimensions.items():
            metric.add_dimension(name=dimension, value=detail)
