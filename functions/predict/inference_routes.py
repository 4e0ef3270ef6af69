"""Routes of the Open Inference Protocol, version 2."""

from collections.abc import Callable
from typing import Any, Protocol

from pydantic import BaseModel, JsonValue

import inference_protocol
from bakeoff_core.assignment.assigner import Assigner
from bakeoff_core.errors import InvalidInput
from bakeoff_core.http import HttpApi, Response, checked
from bakeoff_core.telemetry import count, of_experiment
from bakeoff_core.validation import FiniteJson, Name, UnitId
from experiment_serving import predict_for
from inference_protocol import InferRequest, infer_response, model_metadata, read_request, server_metadata
from model_administration import ModelAdministration
from model_serving import ModelServer, TensorAnswer
from prediction_bodies import check_bytes
from prediction_log import PredictionLog, described, written
from shadowing import Shadows


class InferenceServices(Protocol):
    """What the routes call."""

    @property
    def server(self) -> ModelServer:
        """Serves models."""
        ...

    @property
    def administration(self) -> ModelAdministration:
        """Knows versions."""
        ...

    @property
    def assigner(self) -> Assigner:
        """Assigns units to groups."""
        ...

    @property
    def shadows(self) -> Shadows:
        """Runs shadow models."""
        ...

    @property
    def log(self) -> PredictionLog:
        """Records predictions."""
        ...


class _Model(BaseModel):
    model_name: Name
    model_version: Name | None = None


class _Unit(BaseModel):
    user_id: UnitId
    context: dict[str, FiniteJson]


def add_inference_routes(api: HttpApi, services: InferenceServices) -> None:
    """Add the protocol's routes, whose failures are answered as the protocol does.

    Args:
        api: The routes.
        services: What they call.
    """
    api.errors_below(inference_protocol.PREFIX, inference_protocol.describe_error)
    _add_health_routes(api, services)
    for prefix, named in (
        ("/v2/models/<model>", lambda model: (model, None)),
        ("/v2/models/<model>/versions/<version>", lambda model, version: (model, version)),
    ):
        _add_model_routes(api, services, prefix, named)


def _add_health_routes(api: HttpApi, services: InferenceServices) -> None:
    @api.get("/v2")
    def server() -> dict[str, Any]:
        return server_metadata()

    # A path with a slash at its end is another one to the gateway.
    api.get("/v2/")(server)

    @api.get("/v2/health/live")
    def live() -> dict[str, Any]:
        return {"live": True}

    @api.get("/v2/health/ready")
    def ready() -> dict[str, Any]:
        services.administration.check_registry()
        return {"ready": True}


def _add_model_routes(
    api: HttpApi, services: InferenceServices, prefix: str, named: Callable[..., tuple[str, str | None]]
) -> None:
    def wanted(path: dict[str, str]) -> tuple[str, str | None]:
        name, version = named(**path)
        model = checked(_Model, {"model_name": name, "model_version": version})
        return model.model_name, model.model_version

    @api.get(prefix)
    def metadata(**path: str) -> dict[str, Any]:
        name, version = wanted(path)
        description = services.server.describe(name, version)
        return model_metadata(description, services.administration.versions(name))

    @api.get(f"{prefix}/ready")
    def ready(**path: str) -> dict[str, Any]:
        name, version = wanted(path)
        found = services.server.describe(name, version).model
        return {"name": found.name, "version": found.version, "ready": True}

    @api.post(f"{prefix}/infer")
    def infer(**path: str) -> Response:
        name, version = wanted(path)
        body = api.raw_body
        check_bytes(body)
        request = read_request(body, api.header(inference_protocol.LENGTH_HEADER.lower()))
        request_id = request.id or api.request_id
        if request.user_id is None:
            answer = services.server.infer(name, version, request.feed, request.outputs)
            services.log.single(answer, lambda: _features(request), request_id)
            return infer_response(request, (answer.model.name, answer.model.version), request_id, answer.tensors)
        if version is not None:
            raise InvalidInput.of("parameters.user_id", "is for experiments, and those have no versions here")
        return _infer_in_experiment(services, name, request, request_id)


def _infer_in_experiment(
    services: InferenceServices, experiment_name: str, request: InferRequest, request_id: str
) -> Response:
    unit = checked(_Unit, {"user_id": request.user_id, "context": request.context})
    of_experiment(experiment_name)
    assignment = services.assigner.assign(experiment_name, unit.user_id, unit.context)

    def call(name: str, version: str | None) -> TensorAnswer:
        return services.server.infer(name, version, request.feed, request.outputs)

    chosen = predict_for(assignment, call, services.shadows, described)
    answer = chosen.answer
    parameters: dict[str, JsonValue] = {"experiment": experiment_name}
    if assignment.group is None:
        services.log.single(answer, lambda: _features(request), request_id)
    else:
        parameters |= {"group": assignment.group.name, "fallback": chosen.fallback}
        count("assignment_total", experiment=experiment_name, group=assignment.group.name)
        services.log.in_experiment(chosen, _features(request), request_id, assignment, unit.context)
    model = (answer.model.name, answer.model.version)
    return infer_response(request, model, request_id, answer.tensors, parameters)


def _features(request: InferRequest) -> dict[str, JsonValue]:
    return {name: written(tensor) for name, tensor in request.feed.items()}
