"""Open alerts as the dashboard shows them."""

from collections.abc import Iterable, Mapping, Sequence

from bakeoff_core.experiments.alerts import Alert


class NoAlerts:
    """A deployment that raises no alerts."""

    def open_alerts(self, experiments: Iterable[str]) -> Mapping[str, Sequence[Alert]]:  # noqa: ARG002 - nobody has any
        """Read the open alerts of experiments: there are none."""
        return {}
