"""What a prediction costs the process that serves it, beside other servers: user and system time, children included.

The function runs as it was built, layers and byte-code and all, under the Runtime Interface Emulator, with logs and
metrics on; the emulator's own time does not count. Each peer runs under its own server with one worker, one thread for
the model, no pool of processes where it can do without, and writes a line for each request, as the function does;
MLServer is measured without these lines as well. All have the same linear ONNX model of 100 features and are asked by
the same client, in turns. `BAKEOFF_BUILD_FOLDER` names a folder that SAM built before.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from bakeoff.publishing import publish
from bakeoff_core.clock import utc_now
from bakeoff_core.stores.models import DynamoModelRegistry
from bakeoff_core.stores.objects import S3ObjectStore
from benchmarks.built import build_folder
from benchmarks.environment import ROOT
from benchmarks.linear_model import linear_model, metadata
from benchmarks.peer_environments import Environment, NotInstalled
from benchmarks.peer_processes import NoAnswer, Server, served
from benchmarks.peer_questions import (
    MODEL,
    Question,
    plain_json,
    predict,
    rows_of,
    tensors_as_bytes,
    tensors_as_json,
    through_gateway,
)
from benchmarks.report import Row, at_most, main
from benchmarks.side_by_side import Timing, ratio
from scripts.built_functions import Deployment, deploy, emulator_beside, this_architecture
from scripts.emulator import PATH, BuiltFunction, EmulatedFunction, Tools, free_ports

TITLE = "Processor time beside other servers"

SIZES = {1: (400, 8), 256: (40, 8)}
"""Rows in a request; how often it is asked in a round, and how many rounds there are."""

_SERVERS = Path(__file__).parent / "peer_servers"
_FUNCTION = "PredictFunction"
_ONNXRUNTIME = "onnxruntime>=1.22,<2"
_WARM_UPS = 2

MLSERVER = Environment("mlserver", ("mlserver>=1.7,<2", _ONNXRUNTIME), ("3.12", "3.11"))
BENTOML = Environment("bentoml", ("bentoml>=1.4,<2", _ONNXRUNTIME))
LITSERVE = Environment("litserve", ("litserve>=0.2.17,<1", _ONNXRUNTIME))
FASTAPI = Environment("fastapi", ("fastapi>=0.121,<1", "uvicorn[standard]>=0.35,<1", _ONNXRUNTIME))
QUIET = "mlserver without a log"

Make = Callable[[npt.NDArray[np.float64]], Question]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to have rows predicted.

    Attributes:
        server: Who is asked.
        make: Makes the question of rows.
        predicts: Whether the answer is to be looked at.
    """

    server: Server
    make: Make
    predicts: bool = True


@contextmanager
def _mlserver(python: Path, folder: Path, model: Path, *, logs: bool) -> Iterator[Way]:
    http, grpc, metrics = free_ports(3)
    settings = {
        "debug": logs,  # as it is unless set; what else goes with it happens to failed requests only
        "host": "127.0.0.1",
        "http_port": http,
        "grpc_port": grpc,
        "metrics_port": metrics,
        "parallel_workers": 0,  # the server's own process runs the model, which spares it a queue between two
    }
    implementation = {
        "name": MODEL,
        "implementation": "mlserver_runtime.OnnxModel",
        "parameters": {"uri": str(model), "version": "v1"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(implementation))
    command = [str(python.parent / "mlserver"), "start", str(folder)]
    with served(command, http, folder / "log", environment={"PYTHONPATH": str(_SERVERS)}, folder=folder) as server:
        yield Way(server, tensors_as_json)


@contextmanager
def _bentoml(python: Path, folder: Path, model: Path) -> Iterator[Way]:
    (port,) = free_ports(1)
    shutil.copy(_SERVERS / "bentoml_service.py", folder)
    command = [str(python), "-m", "bentoml", "serve", "bentoml_service:Linear", "--host", "127.0.0.1"]
    environment = {"MODEL_PATH": str(model), "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(folder / "home")}
    command += ["--port", str(port)]
    with served(command, port, folder / "log", environment=environment, folder=folder) as server:
        yield Way(server, plain_json("/predict", _flat))


@contextmanager
def _litserve(python: Path, folder: Path, model: Path) -> Iterator[Way]:
    (port,) = free_ports(1)
    command = [str(python), str(_SERVERS / "litserve_api.py"), str(port)]
    with served(command, port, folder / "log", environment={"MODEL_PATH": str(model)}, folder=folder) as server:
        yield Way(server, plain_json("/predict", lambda answer: _flat(answer["predictions"])))


@contextmanager
def _fastapi(python: Path, folder: Path, model: Path) -> Iterator[Way]:
    (port,) = free_ports(1)
    application = ["fastapi_app:app", "--app-dir", str(_SERVERS), "--no-access-log"]
    command = [str(python), "-m", "uvicorn", *application, "--host", "127.0.0.1", "--port", str(port)]
    with served(command, port, folder / "log", environment={"MODEL_PATH": str(model)}, folder=folder) as server:
        yield Way(server, plain_json("/predict", lambda answer: _flat(answer["predictions"])))


def _flat(predictions: Sequence[Any]) -> Sequence[float]:
    flat: Sequence[float] = np.ravel(predictions).tolist()
    return flat


Start = Callable[[Path, Path, Path], AbstractContextManager[Way]]

PEERS: Mapping[str, tuple[Environment, Start]] = {
    MLSERVER.name: (MLSERVER, partial(_mlserver, logs=True)),
    QUIET: (MLSERVER, partial(_mlserver, logs=False)),
    BENTOML.name: (BENTOML, _bentoml),
    LITSERVE.name: (LITSERVE, _litserve),
    FASTAPI.name: (FASTAPI, _fastapi),
}


@contextmanager
def function(build: Path, folder: Path, artefact: bytes, weights: Sequence[float]) -> Iterator[dict[str, Way]]:
    """Run the built function, and beside it one that does nothing.

    Args:
        build: What SAM built.
        folder: For logs.
        artefact: The model.
        weights: What is in it.
    """
    architecture = this_architecture()
    tools = Tools(emulator_beside(ROOT / ".venv-sam" / "bin" / "sam", architecture), ROOT / ".venv-lambda/bin/python")
    idle = BuiltFunction("Idle", "idle.handler", _SERVERS, (), 1769, 29, {})
    with deploy(build, architecture, folder / "moto.log") as deployment:
        _publish(deployment, artefact, weights)
        with (
            EmulatedFunction(deployment.functions[_FUNCTION], tools, folder / "function.log") as ours,
            EmulatedFunction(idle, tools, folder / "idle.log") as nothing,
        ):
            answering, idling = (Server(each.pid, each.port, counted=False) for each in (ours, nothing))
            yield {
                "V2 JSON": Way(answering, _invoking(tensors_as_json)),
                "V2 binary": Way(answering, _invoking(tensors_as_bytes)),
                "own JSON": Way(answering, _invoking(predict)),
                "idle": Way(idling, _invoking(tensors_as_json), predicts=False),
            }


def _invoking(make: Make) -> Make:
    return lambda rows: through_gateway(make(rows), PATH)


def _publish(deployment: Deployment, artefact: bytes, weights: Sequence[float]) -> None:
    publish(
        MODEL,
        "v1",
        artefact,
        metadata(weights),
        registry=DynamoModelRegistry(deployment.table("ModelsTable")),
        objects=S3ObjectStore(deployment.client("s3"), deployment.names["ModelBucket"]),
        clock=utc_now,
        alias="champion",
    )


def measure(
    ways: Mapping[str, Way], expected: Callable[[npt.NDArray[np.float64]], Sequence[float]]
) -> tuple[dict[int, dict[str, Timing]], dict[str, str]]:
    """Ask all in turns, and see that each answers as the model does; a peer that does not is left out from there on.

    Args:
        ways: By name.
        expected: The model's own answer.

    Returns:
        By the rows in a request and by way, microseconds of the processor, one number a round; and why peers were
        left out.

    Raises:
        NoAnswer: The function does not answer, or not what the model says.
    """
    found: dict[int, dict[str, Timing]] = {}
    failed: dict[str, str] = {}
    for size, (times, rounds) in SIZES.items():
        rows = rows_of(size, size)
        right = expected(rows)
        questions = {name: way.make(rows) for name, way in ways.items()}
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(-_WARM_UPS, rounds):
            for name, way in ways.items():
                if name in failed:
                    continue
                try:
                    seconds, answer = way.server.seconds(questions[name], times)
                    if way.predicts:
                        check(name, questions[name].read(answer), right)
                except NoAnswer as error:
                    if name not in PEERS:
                        raise
                    failed[name] = str(error)
                    continue
                if turn >= 0:
                    spent[name].append(seconds / times * 1e6)
        found[size] = {name: Timing(tuple(each)) for name, each in spent.items() if name not in failed}
    return found, failed


def check(name: str, answer: Sequence[float], right: Sequence[float]) -> None:
    """See that an answer is the model's own.

    Raises:
        NoAnswer: It is another.
    """
    if len(answer) != len(right) or not np.allclose(answer, right, rtol=1e-5, atol=1e-5):
        raise NoAnswer(f"{name} does not predict what the model does")


def compare(
    timings: Mapping[int, Mapping[str, Timing]], versions: Mapping[str, str], missing: Mapping[str, str]
) -> list[Row]:
    """Make rows of what was measured.

    Args:
        timings: By the rows in a request and by way.
        versions: Of each peer that was measured.
        missing: Why each other peer was not.
    """
    rows: list[Row] = []
    for size, timing in timings.items():
        what = "one row" if size == 1 else f"{size} rows"
        for peer in (MLSERVER.name, QUIET, BENTOML.name, LITSERVE.name):
            versus = f"V2 JSON over {peer}, {what}"
            if peer not in timing:
                rows.append(Row(versus, "not measured", detail=missing[peer]))
                continue
            value = ratio(timing, "V2 JSON", peer)
            detail = f"{_seconds(timing, 'V2 JSON', peer)}; {versions[peer]}"
            rows.append(
                Row(versus, f"{value:.2f}", detail=detail) if peer == QUIET else at_most(versus, value, 1, detail)
            )
        versus = f"V2 binary over {MLSERVER.name} JSON, {what}"
        if MLSERVER.name in timing:
            value, detail = ratio(timing, "V2 binary", MLSERVER.name), _seconds(timing, "V2 binary", MLSERVER.name)
            # What the runtime client spends on any event is nearly half of MLServer's whole for one row.
            rows.append(at_most(versus, value, 0.5, detail) if size > 1 else Row(versus, f"{value:.2f}", detail=detail))
        else:
            rows.append(Row(versus, "not measured", detail=missing[MLSERVER.name]))
        rows += [
            Row(f"seconds per thousand, {name}, {what}", f"{timing[way].microseconds / 1e3:.2f}", detail=detail)
            for way, name, detail in (
                ("own JSON", "the function's own route", "/predict" if size == 1 else "/batch_predict"),
                ("idle", "a function that does nothing", "the runtime client alone, given the same event as V2 JSON"),
                (FASTAPI.name, "FastAPI on uvicorn without features", versions.get(FASTAPI.name, "")),
            )
            if way in timing
        ]
    return rows


def _seconds(timing: Mapping[str, Timing], one: str, other: str) -> str:
    mine, others = (timing[name].microseconds / 1e3 for name in (one, other))
    return f"{mine:.2f} s over {others:.2f} s per thousand"


def run() -> Sequence[Row]:
    """Measure."""
    artefact, weights = linear_model(Random(0))  # noqa: S311 - numbers to multiply
    session = onnxruntime.InferenceSession(artefact, providers=["CPUExecutionProvider"])
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    with TemporaryDirectory() as scratch, ExitStack() as running:
        folder = Path(scratch)
        model = folder / "model.onnx"
        model.write_bytes(artefact)
        build = build_folder(folder / "build", _FUNCTION)
        ways = running.enter_context(function(build, folder, artefact, weights))
        for name, (environment, start) in PEERS.items():
            own = folder / name.replace(" ", "-")
            own.mkdir()
            try:
                way = running.enter_context(start(environment.prepare(), own, model))
                _try(name, way)
            except (NotInstalled, NoAnswer) as error:
                missing[name] = str(error)
                continue
            ways[name], versions[name] = way, environment.version()
        timings, failed = measure(
            ways, lambda rows: session.run(["y"], {"x": rows.astype(np.float32)})[0].ravel().tolist()
        )
    return compare(timings, versions, missing | failed)


def _try(name: str, way: Way) -> None:
    """Ask once, which a server that cannot serve the model fails at."""
    rows = rows_of(0, 2)
    question = way.make(rows)
    if len(question.read(way.server.ask(question))) != len(rows):
        raise NoAnswer(f"{name} does not answer every row")


if __name__ == "__main__":
    main(TITLE, run)
