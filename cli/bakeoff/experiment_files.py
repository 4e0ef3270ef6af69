"""Experiments that are written down in a file."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bakeoff.api import Api, ApiError
from bakeoff_core.errors import InvalidInput

_CONFLICT = 409


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


def apply_experiments(api: Api, experiments: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bool]]:
    """Create the experiments that do not exist yet.

    Yields:
        Each experiment's name, and whether it was created.
    """
    for experiment in experiments:
        try:
            api.post("/ab_test/experiments", experiment)
        except ApiError as error:
            if error.status != _CONFLICT:
                raise
            yield experiment["name"], False
        else:
            yield experiment["name"], True
