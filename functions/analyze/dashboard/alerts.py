"""Open alerts as the dashboard shows them."""

from collections.abc import Collection, Mapping, Sequence

from dashboard.listing import OpenAlert


class NoAlerts:
    """A deployment that raises no alerts."""

    def open_alerts(self, experiments: Collection[str]) -> Mapping[str, Sequence[OpenAlert]]:  # noqa: ARG002 - nobody has any
        """Read the open alerts of experiments: there are none."""
        return {}
