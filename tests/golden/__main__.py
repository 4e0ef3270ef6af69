"""Write the golden files anew, after a change that was meant: `python -m tests.golden`.

Look at the difference before it is committed: every number in it is one that users see.
"""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [
    str(ROOT / folder)
    for folder in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["pythonpath"]
]

from tests.conftest import shared_data_folder  # noqa: E402 - importable from here on
from tests.golden.replays import CAMPAIGNS, landing_page, open_bandit, write  # noqa: E402 - likewise


def main() -> None:
    """Write every file whose data are here, and say which ones."""
    written = [write(f"open_bandit_{campaign}", open_bandit(campaign)) for campaign in CAMPAIGNS]
    data = shared_data_folder()
    if data is not None:
        written.append(write("landing_page", landing_page(data / "ab_data.csv.gz")))
    sys.stdout.writelines(f"{path.relative_to(ROOT)}\n" for path in written)


main()
