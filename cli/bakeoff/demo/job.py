"""The main job: models, experiments, users, events, delivery, analysis, reports."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bakeoff.api import Api
from bakeoff.demo.behaviour import BEHAVIOURS, act
from bakeoff.demo.impressions import Impression, load_impressions
from bakeoff.demo.replay import experiment_name, logged_events, logged_experiment
from bakeoff.demo.traffic import Target, Visit, send_events, send_users
from bakeoff.experiment_files import apply_experiments, read_experiments
from bakeoff.model_folders import publish_folder
from bakeoff.results_table import results_table
from bakeoff.stack import Stack
from bakeoff.standin.standin import Standin
from bakeoff_core.clock import utc_now

EXPERIMENT = "recommendation_model_v2"
CHAMPION = "v1"
CAMPAIGNS = ("all", "men")


@dataclass(frozen=True, slots=True)
class Job:
    """What the demo works on, and how much of it."""

    template: Path
    examples: Path
    reports: Path
    logs: Path
    users: int
    seed: int
    campaigns: Sequence[str] = CAMPAIGNS


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, to hold against what the reports say."""

    visits: Sequence[Visit]
    actions: Sequence[dict[str, Any]]
    replayed: int


def run(job: Job, console: Console | None = None) -> None:
    """Do everything and print what came of it.

    Raises:
        UsageError: A file is missing, or the API refused something.
        InvocationError: The analysis failed.
        TimeoutError: The events were not delivered in time.
    """
    console = console or Console()
    began = time.monotonic()
    with ExitStack() as stack:
        with _step(console, "Start the stand-in for AWS"):
            standin = stack.enter_context(Standin(job.template, logs=job.logs))
        api = stack.enter_context(Api(standin.url, standin.keys["admin"]))
        console.print(f"  HTTP API {standin.url}, AWS APIs {standin.endpoint_url}, logs in {job.logs}")
        with _step(console, "Publish models"):
            publish_models(job.examples / "models" / "recommendation", Stack.from_environment(standin.environment))
        _print_models(api, console)
        with _step(console, "Create and start experiments"):
            start_experiments(api, job)
        sent = send(standin, job, load_impressions(job.examples), console)
        _print_sent(sent, console)
        with _step(console, "Deliver events to S3"):
            standin.drain()
        with _step(console, "Analyse, as the schedules do"):
            standin.run_schedules()
            standin.drain()
        _print_results(api, standin, job, console)
    console.print(f"Done in {time.monotonic() - began:.0f} s.")


def publish_models(folder: Path, stack: Stack) -> None:
    """Publish every version in a folder; the first is the champion."""
    for version in sorted(path for path in folder.iterdir() if path.is_dir()):
        alias = "champion" if version.name == CHAMPION else None
        publish_folder(version, stack.registry, stack.objects, utc_now, alias=alias)


def start_experiments(api: Api, job: Job) -> None:
    """Create the example experiments and the logged ones, let everybody into the first, and start them."""
    logged = [logged_experiment(campaign) for campaign in job.campaigns]
    apply_experiments(api, [*read_experiments(job.examples / "experiments.json"), *logged])
    path = f"/ab_test/experiments/{EXPERIMENT}"
    api.put(path, api.get(path) | {"sample_rate": 1.0})
    for name in (EXPERIMENT, *(experiment["name"] for experiment in logged)):
        api.post(f"/ab_test/experiments/{name}/start")


def send(standin: Standin, job: Job, impressions: Sequence[Impression], console: Console) -> Sent:
    """Send users, what they do, and the logged test, all over HTTP."""
    target = Target(standin.url, standin.keys["client"])
    features = draw_features(impressions, job.users, job.seed)
    replay = [event for campaign in job.campaigns for event in logged_events(campaign, impressions)]
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    ) as progress:
        visits = send_users(target, EXPERIMENT, features, _bar(progress, "Users through /ab_test/predict", job.users))
        actions = [
            event
            for visit in visits
            if visit.group is not None
            for event in act(visit.user_id, BEHAVIOURS[visit.group], job.seed)
        ]
        send_events(target, actions, _bar(progress, "Simulated clicks and purchases", len(actions)))
        send_events(target, replay, _bar(progress, "Logged test, replayed", len(replay)))
    return Sent(visits, actions, len(replay))


def draw_features(impressions: Sequence[Impression], users: int, seed: int) -> dict[str, dict[str, Any]]:
    """Give each user the features of a real impression, drawn at random."""
    random = Random(seed)  # noqa: S311 - a simulation, no secret
    return {f"user-{number}": random.choice(impressions).features() for number in range(users)}


def copy_reports(standin: Standin, experiment: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Copy an experiment's newest reports out of S3.

    Yields:
        The URI of each file, and the copy.
    """
    s3 = standin.client("s3")
    bucket = standin.environment["BAKEOFF_REPORT_BUCKET"]
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"reports/{experiment}/latest/"):
        for entry in page.get("Contents", []):
            copy = folder / entry["Key"].removeprefix("reports/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, entry["Key"], str(copy))
            yield f"s3://{bucket}/{entry['Key']}", copy


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    began = time.monotonic()
    with console.status(what):
        yield
    console.print(f"[green]✓[/green] {what} ({time.monotonic() - began:.1f} s)")


def _bar(progress: Progress, what: str, total: int) -> Callable[[int], None]:
    task = progress.add_task(what, total=total)
    return lambda done: progress.advance(task, done)


def _print_models(api: Api, console: Console) -> None:
    for model in api.get("/models")["models"]:
        measured = model["metadata"]["performance_metrics"]
        console.print(
            f"  {model['model_key']} ({model['status']}): {model['metadata']['description']} "
            f"Held-out AUC {measured['auc']:.3f} ± {measured['auc_standard_error']:.3f} "
            f"({measured['held_out_clicks']:,.0f} clicks in {measured['held_out_rows']:,.0f} impressions)",
            highlight=False,
        )


def _print_sent(sent: Sent, console: Console) -> None:
    groups = Counter(visit.group or "not in the experiment" for visit in sent.visits)
    kinds = Counter(event["event_type"] for event in sent.actions)
    console.print(
        f"  {len(sent.visits):,} users ({', '.join(f'{group} {n:,}' for group, n in sorted(groups.items()))}), "
        f"{kinds['click']:,} clicks, {kinds['purchase']:,} purchases, {sent.replayed:,} logged events",
        highlight=False,
    )
    console.print(
        "  [yellow]What these users did is simulated[/yellow]: "
        + "; ".join(
            f"{group} clicks with {behaviour.click:.2f}, then buys with {behaviour.purchase:.2f}"
            for group, behaviour in BEHAVIOURS.items()
        )
        + ". The impressions behind their features and the whole logged test are real.",
        highlight=False,
    )


def _print_results(api: Api, standin: Standin, job: Job, console: Console) -> None:
    for name in (EXPERIMENT, *map(experiment_name, job.campaigns)):
        console.print()
        console.print(results_table(api.get(f"/ab_test/experiments/{name}/reports/latest/technical.json")))
        for uri, copy in copy_reports(standin, name, job.reports):
            console.print(f"  {copy}  ({uri})", highlight=False, soft_wrap=True)
