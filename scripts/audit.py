"""Known vulnerabilities of the packages that are deployed, as pip-audit finds them in PyPI's advisories.

Run it after `sam build`. It fails on a vulnerability. Where the advisories cannot be read, as behind a mirror without
them, it says which packages were not looked up; with --require it fails then, too.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.inventory import inventory

_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of it.

    Attributes:
        looked_up: How many packages there were advisories to read of.
        vulnerable: A line for each vulnerability.
        not_looked_up: Packages that nothing could be learned of, by the reason.
    """

    looked_up: int
    vulnerable: tuple[str, ...]
    not_looked_up: Mapping[str, tuple[str, ...]]


def read_report(report: Mapping[str, Any]) -> Audit:
    """Read pip-audit's report in JSON."""
    found = report["dependencies"]
    return Audit(
        looked_up=sum("skip_reason" not in each for each in found),
        vulnerable=tuple(
            f"{each['name']} {each['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'none'}"
            for each in found
            for flaw in each.get("vulns", ())
        ),
        not_looked_up=_by_reason({each["name"]: each["skip_reason"] for each in found if "skip_reason" in each}),
    )


def _by_reason(reasons: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    # What follows the colon is the package again.
    kinds = {name: reason.partition(":")[0] for name, reason in reasons.items()}
    return {kind: tuple(name for name in kinds if kinds[name] == kind) for kind in dict.fromkeys(kinds.values())}


def ask(pins: Sequence[str]) -> Audit:
    """Look packages up.

    Args:
        pins: Each with its version, such as "numpy==2.4.0".
    """
    with tempfile.TemporaryDirectory() as scratch:
        requirements, report = Path(scratch, "requirements.txt"), Path(scratch, "report.json")
        requirements.write_text("\n".join(pins))
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--progress-spinner", "off"]
        command += ["--requirement", str(requirements), "--format", "json", "--output", str(report)]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return Audit(0, (), {f"no answer within {_SECONDS} seconds": tuple(pins)})
        if not report.exists():
            reason = (ran.stderr.strip().splitlines() or ["pip-audit failed"])[-1]
            return Audit(0, (), {reason: tuple(pins)})
        return read_report(json.loads(report.read_text()))


def describe(audit: Audit) -> str:
    """Say what came of an audit, above all what could not be learned."""
    lines = [f"VULNERABLE {line}" for line in audit.vulnerable]
    lines += [f"NOT AUDITED {', '.join(names)}: {reason}" for reason, names in audit.not_looked_up.items()]
    unknown = sum(map(len, audit.not_looked_up.values()))
    lines.append(
        f"Looked up: {audit.looked_up}. Vulnerabilities: {len(audit.vulnerable)}. Packages NOT AUDITED: {unknown}."
    )
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Audit a build folder, .aws-sam/build unless one is named."""
    folders = [each for each in arguments if each != "--require"]
    packages = inventory(Path(*(folders[:1] or [".aws-sam/build"])))
    audit = ask(sorted(f"{package.name}=={package.version}" for package in packages if package.ecosystem == "pypi"))
    print(describe(audit))
    unknown = "--require" in arguments and bool(audit.not_looked_up)
    return 1 if audit.vulnerable or unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
