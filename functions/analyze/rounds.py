"""The round over all experiments: each analysed and reported on, whatever happens to the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from analysis import analyse, look_at
from bakeoff_core.clock import Clock
from bakeoff_core.stores.experiments import ExperimentStore
from engine.summary import Engine
from model_results import Models, model_results
from reporting import Report, Reports


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to.

    Attributes:
        reports: Those that were written.
        failed: The experiments that could not be analysed or reported on.
    """

    reports: tuple[Report, ...]
    failed: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Write the round's summary."""
        return {"reports": [report.to_json() for report in self.reports], "failed": list(self.failed)}


@dataclass(frozen=True, slots=True)
class Reporter:
    """Analyses experiments and writes their reports.

    Attributes:
        experiments: Where they are kept.
        reports: Where reports go.
        clock: The time.
        on_failure: Called with the name and the error of an experiment that failed.
        models: Says what each model version was published with.
    """

    experiments: ExperimentStore
    reports: Reports
    clock: Clock
    on_failure: Callable[[str, Exception], None]
    models: Models

    def run(self, engine: Engine, names: Sequence[str] | None = None) -> Round:
        """Report on experiments.

        Args:
            engine: Sums up their events.
            names: Which ones, running or not; every running one if None.
        """
        if names is None:
            names = [each.name for each in self.experiments.list() if each.status == "running"]
        reports: list[Report] = []
        failed: list[str] = []
        for name in names:
            try:
                reports.append(self._report(engine, name))
            except Exception as error:  # noqa: BLE001 - whatever it is, the other experiments go on
                failed.append(name)
                self.on_failure(name, error)
        return Round(tuple(reports), tuple(failed))

    def _report(self, engine: Engine, name: str) -> Report:
        experiment, now = self.experiments.get(name), self.clock()
        results = analyse(experiment, engine.summarise(experiment, look_at(experiment, now)), now)
        models = model_results(engine, experiment, self.models)
        return self.reports.write(results.model_copy(update={"models": models}))
