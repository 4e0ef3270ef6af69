"""What the checks of the template leave out is left out for a reason that stands beside it."""

import re
from typing import Any

from tests.cloudformation import PROJECT, source, walk


def test_every_check_that_is_left_out_for_all_has_its_reason_above_it() -> None:
    lines = (PROJECT / ".checkov.yaml").read_text().splitlines()
    skipped = [index for index, line in enumerate(lines) if re.match(r"\s+- CKV", line)]
    assert skipped
    for index in skipped:
        assert lines[index - 1].lstrip().startswith("# "), lines[index]


def test_every_check_that_is_left_out_for_one_resource_has_its_reason_with_it() -> None:
    skips: list[dict[str, Any]] = [
        skip for path, value in walk(source()["Resources"]) if path[-2:] == ("checkov", "skip") for skip in value
    ]
    assert skips
    for skip in skips:
        assert re.fullmatch(r"CKV\w*_AWS_\d+", skip["id"])
        assert len(skip["comment"].split()) > 4, skip


def test_nothing_else_is_suppressed() -> None:
    text = (PROJECT / "template.yaml").read_text()
    assert "ignore_checks" not in text
    assert not re.search("checkov:skip|cfn-lint|cfn_nag", text)
    assert not (PROJECT / ".cfnlintrc").exists()
    assert not (PROJECT / ".cfnlintrc.yaml").exists()
