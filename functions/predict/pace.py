"""Which versions are known to be quick, so that waiting for them needs no thread of its own."""

from dataclasses import dataclass

_QUICK_SECONDS = 0.02
_RUNS_TO_BE_KNOWN = 3


@dataclass(slots=True)
class _Pace:
    """Of one version: its quick runs in a row, and the most work that was done in one."""

    runs: int = 0
    work: int = 0


class Paces:
    """How quickly versions have done their work lately."""

    def __init__(self) -> None:
        self._paces: dict[str, _Pace] = {}

    def is_quick(self, model_key: str, work: int) -> bool:
        """Say whether a version is known to do as much as that quickly.

        Args:
            model_key: The version.
            work: How many rows.
        """
        pace = self._paces.get(model_key)
        return pace is not None and pace.runs >= _RUNS_TO_BE_KNOWN and work <= pace.work

    def note(self, model_key: str, work: int, seconds: float) -> None:
        """Take in how long a version took; one slow run, and it has to become known anew."""
        if seconds >= _QUICK_SECONDS:
            self._paces.pop(model_key, None)
            return
        pace = self._paces.setdefault(model_key, _Pace())
        pace.runs += 1
        pace.work = max(pace.work, work)

    def forget(self, model_key: str) -> None:
        """Take in that a version failed or was given up."""
        self._paces.pop(model_key, None)
