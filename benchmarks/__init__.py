"""Benchmarks: ratios from one run on one machine, printed as tables by `python -m benchmarks`."""
