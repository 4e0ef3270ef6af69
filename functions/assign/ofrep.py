"""Experiments as feature flags: OpenFeature's remote evaluation protocol (OFREP 0.3)."""

import re
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, TypeAdapter, ValidationError

from bakeoff_core.assignment.assigner import Assignment
from bakeoff_core.errors import BakeoffError, ExperimentNotFound, InvalidInput, NotFound
from bakeoff_core.http import parse_json
from bakeoff_core.validation import NAME_PATTERN, FiniteJson, UnitId, field_errors

PREFIX = "/ofrep/"

ErrorCode = Literal["PARSE_ERROR", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "GENERAL", "FLAG_NOT_FOUND"]

_TARGETING_KEY = "targetingKey"
_FLAG = re.compile(r"/ofrep/v1/evaluate/flags/(.+)")
_DISABLED = frozenset({"not_running", "not_started", "ended"})

_unit = TypeAdapter[str](UnitId)


class _Evaluation(BaseModel):
    context: dict[str, FiniteJson] = {}


class EvaluationError(BakeoffError):
    """A flag cannot be evaluated for what the caller sent."""

    def __init__(self, code: ErrorCode, details: str) -> None:
        super().__init__(details)
        self.code: ErrorCode = code


def read_context(body: str | None) -> tuple[str, dict[str, Any]]:
    """Read the unit and its attributes from the body of an evaluation.

    Args:
        body: `{"context": {"targetingKey": "user-1", ...}}`.

    Raises:
        EvaluationError: The body is no JSON object, or its context holds no usable targeting key.
    """
    try:
        document = parse_json(body)
    except InvalidInput as error:
        raise EvaluationError("PARSE_ERROR", str(error)) from None
    if not isinstance(document, dict):
        raise EvaluationError("PARSE_ERROR", "body: must be a JSON object")
    try:
        context = _Evaluation.model_validate(document).context
    except ValidationError as error:
        raise EvaluationError("INVALID_CONTEXT", "; ".join(map(str, field_errors(error)))) from None
    targeting_key = context.pop(_TARGETING_KEY, "")
    if targeting_key == "":
        raise EvaluationError("TARGETING_KEY_MISSING", f"context.{_TARGETING_KEY}: must name the unit")
    try:
        return _unit.validate_python(targeting_key), context
    except ValidationError as error:
        problems = "; ".join(each.msg for each in field_errors(error))
        raise EvaluationError("INVALID_CONTEXT", f"context.{_TARGETING_KEY}: {problems}") from None


def check_key(key: str) -> None:
    """Refuse a key that no experiment can have.

    Raises:
        ExperimentNotFound: It is none.
    """
    if not re.fullmatch(NAME_PATTERN, key):
        raise ExperimentNotFound(key)


def evaluation(assignment: Assignment) -> dict[str, Any]:
    """Write an assignment as the evaluation of a flag.

    Once an experiment is over, and a group was chosen to serve everybody, everybody gets its value. Else a unit without
    a group gets none, which means the application's own default.
    """
    experiment, group = assignment.experiment, assignment.serving
    metadata: dict[str, Any] = {"config_version": experiment.config_version, "reason": assignment.reason}
    if assignment.propensity is not None:
        metadata["propensity"] = assignment.propensity
    answer = {
        "key": experiment.name,
        "reason": _reason(assignment),
        # Some clients read the variant even where there is none.
        "variant": "" if group is None else group.name,
        "metadata": metadata,
    }
    return answer if group is None else {**answer, "value": experiment.flag_value_of(group)}


def failure(key: str, error: Exception) -> dict[str, Any]:
    """Write an error about one flag, as it stands in an answer about many."""
    return {"key": key, "errorCode": _code(error), "errorDetails": _details(error)}


def describe_error(path: str, error: Exception) -> tuple[int, dict[str, Any]]:
    """Say with which status and body an error is answered.

    Args:
        path: The path of the request, whose end is the flag's key unless many are asked for.
        error: What was raised.
    """
    if isinstance(error, NotFound):
        status = HTTPStatus.NOT_FOUND
    elif isinstance(error, EvaluationError | InvalidInput):
        status = HTTPStatus.BAD_REQUEST
    else:
        return HTTPStatus.INTERNAL_SERVER_ERROR, {"errorDetails": _details(error)}
    flag = _FLAG.fullmatch(path)
    body: dict[str, Any] = {"errorCode": _code(error), "errorDetails": _details(error)}
    return status, {"key": unquote(flag[1]), **body} if flag else body


def entity_tag(content: bytes) -> str:
    """Name an answer by its bytes, so that whatever changes it, the context included, changes the name."""
    return f'"{blake2b(content, digest_size=16).hexdigest()}"'


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Say whether a caller holds the answer already, by its If-None-Match header."""
    held = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    return tag in held or "*" in held


def _reason(assignment: Assignment) -> str:
    if not assignment.assigned and assignment.serving is not None:
        return "STATIC"
    if assignment.reason in _DISABLED:
        return "DISABLED"
    if not assignment.assigned:
        return "UNKNOWN"
    experiment = assignment.experiment
    listed = experiment.target_users is not None or experiment.target_user_list is not None
    return "TARGETING_MATCH" if listed or assignment.reason == "forced" else "SPLIT"


def _code(error: Exception) -> ErrorCode:
    if isinstance(error, EvaluationError):
        return error.code
    if isinstance(error, InvalidInput):
        return "PARSE_ERROR"
    return "FLAG_NOT_FOUND" if isinstance(error, NotFound) else "GENERAL"


def _details(error: Exception) -> str:
    return (
        str(error) if isinstance(error, BakeoffError) else "the flag could not be evaluated; the reason is in the log"
    )
