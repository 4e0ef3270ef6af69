"""Experiments that are written down in a file."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.api import Api
from bakeoff.errors import UsageError
from bakeoff_core.errors import InvalidInput
from bakeoff_core.experiments.model import TargetUserList

KeepList = Callable[[Sequence[str]], TargetUserList]
"""Stores a long list of target users."""

_PATH = "/ab_test/experiments"
_USERS_FILE = "target_users_file"
_MOST_USERS_IN_A_REQUEST = 50_000  # a request to Lambda holds 6 MB


class ApplyRefused(UsageError):
    """Experiments of a file were refused; the text says which and why."""

    def __init__(self, planned: Iterable[Mapping[str, Any]]) -> None:
        refused = [each for each in planned if each["action"] == "refused"]
        super().__init__("\n".join(f"{each['name']}: refused: {each['reason']}" for each in refused))


def read_experiments(file: Path) -> list[dict[str, Any]]:
    """Read a JSON file with one experiment or a list of them.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInput: It is not JSON, or holds something else.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidInput.of(str(file), f"is not JSON: {error}") from error
    experiments = document if isinstance(document, list) else [document]
    for index, experiment in enumerate(experiments):
        if not isinstance(experiment, dict) or not isinstance(experiment.get("name"), str):
            raise InvalidInput.of(f"{file}[{index}]", "must be an experiment, an object with a name")
    return experiments


def with_target_users(experiment: Mapping[str, Any], folder: Path, keep: KeepList) -> dict[str, Any]:
    """Put the target users of a file of their own in the place of the file's name.

    Args:
        experiment: A definition; its `target_users_file`, if there, names a text file with a unit a line.
        folder: What the name is relative to.
        keep: Stores a list that is too long for a request.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInput: The experiment has target users besides.
    """
    definition = dict(experiment)
    name = definition.pop(_USERS_FILE, None)
    if name is None:
        return definition
    if not isinstance(name, str) or definition.get("target_users") or definition.get("target_user_list"):
        raise InvalidInput.of(
            f"{experiment['name']}.{_USERS_FILE}", "must name a file, and be the only place of target users"
        )
    units = (folder / name).read_text(encoding="utf-8").splitlines()
    units = [unit for unit in units if unit]
    if len(units) > _MOST_USERS_IN_A_REQUEST:
        return {**definition, "target_user_list": keep(units).model_dump()}
    return {**definition, "target_users": units}


def plan_experiments(
    api: Api, experiments: Sequence[Mapping[str, Any]], *, new_version: bool = False
) -> list[dict[str, Any]]:
    """Ask what applying experiments would do; nothing is written.

    Returns:
        For each its `name`, its `action` (created, changed, unchanged or refused), its `changes` and the
        `reason` of a refusal.
    """
    planned: list[dict[str, Any]] = _put(api, experiments, dry_run=True, new_version=new_version)["experiments"]
    return planned


def apply_experiments(
    api: Api, experiments: Sequence[Mapping[str, Any]], *, new_version: bool = False
) -> list[dict[str, Any]]:
    """Create and change experiments so that they are as they are written down.

    Returns:
        What was done, as `plan_experiments` says it.

    Raises:
        ApplyRefused: One is refused. Nothing was written, unless somebody else wrote at the same time.
    """
    done: list[dict[str, Any]] = _put(api, experiments, dry_run=False, new_version=new_version)["experiments"]
    if any(each["action"] == "refused" for each in done):
        raise ApplyRefused(done)
    return done


def _put(api: Api, experiments: Sequence[Mapping[str, Any]], *, dry_run: bool, new_version: bool) -> Any:
    query = f"?dry_run={json.dumps(dry_run)}&new_version={json.dumps(new_version)}"
    return api.put(_PATH + query, {"experiments": list(experiments)})
