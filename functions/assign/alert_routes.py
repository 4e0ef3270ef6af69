"""The routes of alerts: read, and acknowledged."""

from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query

from bakeoff_core.clock import Clock
from bakeoff_core.experiments.alerts import Alert
from bakeoff_core.experiments.management import ExperimentManager
from bakeoff_core.stores.alerts import AlertStore
from bakeoff_core.validation import NAME_PATTERN
from request_parts import Actor, Name

AlertId = Annotated[str, Path(pattern=NAME_PATTERN)]


def add_alert_routes(app: FastAPI, manager: ExperimentManager, alerts: AlertStore, clock: Clock) -> None:
    """Make the routes.

    Args:
        app: Gets them.
        manager: Knows the experiments.
        alerts: Where their alerts are kept.
        clock: The time at which somebody takes note of an alert.
    """

    @app.get("/ab_test/experiments/{name}/alerts")
    async def list_alerts(name: Name, *, status: Annotated[Literal["open", "all"], Query()] = "open") -> list[Alert]:
        manager.get(name)
        return alerts.newest(name) if status == "all" else alerts.open_alerts([name]).get(name, [])

    @app.post("/ab_test/experiments/{name}/alerts/{alert_id}/acknowledge")
    async def acknowledge_alert(name: Name, alert_id: AlertId, actor: Actor) -> Alert:
        manager.get(name)
        return alerts.acknowledge(name, alert_id, actor, clock())
