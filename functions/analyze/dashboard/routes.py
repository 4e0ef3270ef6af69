"""The routes of the dashboard: GET /ab_test/dashboard for programs, GET /dashboard for people."""

from typing import Annotated

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from bakeoff_core.validation import NAME_PATTERN
from dashboard.caller import caller_of
from dashboard.listing import MOST_EXPERIMENTS, Dashboard, Listing
from dashboard.pages import asset_response, page_response

Name = Annotated[str, Path(pattern=NAME_PATTERN)]
After = Annotated[str, Query(pattern=r"^[A-Za-z0-9._-]{0,128}$", description="Begin after this name.")]
Limit = Annotated[int, Query(ge=1, le=MOST_EXPERIMENTS, description="As many experiments at most.")]
Only = Annotated[str | None, Query(pattern=NAME_PATTERN, description="This experiment alone.")]


def add_dashboard(app: FastAPI, listing: Listing) -> None:
    """Add the dashboard's routes to an application.

    Args:
        app: The application.
        listing: Reads what the dashboard shows.
    """

    @app.get("/ab_test/dashboard")
    async def read_dashboard(
        request: Request, *, after: After = "", limit: Limit = MOST_EXPERIMENTS, name: Only = None
    ) -> Dashboard:
        """Read all experiments, each with its latest figures, open alerts and models."""
        caller = caller_of(request.scope.get("aws.event", {}))
        return listing.all(caller, after=after, limit=limit) if name is None else listing.one(caller, name)

    @app.get("/dashboard", response_class=HTMLResponse)
    async def show_experiments(request: Request) -> Response:
        """Show all experiments on a page."""
        return page_response(request, "index.html", "")

    @app.get("/dashboard/experiments/{name}", response_class=HTMLResponse)
    async def show_experiment(request: Request, name: Name) -> Response:  # noqa: ARG001 - its script reads the address
        """Show one experiment on a page."""
        return page_response(request, "experiment.html", "../../")

    @app.get(
        "/dashboard/{file}",
        response_class=Response,
        responses={200: {"content": {"text/javascript": {}, "text/css": {}, "image/svg+xml": {}}}},
    )
    async def send_asset(request: Request, file: Name) -> Response:
        """Read a file that the dashboard's pages are made of."""
        return asset_response(request, file)
