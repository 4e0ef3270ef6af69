"""The processor time of other processes: a server's, with everything that it has started."""

import time
from collections import defaultdict
from pathlib import Path

_CLOCK_OF_A_PROCESS = 2  # Linux: the bits below a process's inverted number, for the time of all its threads


def seconds_of(pid: int) -> float:
    """The user and system time that a process has had, of all its threads, those that have ended included.

    Exact to the nanosecond, where /proc counts in hundredths of a second.

    Raises:
        OSError: There is no such process.
    """
    return time.clock_gettime(~pid << 3 | _CLOCK_OF_A_PROCESS)


def tree_of(pid: int) -> frozenset[int]:
    """A process and all that descend from it and run."""
    children = defaultdict(list)
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The second field is the program's name in brackets, which may hold anything.
            parent = file.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        children[int(parent)].append(int(file.parent.name))
    found, open_ends = {pid}, [pid]
    while open_ends:
        born = children[open_ends.pop()]
        found.update(born)
        open_ends.extend(born)
    return frozenset(found)
