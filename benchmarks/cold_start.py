"""How long each function takes from its process's start to its first answer, beside a script with nothing to spare.

The functions run as they were built, with their layers and byte-code, on a Python of the runtime's version that has the
runtime's own packages; AWS is a moto server on loopback, which holds what the first event asks about, the last results
of the experiment among it. The script beside
imports what the function cannot do without (the SDK, the logger, pydantic, by which settings and input are checked, and
what computes its answer), makes the AWS calls that this event cannot be answered without, and computes what has to be
computed. Both run in turns. `BAKEOFF_BUILD_FOLDER` names a folder that SAM built before.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.built import build_folder
from benchmarks.environment import ROOT
from benchmarks.import_times import milliseconds_by_package
from benchmarks.report import Row, at_most, main
from scripts.built_functions import Deployment, deploy, this_architecture
from scripts.emulator import BuiltFunction
from scripts.example_data import example_event, put_events, put_experiment, put_key, put_model

TITLE = "Cold starts"

_SCRIPTS = Path(__file__).parent / "first_answers"
_PYTHON = ROOT / ".venv-lambda" / "bin" / "python"
_ROUNDS = 7
_WARM_UPS = 1
_PACKAGES_SHOWN = 6


EVENTS = {
    "AssignFunction": "assign",
    "AuthorizeFunction": "authorize",
    "ExperimentsFunction": "experiments",
    "PredictFunction": "predict",
    "IngestFunction": "ingest",
    "DeliverFunction": "deliver",
    "DispatchFunction": "dispatch",
    "AnalyzeFunction": "analyze-direct",
    "RefreshFunction": "refresh",
    "CompactFunction": "compact",
    "ReportsFunction": "reports",
    "NotifyFunction": "notify",
}
"""The example event that each function answers first."""


def start(function: BuiltFunction, script: str, event: Path, *options: str) -> str:
    """Run a process to its first answer, on a disk that no other one wrote to, and return what it told.

    Args:
        function: Whose packages and environment it has.
        script: What runs.
        event: The file that holds the event.
        options: For Python.

    Raises:
        RuntimeError: It gave no answer.
    """
    paths = [function.code, *(layer / "python" for layer in function.layers)]
    with TemporaryDirectory() as disk:
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "TMPDIR": disk,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "LAMBDA_TASK_ROOT": str(function.code),
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            **function.environment,
        }
        command = [str(_PYTHON), "-P", *options, str(_SCRIPTS / f"{script}.py"), str(event), function.handler]
        process = subprocess.run(  # noqa: S603 - scripts of this package
            command, cwd=function.code, env=environment, capture_output=True, check=False, text=True
        )
    if process.returncode != 0:
        raise RuntimeError(f"{function.name} by {script}: {process.stderr[-2_000:]}")
    return process.stderr


def event_of(name: str, deployment: Deployment, key: str) -> dict[str, Any]:
    """Read the first event of a function, about what the deployment holds."""
    event = example_event(EVENTS[name])
    if name == "AuthorizeFunction":
        event["headers"]["x-api-key"] = key
    if name == "NotifyFunction":
        (record,) = event["Records"]
        notice = json.loads(record["body"])
        notice["recipients"][0]["topic_arn"] = deployment.names["AlertTopic"]
        record["body"] = json.dumps(notice)
    return event


def measure(deployment: Deployment, names: Sequence[str]) -> Mapping[str, tuple[list[float], list[float]]]:
    """Start functions and their scripts in turns.

    Returns:
        By function: seconds of its own starts, and of the script's, round by round.
    """
    put_model(deployment)
    put_events(deployment, put_experiment(deployment))
    key = put_key(deployment, "read")
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in names}
    with TemporaryDirectory() as scratch:
        for turn in range(_WARM_UPS + _ROUNDS):
            for name in names:
                function, event = deployment.functions[name], Path(scratch, f"{name}.json")
                event.write_text(json.dumps(event_of(name, deployment, key)))
                scripts = "function", EVENTS[name].partition("-")[0]
                for script, seconds in zip(scripts, found[name], strict=True):
                    started = time.perf_counter()
                    start(function, script, event)
                    if turn >= _WARM_UPS:
                        seconds.append(time.perf_counter() - started)
    return found


def imports(deployment: Deployment, names: Sequence[str]) -> Iterator[Row]:
    """Say what the imports of each function take, of the packages that take most."""
    key = put_key(deployment, "read")
    with TemporaryDirectory() as scratch:
        event = Path(scratch, "event.json")
        for name in names:
            event.write_text(json.dumps(event_of(name, deployment, key)))
            told = start(deployment.functions[name], "function", event, "-X", "importtime")
            packages = milliseconds_by_package(told)
            most = ", ".join(f"{package} {spent:.0f}" for package, spent in islice(packages.items(), _PACKAGES_SHOWN))
            yield Row(
                f"{_short(name)}, ms of imports while they are timed", f"{sum(packages.values()):.0f}", detail=most
            )


def run() -> Sequence[Row]:
    """Measure."""
    with TemporaryDirectory() as scratch:
        build = build_folder(Path(scratch, "build"))
        with deploy(build, this_architecture(), Path(scratch, "moto.log")) as deployment:
            found = measure(deployment, list(EVENTS))
            taken = list(imports(deployment, list(EVENTS)))
    ratios = [
        at_most(
            f"{_short(name)} over its script",
            median(mine / script for mine, script in zip(*seconds, strict=True)),
            1.3,
            f"{median(seconds[0]) * 1e3:.0f} ms over {median(seconds[1]) * 1e3:.0f} ms",
        )
        for name, seconds in found.items()
    ]
    return [*ratios, *taken]


def _short(name: str) -> str:
    return name.removesuffix("Function")


if __name__ == "__main__":
    main(TITLE, run)
