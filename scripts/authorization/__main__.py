"""`python -m scripts.authorization`: the table of docs/security.md, made anew."""

import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def main() -> None:
    """Ask every route with every kind of key, and write down what came of it."""
    folders = (PROJECT / "functions" / "authorize", PROJECT / "layers" / "bakeoff_core", PROJECT / "cli")
    sys.path[:0] = [str(folder) for folder in folders]
    from scripts.authorization.matrix import PAGE, declared_routes, matrix, table, with_table  # noqa: PLC0415

    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_table(page, table(matrix(declared_routes()))), encoding="utf-8")


if __name__ == "__main__":
    main()
