"""How a command fails: one sentence on standard error, and exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from bakeoff.errors import UsageError
from bakeoff.standin.functions import InvocationError
from bakeoff_core.errors import BakeoffError

_EXPECTED = (
    BakeoffError,
    Boto3Error,
    BotoCoreError,
    ClientError,
    InvocationError,
    OSError,
    UsageError,
    ValidationError,
)


@contextmanager
def failures_in_words() -> Iterator[None]:
    """Turn what may go wrong into a message; anything else is a defect and keeps its traceback."""
    try:
        yield
    except _EXPECTED as error:
        typer.echo(f"bakeoff: {error}", err=True)
        raise typer.Exit(1) from error
