"""What a function finds around it in Lambda, for benchmarks that run it in their own process."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def become(function: str, service: str) -> None:
    """Put a function's folder on the path, with a region and credentials that reach nobody.

    Args:
        function: The folder below `functions`.
        service: The name that its metrics and logs have.
    """
    folders = (f"functions/{function}", "layers/bakeoff_core", "layers/model_runtime", "cli")
    sys.path[:0] = [str(ROOT / folder) for folder in folders]
    os.environ |= {
        "POWERTOOLS_METRICS_NAMESPACE": "Bakeoff",
        "POWERTOOLS_SERVICE_NAME": service,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "BAKEOFF_FALLBACK_QUEUE": "http://127.0.0.1/queue",
    }


@contextmanager
def output_aside() -> Iterator[StringIO]:
    """Let logs and metrics be written into memory, as they are in Lambda's pipe, and not onto the terminal."""
    real, sys.stdout = sys.stdout, StringIO()
    try:
        yield sys.stdout
    finally:
        sys.stdout = real
