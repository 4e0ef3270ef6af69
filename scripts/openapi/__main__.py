"""Write the OpenAPI document of all routes, or say with --check whether the file is out of date."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str]) -> int:
    """Write the document, or compare it."""
    for folder in (Path(__file__).parents[2] / "functions").iterdir():
        sys.path.append(str(folder))
    # Functions make their AWS clients when they are imported; none of them is used.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    from scripts.openapi.document import PATH, build_document, to_text  # noqa: PLC0415 - after the path and the region are set

    text = to_text(build_document())
    if list(arguments) == ["--check"]:
        if PATH.read_text(encoding="utf-8") == text:
            return 0
        print(f"{PATH.name} is out of date: run `make openapi` and look at what changed", file=sys.stderr)
        return 1
    PATH.write_text(text, encoding="utf-8")
    print(f"{PATH.name}: {text.count('operationId')} operations, {len(text):,} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
