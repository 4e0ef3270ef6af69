"""Looking at an experiment: its events, its models and its history, as of one moment."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from background import Background
from bakeoff_core.experiments.model import Experiment
from results import Results

if TYPE_CHECKING:
    from engine.summary import Engine
    from model_results import Models


@dataclass(frozen=True, slots=True)
class Looker:
    """Takes looks.

    Attributes:
        models: Says what each model version was published with.
        background: Reads what goes with the results besides events.
    """

    models: "Models"
    background: Background

    def look(self, engine: "Engine", experiment: Experiment, as_of: datetime) -> Results:
        """Work out an experiment's results.

        Args:
            engine: Sums up its events.
            experiment: Its configuration.
            as_of: The moment at which its data are looked at, and the time of the results.
        """
        # They bring NumPy, SciPy and DuckDB, and most requests for results get those of the last look.
        from analysis import analyse, look_at  # noqa: PLC0415
        from model_results import model_results  # noqa: PLC0415

        as_of = as_of.astimezone(UTC)
        results = analyse(experiment, engine.summarise(experiment, look_at(experiment, as_of)), as_of)
        models = model_results(engine, experiment, self.models, as_of)
        return results.model_copy(update={"models": models, **self.background.of(experiment, as_of)})
