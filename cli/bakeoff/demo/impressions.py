"""The real impressions that the demo works on: the Open Bandit sample of the examples folder."""

import importlib.util
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, cast

from bakeoff.errors import UsageError


class Impression(Protocol):
    """One item shown to one visitor of the shop, and whether it was clicked."""

    @property
    def campaign(self) -> str:
        """The campaign that it belongs to."""
        ...

    @property
    def policy(self) -> str:
        """What chose the item: `random` or `bts`."""
        ...

    @property
    def timestamp(self) -> datetime:
        """When it was shown."""
        ...

    @property
    def click(self) -> bool:
        """Whether it was clicked."""
        ...

    def features(self) -> dict[str, Any]:
        """What the example models take."""
        ...


def load_impressions(examples: Path) -> Sequence[Impression]:
    """Read the sample with the loader that lies next to it.

    Args:
        examples: The examples folder.

    Raises:
        UsageError: The folder holds no loader.
    """
    file = examples / "impressions.py"
    spec = importlib.util.spec_from_file_location("bakeoff_example_impressions", file)
    if spec is None or spec.loader is None or not file.exists():
        raise UsageError(f"{file}: not found; run the demo in the project's folder")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their own module up
    spec.loader.exec_module(module)
    return cast("Sequence[Impression]", module.load_impressions())
