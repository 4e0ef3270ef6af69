"""What imports take, as `python -X importtime` tells it."""

import re

_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)$", re.MULTILINE)


def milliseconds_by_package(report: str) -> dict[str, float]:
    """Add up what the modules of each package took by themselves.

    Args:
        report: What Python wrote, times in microseconds.

    Returns:
        Milliseconds by package, the longest first. They are longer than without the report being written.
    """
    found: dict[str, int] = {}
    for microseconds, module in _LINE.findall(report):
        package = module.partition(".")[0]
        found[package] = found.get(package, 0) + int(microseconds)
    return {package: found[package] / 1e3 for package in sorted(found, key=lambda each: -found[each])}
