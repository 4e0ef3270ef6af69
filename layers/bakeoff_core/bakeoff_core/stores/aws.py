"""How AWS is reached, and how its failures enter the domain."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bakeoff_core.errors import DependencyUnavailable

# Whoever has an answer without a table waits still less for it.
_IMPATIENT = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
_ONCE = Config(connect_timeout=1, retries={"mode": "standard", "total_max_attempts": 1})
# An answer to a user cannot wait for the SDK's default of a minute.
_CONFIG = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


def client(service: str) -> Any:
    """Make a client of an AWS service that gives up soon enough for a caller who waits.

    Args:
        service: The service as boto3 calls it, such as "kinesis".
    """
    # Links to objects under a customer's key need the fourth signature version, which S3 alone does not use by itself.
    config = _CONFIG.merge(Config(signature_version="s3v4")) if service == "s3" else _CONFIG
    return boto3.client(service, config=config)  # type: ignore[call-overload]


def impatient_client(service: str, seconds: float = 1) -> Any:
    """Make a client that asks once and waits little, for a caller who tries again or has another way.

    Args:
        service: The service as boto3 calls it, such as "kinesis".
        seconds: How long it waits for an answer once it is connected.
    """
    return boto3.client(service, config=_ONCE.merge(Config(read_timeout=seconds)))  # type: ignore[call-overload]


def table(name: str) -> Any:
    """Make a DynamoDB table that gives up soon enough for a caller who waits.

    Args:
        name: The table's name.
    """
    return boto3.resource("dynamodb", config=_CONFIG).Table(name)


def impatient_table(name: str) -> Any:
    """Make a DynamoDB table that gives up within about two seconds, for a caller who has an answer without it.

    Args:
        name: The table's name.
    """
    return boto3.resource("dynamodb", config=_IMPATIENT).Table(name)


@contextmanager
def aws_failures(what: str) -> Iterator[None]:
    """Turn a call that AWS refused or never answered into DependencyUnavailable.

    The SDK has made its own retries by then.

    Args:
        what: The service in the caller's words, such as "the experiment table".
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise DependencyUnavailable(what) from error
