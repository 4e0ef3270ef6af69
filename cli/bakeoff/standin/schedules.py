"""EventBridge Scheduler: a function invoked at a fixed rate."""

import logging
import re
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bakeoff.standin.functions import Function, InvocationError
from bakeoff.standin.template import TemplateError

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")

_SECONDS_TO_STOP = 1

logger = logging.getLogger(__name__)


def interval(expression: str) -> timedelta:
    """Read a rate expression.

    Raises:
        TemplateError: It is no rate.
    """
    match = _RATE.fullmatch(expression)
    if match is None:
        raise TemplateError(f"{expression}: the stand-in runs rate(...) schedules only")
    return timedelta(**{f"{match[2]}s": int(match[1])})


def scheduled_event(name: str, *, account: str, region: str, now: datetime) -> dict[str, Any]:
    """The event that EventBridge Scheduler sends when the schedule has no input of its own."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": account,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [f"arn:aws:scheduler:{region}:{account}:schedule/default/{name}"],
        "detail": "{}",
    }


class Timer:
    """Invokes a function once an interval, the first time when the first one has passed."""

    def __init__(self, every: timedelta, function: Function, make_event: Callable[[], dict[str, Any]]) -> None:
        self._every = every
        self._function = function
        self._make_event = make_event
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{function.name} timer", daemon=True)

    def start(self) -> None:
        """Begin to count."""
        self._thread.start()

    def stop(self) -> None:
        """Invoke no more; an invocation under way ends with its function."""
        self._stopping.set()
        self._thread.join(_SECONDS_TO_STOP)

    def _run(self) -> None:
        while not self._stopping.wait(self._every.total_seconds()):
            try:
                self._function.call(self._make_event())
            except InvocationError as error:
                logger.warning("%s", error)
