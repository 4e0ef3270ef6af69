"""What imports take is added up by package."""

from benchmarks.import_times import milliseconds_by_package

REPORT = """\
import time: self [us] | cumulative | imported package
import time:       150 |        150 |   numpy._core
import time:      2500 |       3000 | numpy
import time:      4000 |       9000 |     boto3
a line of something else
"""


def test_modules_count_for_their_package_by_themselves() -> None:
    found = milliseconds_by_package(REPORT)
    assert found == {"boto3": 4.0, "numpy": 2.65}
    assert list(found) == ["boto3", "numpy"]
