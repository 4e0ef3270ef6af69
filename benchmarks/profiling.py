"""Profile one of the ways that a benchmark times.

python -m benchmarks.profiling assignment decision 1000000
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Protocol

from pyinstrument import Profiler

from benchmarks.environment import output_aside

_INTERVAL_SECONDS = 0.0005
_WARM_UP = 1_000


class Benchmark(Protocol):
    """A benchmark whose ways can be profiled, each made anew and called with a number that counts up."""

    WAYS: Mapping[str, Callable[[], Callable[[int], object]]]


def main() -> int:
    """Profile what was asked for, and print the tree of calls."""
    parser = argparse.ArgumentParser(description="Profile one of the ways that a benchmark times.")
    parser.add_argument("benchmark", help="its module")
    parser.add_argument("way", help="one of its WAYS")
    parser.add_argument("calls", type=int, help="how often it is called")
    options = parser.parse_args()
    benchmark: Benchmark = importlib.import_module(f"benchmarks.{options.benchmark}")
    if options.way not in benchmark.WAYS:
        print(f"{options.way} is none of {', '.join(benchmark.WAYS)}", file=sys.stderr)
        return 2
    way = benchmark.WAYS[options.way]()
    profiler = Profiler(interval=_INTERVAL_SECONDS)
    with output_aside():
        for number in range(_WARM_UP):
            way(number)
        with profiler:
            for number in range(options.calls):
                way(number)
    print(profiler.output_text(unicode=True, show_all=True), file=sys.__stdout__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
