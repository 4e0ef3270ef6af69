"""The commands against a stack that serves."""

import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from bakeoff.api import Api
from bakeoff.main import app
from bakeoff.standin.standin import Standin

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def environment(started: Standin) -> dict[str, str]:
    return dict(started.environment)


def run(environment: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=environment)


def test_without_arguments_it_helps() -> None:
    for arguments in ([], ["model"], ["experiment"]):
        result = CliRunner().invoke(app, arguments)
        assert "Usage:" in result.output
        assert "list" in result.output or "serve" in result.output


def test_a_model_is_published_once(environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "v1"
    folder.mkdir()
    source = EXAMPLES / "models" / "recommendation" / "v1"
    (folder / "model.onnx").write_bytes((source / "model.onnx").read_bytes())
    metadata = json.loads((source / "metadata.json").read_text()) | {"name": "published_here"}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    first = run(environment, "model", "publish", str(folder), "--alias", "champion")
    assert first.exit_code == 0, first.output
    assert first.output.startswith("published_here:v1: ready, sha256 ")
    assert first.output.endswith("published_here:champion -> v1\n")
    (folder / "metadata.json").write_text(json.dumps(metadata | {"description": "another"}))
    second = run(environment, "model", "publish", str(folder))
    assert second.exit_code == 1
    assert "published_here" in second.output
    listed = json.loads(run(environment, "model", "list", "--json").output)
    assert "published_here:v1" in [model["model_key"] for model in listed]
    assert "published_here:v1" in run(environment | {"COLUMNS": "200"}, "model", "list").output


def test_a_plain_onnx_model_is_published_promoted_rolled_back_and_deleted(
    environment: dict[str, str], tmp_path: Path
) -> None:
    source = EXAMPLES / "models" / "recommendation"
    features = json.loads((source / "v1" / "metadata.json").read_text())["probe"]["features"]
    rows = tmp_path / "rows.ndjson"
    rows.write_text("".join(json.dumps(features | {"position": position, "click": 0}) + "\n" for position in (1, 2, 3)))
    common = ("--sample", str(rows), "--classes", "0,1", "--exclude", "click", "--default", "affinity=0")
    for version in ("v1", "v2"):
        file = str(source / version / "model.onnx")
        result = run(environment, "model", "publish", f"plain:{version}", file, *common, "--metric", "auc=0.61")
        assert result.exit_code == 0, result.output
        assert result.output.startswith(f"plain:{version}: ready, sha256 ")
    assert run(environment, "model", "promote", "plain:v1").output == "plain:champion -> v1 (was not set)\n"
    assert run(environment, "model", "promote", "plain:v2", "--from", "v1").output == "plain:champion -> v2 (was v1)\n"
    assert run(environment, "model", "promote", "plain:v2").output == "plain:champion -> v2 already\n"
    late = run(environment, "model", "promote", "plain:v1", "--from", "v1")
    assert late.exit_code == 1
    assert "plain:champion points at v2, not at v1" in late.output
    assert run(environment, "model", "rollback", "plain").output == "plain:champion -> v1 (was v2)\n"
    shown = json.loads(run(environment, "model", "show", "plain:champion").output)
    assert (shown["model_key"], shown["aliases"], len(shown["alias_history"])) == ("plain:v1", ["champion"], 3)
    assert shown["metadata"]["performance_metrics"] == {"auc": 0.61}
    assert shown["metadata"]["training_sample"]["features"]["position"]["counts"] == [1, 1, 1]
    position, *_rest, affinity = shown["metadata"]["input_schema"]["features"]
    assert position == {"name": "position", "type": "int"}
    assert affinity == {"name": "affinity", "type": "float", "default": 0.0}
    with httpx.Client(
        base_url=environment["BAKEOFF_URL"], headers={"X-API-Key": environment["BAKEOFF_API_KEY"]}
    ) as client:
        answer = client.post("/predict", json={"model_name": "plain", "data": features}).json()
    assert answer["model_version"] == "v1"
    refused = run(environment, "model", "delete", "plain:v1")
    assert refused.exit_code == 1
    assert "plain:v1 is what champion points at" in refused.output
    assert run(environment, "model", "delete", "plain:v2").output == "plain:v2: deleted\n"
    again = run(environment, "model", "publish", "plain:v2", str(source / "v2" / "model.onnx"), *common)
    assert "plain:v2 is registered already and a version never changes" in again.output


def test_a_version_that_a_draft_names_is_not_deleted(environment: dict[str, str], tmp_path: Path) -> None:
    source = EXAMPLES / "models" / "recommendation" / "v1"
    folder = tmp_path / "v1"
    folder.mkdir()
    (folder / "model.onnx").write_bytes((source / "model.onnx").read_bytes())
    metadata = json.loads((source / "metadata.json").read_text()) | {"name": "drafted"}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    assert run(environment, "model", "publish", str(folder)).exit_code == 0
    file = tmp_path / "experiments.json"
    groups = [{"name": name, "weight": 1, "model_name": "drafted", "model_version": "v1"} for name in ("a", "b")]
    file.write_text(json.dumps([{"name": "names_a_model", "groups": groups}]))
    assert run(environment, "experiment", "apply", "-f", str(file)).exit_code == 0
    refused = run(environment, "model", "delete", "drafted:v1")
    assert refused.exit_code == 1
    assert "drafted:v1 is used by 'names_a_model'" in refused.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.onnx"], "--sample: give rows"),
        (["model.bin", "--sample", "rows.csv"], "model.bin: a model's file ends in .joblib"),
        (["model.onnx", "--sample", "rows.csv"], "model.onnx: not found"),
        (["model.onnx", "--sample", "rows.csv", "--metric", "auc"], "--metric: must be NAME=VALUE, got 'auc'"),
        (["model.onnx", "--sample", "rows.csv", "--metric", "auc=high"], "--metric: auc must be a number, got 'high'"),
        (["model.onnx", "--sample", "rows.csv", "--type", "x=date"], "--type: x must be one of bool, int, float, str"),
        (["--classes", "0,1"], "FILE: is missing"),
    ],
)
def test_a_publication_that_says_too_little_is_refused(
    environment: dict[str, str], arguments: list[str], message: str
) -> None:
    refused = run(environment, "model", "publish", "plain:v9", *arguments)
    assert refused.exit_code == 1
    assert message in refused.output


def test_experiments_come_from_a_file(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "experiments.json"
    groups = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
    file.write_text(json.dumps([{"name": "from_a_file", "groups": groups, "metrics": ["click_rate"]}]))
    apply = ("experiment", "apply", "-f", str(file))
    assert run(environment, *apply, "--dry-run").output == "+ from_a_file: created\ndry run: 1 created\n"
    assert run(environment, "experiment", "show", "from_a_file").exit_code == 1
    assert run(environment, *apply).output == "+ from_a_file: created\nwritten: 1 created\n"
    assert run(environment, *apply).output == "= from_a_file: unchanged\nnothing to write: 1 unchanged\n"
    assert run(environment, "experiment", "start", "from_a_file").output == "from_a_file: running\n"
    again = run(environment, "experiment", "start", "from_a_file")
    assert again.exit_code == 1
    assert "409" in again.output
    file.write_text(json.dumps({"name": "from_a_file", "groups": groups, "metrics": ["click_rate"], "salt": "s"}))
    refused = run(environment, *apply)
    assert refused.exit_code == 1
    assert refused.output.startswith("! from_a_file: refused: salt: changing this while the experiment is running")
    assert refused.output.endswith("bakeoff: nothing was written: 1 refused\n")
    forced = run(environment, *apply, "--new-version", "--yes")
    assert forced.output == '~ from_a_file: changed\n    salt: "from_a_file" -> "s"\nwritten: 1 changed\n'
    assert run(environment, "experiment", "pause", "from_a_file").output == "from_a_file: paused\n"
    assert run(environment, "experiment", "resume", "from_a_file").output == "from_a_file: running\n"
    report = run(environment, "report", "from_a_file")
    assert report.exit_code == 0, report.output
    assert "from_a_file: click_rate" in report.output
    assert "no_data" in report.output
    assert run(environment, "experiment", "stop", "from_a_file").output == "from_a_file: stopped\n"
    listed = json.loads(run(environment, "experiment", "list", "--json").output)
    assert {"from_a_file": "stopped"}.items() <= {each["name"]: each["status"] for each in listed}.items()
    assert "from_a_file" in run(environment | {"COLUMNS": "200"}, "experiment", "list").output


def test_somebody_at_a_terminal_is_asked_before_anything_is_written(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bakeoff.commands.experiments._at_a_terminal", lambda: True)
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"name": "asked", "groups": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]}))
    apply = ["experiment", "apply", "-f", str(file)]
    declined = CliRunner().invoke(app, apply, env=environment, input="n\n")
    assert declined.exit_code == 1
    assert "Write this? [y/N]: n" in declined.output
    assert run(environment, "experiment", "show", "asked").exit_code == 1
    accepted = CliRunner().invoke(app, apply, env=environment, input="y\n")
    assert accepted.output.endswith("written: 1 created\n")


def test_an_experiment_is_shown_with_its_history_and_completed(environment: dict[str, str], tmp_path: Path) -> None:
    file, groups = tmp_path / "one.json", [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
    (tmp_path / "users.txt").write_text("".join(f"user-{n}\n" for n in range(50_001)))
    file.write_text(json.dumps({"name": "listed", "groups": groups, "target_users_file": "users.txt"}))
    assert run(environment, "experiment", "apply", "-f", str(file)).output.endswith("written: 1 created\n")
    shown = json.loads(run(environment, "experiment", "show", "listed").output)
    assert (shown["target_users"], shown["target_user_list"]["count"]) == (None, 50_001)
    run(environment, "experiment", "start", "listed")
    with Api.from_environment(environment) as api:
        for user, assigned in (("user-50000", True), ("user-50001", False)):
            answer = api.post("/ab_test/assign", {"user_id": user, "experiment_name": "listed"})
            assert (answer["assigned"], answer["reason"]) == (assigned, "split" if assigned else "not_targeted")
    assert run(environment, "experiment", "complete", "listed").output == "listed: completed\n"
    key_id = environment["BAKEOFF_API_KEY"].split("_")[1]
    lines = run(environment, "experiment", "history", "listed").output.splitlines()
    assert [line.split("  ")[1:3] for line in lines if not line.startswith("    ")] == [
        [key_id, "create"],
        [key_id, "start"],
        [key_id, "complete"],
    ]
    assert lines[-1] == '    status: "running" -> "completed"'
    entries = json.loads(run(environment, "experiment", "history", "listed", "--json").output)
    assert [entry["version"] for entry in entries] == [1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["report", "nothing"], "nothing"),
        (["experiment", "start", "nothing"], "nothing"),
        (["experiment", "apply", "-f", "no/such/file.json"], "no/such/file.json"),
        (["model", "publish", "no/such/folder"], "no/such/folder"),
    ],
)
def test_what_is_missing_is_named(environment: dict[str, str], arguments: list[str], text: str) -> None:
    result = run(environment, *arguments)
    assert result.exit_code == 1
    assert text in result.output
    assert "Traceback" not in result.output


def test_an_empty_environment_says_what_to_do() -> None:
    for arguments in (["model", "list"], ["model", "publish", str(EXAMPLES / "models" / "recommendation" / "v1")]):
        result = CliRunner().invoke(app, arguments, env={"BAKEOFF_URL": "", "BAKEOFF_MODELS_TABLE": ""})
        assert result.exit_code == 1
        assert "bakeoff serve" in result.output
