"""Put load on a stack, and say how it bore it.

python -m benchmarks.load                                    # every scenario, against a stand-in of its own
python -m benchmarks.load low medium
python -m benchmarks.load high --url https://… --key bk_…    # against a stack that is deployed

What a run leaves behind is in `.local/load`: Locust's HTML report of each scenario, and its figures as CSV.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.environment import ROOT
from benchmarks.load.outcome import Line, bottleneck, grouped, read_failures, read_stats
from benchmarks.load.scenarios import SCENARIOS, Scenario

_FOLDER = ROOT / ".local" / "load"
_LOCUSTFILE = Path(__file__).with_name("locustfile.py")
_REASONS_SHOWN = 5
_LOCUST_FOUND_FAILURES = 1  # its exit status then; whether they are too many is decided here

Processes = Callable[[], dict[int, str]]


def main() -> int:
    """Run what was asked for.

    Returns:
        The exit status: 1 where more requests failed than may.
    """
    options = _options()
    console = Console()
    bore = True
    with _target(options) as (url, key, processes):
        for name in options.scenarios or SCENARIOS:
            lines, sentence = run(name, SCENARIOS[name], url, key, processes)
            _show(console, name, lines, sentence)
            bore &= lines[0].failed_share <= options.most_failures
    console.print(f"reports are in {_FOLDER}")
    return 0 if bore else 1


def run(name: str, scenario: Scenario, url: str, key: str, processes: Processes) -> tuple[list[Line], str]:
    """Put one scenario's load on a stack.

    Args:
        name: What its files are called.
        scenario: How much.
        url: The API.
        key: A key of the scope client.
        processes: Names the processes of a stand-in; nothing for a stack that is somewhere else.

    Returns:
        The figures, of all routes first; and who took the processors' time.

    Raises:
        RuntimeError: Locust itself failed.
    """
    _FOLDER.mkdir(parents=True, exist_ok=True)
    before = _seconds(processes())
    client = _ask(name, scenario, url, key)
    after = _seconds(processes())
    lines = read_stats(_FOLDER / f"{name}_stats.csv")
    elapsed = lines[0].requests / lines[0].per_second
    spent = {pid: (who, total - before.get(pid, (who, 0.0))[1]) for pid, (who, total) in after.items()}
    by_name = grouped([*spent.values(), ("the client", client)]) if spent else {}
    return lines, bottleneck(by_name, elapsed, os.cpu_count() or 1)


def _ask(name: str, scenario: Scenario, url: str, key: str) -> float:
    """Have Locust ask, and return the seconds of the processor that it took itself."""
    command = [sys.executable, "-m", "locust", "--locustfile", str(_LOCUSTFILE), "--headless", "--only-summary"]
    command += ["--host", url, "--users", str(scenario.users), "--spawn-rate", str(scenario.users)]
    command += ["--run-time", str(scenario.seconds), "--stop-timeout", "30"]
    command += ["--html", str(_FOLDER / f"{name}.html")]
    environment = {
        **os.environ,
        "BAKEOFF_API_KEY": key,
        "LOAD_REQUESTS": str(scenario.requests),
        "LOAD_FIGURES": str(_FOLDER / name),
    }
    with (_FOLDER / f"{name}.log").open("w") as log:
        process = psutil.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        spent = 0.0
        while process.poll() is None:
            with process.oneshot():
                spent = _of(process) or spent
            time.sleep(0.05)
    if process.returncode not in {0, _LOCUST_FOUND_FAILURES}:
        raise RuntimeError(f"Locust ended with {process.returncode}; see {_FOLDER / f'{name}.log'}")
    return spent


def _seconds(names: dict[int, str]) -> dict[int, tuple[str, float]]:
    """Read the processor time of processes, by their ids."""
    return {pid: (name, _of(psutil.Process(pid))) for pid, name in names.items() if psutil.pid_exists(pid)}


def _of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@contextmanager
def _target(options: argparse.Namespace) -> Iterator[tuple[str, str, Processes]]:
    """Find the stack that was named, or start one on this machine."""
    if options.url:
        yield options.url, options.key, dict
        return
    from bakeoff.api import Api  # noqa: PLC0415 - seconds of imports that another stack needs none of
    from bakeoff.demo.job import Job, publish_models, start_experiments  # noqa: PLC0415
    from bakeoff.stack import Stack  # noqa: PLC0415
    from bakeoff.standin.standin import Standin  # noqa: PLC0415

    logs = _FOLDER / "logs"
    job = Job(ROOT / "template.yaml", ROOT / "examples", _FOLDER / "reports", logs, users=0, seed=0)
    with (
        Standin(job.template, logs=logs, max_containers=options.containers) as standin,
        Api(standin.url, standin.keys["admin"]) as api,
    ):
        publish_models(job.examples / "models" / "recommendation", Stack.from_environment(standin.environment))
        start_experiments(api, job)
        yield standin.url, standin.keys["client"], standin.processes


def _show(console: Console, name: str, lines: Sequence[Line], sentence: str) -> None:
    scenario = SCENARIOS[name]
    table = Table(title=f"{name}: {scenario.requests:,} requests by {scenario.users} users", title_justify="left")
    table.add_column("", overflow="fold")
    for heading in ("requests", "failed", "a second", "p50", "p95", "p99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for line in lines:
        times = (f"{each:,.0f} ms" for each in (line.p50, line.p95, line.p99))
        table.add_row(line.route, f"{line.requests:,}", f"{line.failures:,}", f"{line.per_second:,.0f}", *times)
    console.print(table)
    for reason in read_failures(_FOLDER / f"{name}_failures.csv")[:_REASONS_SHOWN]:
        console.print(f"failed {reason}", style="red")
    console.print(sentence)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="Put load on a stack.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}; all without one")
    parser.add_argument("--url", help="the API of a stack; without one a stand-in is started and ended")
    parser.add_argument("--key", default=os.environ.get("BAKEOFF_API_KEY", ""), help="a key of the scope client")
    parser.add_argument("--containers", type=int, default=2, help="processes that a function of the stand-in may have")
    parser.add_argument("--most-failures", type=float, default=0.01, help="share of requests that may fail")
    options = parser.parse_args()
    if unknown := [name for name in options.scenarios if name not in SCENARIOS]:
        parser.error(f"no scenario is called {', '.join(unknown)}, only {', '.join(SCENARIOS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
