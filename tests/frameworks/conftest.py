"""What the suites of all frameworks share: rows, a shelf to publish to, and a table of how close each came."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bakeoff.conversion.convert import Reading
from bakeoff.conversion.parity import Parity
from bakeoff.conversion.source import Wishes
from bakeoff.model_publishing import publish_model
from bakeoff.stack import Stack
from bakeoff_core.stores.models import InMemoryModelRegistry
from bakeoff_core.stores.objects import InMemoryObjectStore

_NOW = datetime(2026, 1, 2, tzinfo=UTC)
_PARITIES = pytest.StashKey[list[tuple[str, Parity]]]()

COLUMNS = ("age", "income", "visits", "height", "score", "debt")


@dataclass(slots=True)
class Data:
    """Rows to train on and rows that no model saw, as a matrix and as mappings."""

    train: npt.NDArray[np.float64]
    held_out: npt.NDArray[np.float64]
    train_labels: npt.NDArray[np.int64]
    train_classes: npt.NDArray[np.int64]
    train_values: npt.NDArray[np.float64]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The held-out rows as a sample."""
        return [dict(zip(COLUMNS, row, strict=True)) for row in self.held_out.tolist()]


@pytest.fixture(scope="session")
def data() -> Data:
    """Two thousand rows of six numbers; a binary, a ternary and a real outcome."""
    generator = np.random.default_rng(7)
    rows = generator.normal(size=(2_000, len(COLUMNS))) * [10, 20_000, 3, 12, 1, 5_000] + [40, 50_000, 0, 170, 0, 0]
    rows[:, 2] = np.abs(rows[:, 2]).round()
    signal = (rows[:, 0] - 40) / 10 + rows[:, 2] * rows[:, 4] / 3 + generator.normal(size=2_000)
    labels = (signal > 0).astype(np.int64)
    classes = labels + (rows[:, 3] > 175)
    values = signal * 1_000 + rows[:, 1] / 10
    half = 1_000
    return Data(rows[:half], rows[half:], labels[:half], classes[:half], values[:half])


@dataclass(slots=True)
class Shelf:
    """A registry and a store in memory, and how close the models published to them came to their sources."""

    parities: list[tuple[str, Parity]]
    stack: Stack = field(default_factory=lambda: Stack(InMemoryModelRegistry(lambda: _NOW), InMemoryObjectStore()))

    def publish(
        self,
        model: Any,
        what: str,
        sample: Any,
        *,
        key: str = "model:v1",
        wishes: Wishes | None = None,
        reading: Reading | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Any:  # a ModelVersion, whose metadata are read here as any JSON
        """Publish a model and note its parity."""
        published = publish_model(
            model,
            key,
            sample,
            alias="champion",
            wishes=wishes,
            reading=reading,
            metadata=metadata,
            stack=self.stack,
            clock=lambda: _NOW,
        )
        if published.parity is not None:
            self.parities.append((what, published.parity))
        return published.model


@pytest.fixture
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """An empty shelf."""
    return Shelf(request.config.stash.setdefault(_PARITIES, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how close each model came."""
    for what, parity in config.stash.get(_PARITIES, []):
        terminalreporter.write_line(
            f"parity {what}: largest relative difference {parity.largest:.2e} (allowed {parity.tolerance:g}), "
            f"absolute {parity.absolute:.2e}, on {parity.rows} held-out rows"
        )
