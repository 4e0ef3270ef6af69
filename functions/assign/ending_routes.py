"""The routes that end experiments: stopped, completed, or with one group promoted."""

from typing import Annotated, Literal

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict

from bakeoff_core.experiments.ending import Endings
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.http import checked
from bakeoff_core.stores.models import AliasMove
from bakeoff_core.validation import Name as NameOfGroup
from request_parts import Actor, Document, Name, OptionalDocument, documented_body


class Ending(BaseModel):
    """How an experiment ends.

    Attributes:
        serve: The group that serves everybody from then on.
    """

    model_config = ConfigDict(extra="forbid")

    serve: NameOfGroup | None = None


class PromotionRequest(BaseModel):
    """Which group is promoted.

    Attributes:
        group: The group that serves everybody from then on.
        alias: An alias of its model, such as champion, that is to point at the group's version.
    """

    model_config = ConfigDict(extra="forbid")

    group: NameOfGroup
    alias: NameOfGroup | None = None


class PromotionAnswer(BaseModel):
    """What promoting did: the experiment, which is over, and where the alias was moved, if it was."""

    experiment: Experiment
    alias_move: AliasMove | None


def add_ending_routes(app: FastAPI, endings: Endings) -> None:
    """Make the routes.

    Args:
        app: Gets them.
        endings: Does what they ask for.
    """
    for action in ("stop", "complete"):
        _add_end(app, endings, action)

    @app.post("/ab_test/experiments/{name}/promote", openapi_extra=documented_body(PromotionRequest.model_json_schema))
    async def promote_group(name: Name, document: Document, actor: Actor) -> PromotionAnswer:
        request = checked(PromotionRequest, document)
        promotion = endings.promote(name, request.group, request.alias, actor)
        return PromotionAnswer(experiment=promotion.experiment, alias_move=promotion.alias_move)


def _add_end(app: FastAPI, endings: Endings, action: Literal["stop", "complete"]) -> None:
    documented = documented_body(Ending.model_json_schema, required=False)

    @app.post(f"/ab_test/experiments/{{name}}/{action}", name=f"{action}_experiment", openapi_extra=documented)
    async def end_experiment(
        name: Name, document: OptionalDocument, actor: Actor, *, serve: Annotated[str | None, Query()] = None
    ) -> Experiment:
        body = checked(Ending, document)
        return endings.end(name, action, actor, serve=body.serve if serve is None else serve)
