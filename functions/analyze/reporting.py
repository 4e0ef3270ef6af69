"""Reports in their bucket: written, listed, linked to."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pydantic import ValidationError

from bakeoff_core.errors import ReportNotFound
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.objects import ObjectNotFound, ObjectStore
from rendering.kinds import KINDS, Kind
from results import Results

LATEST = "latest"
#: The file that holds the results whole: programs read it, and a report is listed once it is there.
RESULTS = "technical.json"
LINK_SECONDS = 900
#: By this tag the bucket's lifecycle finds the reports that expire; the latest ones have none and stay.
DATED = {"retention": "dated"}

_WRITES_AT_ONCE = 8  # as many connections as the SDK keeps, and some for others
_ID_FORMAT = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class _File:
    content_type: str
    form: str
    kind: Kind


_FORMS = {
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
}

FILES = {f"{kind}.{form}": _File(content_type, form, kind) for kind in KINDS for form, content_type in _FORMS.items()}


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was written."""

    experiment: str
    report_id: str

    @property
    def path(self) -> str:
        """Where its files are within the API."""
        return f"/ab_test/experiments/{self.experiment}/reports/{self.report_id}"

    def to_json(self) -> dict[str, Any]:
        """Write the report's id, time and links."""
        created_at = datetime.strptime(self.report_id, _ID_FORMAT).replace(tzinfo=UTC)
        return {
            "report_id": self.report_id,
            "experiment": self.experiment,
            "created_at": created_at.isoformat().replace("+00:00", "Z"),
            "links": {name: f"{self.path}/{name}" for name in sorted(FILES)},
        }


def report_id_at(moment: datetime) -> str:
    """Make a report's id from its time; ids sort as their times do."""
    return moment.astimezone(UTC).strftime(_ID_FORMAT)


class Reports:
    """The reports of all experiments.

    Args:
        objects: The store of the report bucket.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def write(self, results: Results) -> Report:
        """Write a report's files, and the same over those of the latest unless that is of a later moment.

        A report is named for the moment of its results: one that is written again overwrites itself.
        """
        report = Report(results.experiment, report_id_at(results.computed_at))
        bodies = _bodies(results)
        dated = {name: partial(self._put_dated, report, name, body) for name, body in bodies.items()}
        put_results = dated.pop(RESULTS)
        _at_once([*dated.values(), *self._latest(results, bodies)])
        put_results()
        return report

    def keep(self, results: Results) -> None:
        """Write the files of the latest report only, unless that is of a later moment."""
        _at_once(self._latest(results, _bodies(results)))

    def latest(self, experiment: Experiment) -> Results | None:
        """Read the last results of an experiment's present configuration.

        Returns:
            The results, or None where there are none that are still of use: the first ones are to come, units were
            randomised anew since, other metrics or another plan were asked for, or an older release wrote them.
        """
        try:
            results = Results.model_validate_json(self._objects.get(_key(experiment.name, LATEST, RESULTS)))
        except (ObjectNotFound, ValidationError):
            return None
        asked = (experiment.config_version, experiment.metrics, experiment.analysis, list(experiment.shares))
        answered = (results.window.config_version, results.metrics, results.analysis, list(results.groups))
        return results if answered == asked else None

    def _put_dated(self, report: Report, name: str, body: bytes) -> None:
        key = _key(report.experiment, report.report_id, name)
        self._objects.put_tagged(key, body, FILES[name].content_type, DATED)

    def _latest(self, results: Results, bodies: dict[str, bytes]) -> Sequence[Callable[[], object]]:
        return [
            partial(
                self._objects.put_newer,
                _key(results.experiment, LATEST, name),
                body,
                FILES[name].content_type,
                results.computed_at,
            )
            for name, body in bodies.items()
        ]

    def list(self, experiment: str) -> list[Report]:
        """List an experiment's reports, newest first."""
        ids = {_id_of(key) for key in self._objects.list(_prefix(experiment)) if key.endswith(f"/{RESULTS}")}
        return [Report(experiment, report_id) for report_id in sorted(ids - {LATEST}, reverse=True)]

    def link(self, experiment: str, report_id: str, name: str) -> str:
        """Make a link that reads one file without credentials for a while.

        Raises:
            ReportNotFound: There is no such report, or it has no such file.
        """
        if name not in FILES:
            raise ReportNotFound(f"file: a report has no file {name!r}, only {', '.join(sorted(FILES))}")
        try:
            return self._objects.presigned_url(_key(experiment, report_id, name), LINK_SECONDS)
        except ObjectNotFound:
            raise ReportNotFound(f"report_id: experiment {experiment!r} has no report {report_id!r}") from None


def _at_once(writes: Sequence[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(_WRITES_AT_ONCE) as pool:
        for done in [pool.submit(write) for write in writes]:
            done.result()  # which raises what it raised


def _bodies(results: Results) -> dict[str, bytes]:
    from rendering.documents import WRITERS  # noqa: PLC0415 - it brings Jinja, and most requests read what was written

    return {name: WRITERS[file.form](results, file.kind).encode() for name, file in FILES.items()}


def _prefix(experiment: str) -> str:
    return f"reports/{experiment}/"


def _key(experiment: str, report_id: str, name: str) -> str:
    return f"{_prefix(experiment)}{report_id}/{name}"


def _id_of(key: str) -> str:
    return key.split("/")[-2]
