"""Timing several ways of doing the same thing in one run, in turns, so that a busy moment hits all of them alike.

What is counted is the processor's time, of all threads, which other processes hardly change.
"""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Timing:
    """One way's times.

    Attributes:
        rounds: Microseconds a call, one number a round.
    """

    rounds: tuple[float, ...]

    @property
    def microseconds(self) -> float:
        """The median round."""
        return median(self.rounds)


def time_in_turns(
    ways: Mapping[str, Callable[[int], object]], *, calls: int, rounds: int = 15, warm_up: int = 2
) -> dict[str, Timing]:
    """Time each way, round after round in turns.

    Args:
        ways: By name; each is called with a number that counts up, so that calls differ.
        calls: How often a way is called in one round.
        rounds: How many rounds count.
        warm_up: How many rounds before them do not.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    number = 0
    gc.disable()
    try:
        for turn in range(warm_up + rounds):
            for name, way in ways.items():
                started = time.process_time()
                for _ in range(calls):
                    number += 1
                    way(number)
                spent = (time.process_time() - started) / calls * 1e6
                if turn >= warm_up:
                    found[name].append(spent)
            gc.collect()
    finally:
        gc.enable()
    return {name: Timing(tuple(spent)) for name, spent in found.items()}


def ratio(timings: Mapping[str, Timing], of: str, to: str) -> float:
    """The median over the rounds of one way's time over another's in the same round."""
    pairs = zip(timings[of].rounds, timings[to].rounds, strict=True)
    return median(mine / other for mine, other in pairs)
