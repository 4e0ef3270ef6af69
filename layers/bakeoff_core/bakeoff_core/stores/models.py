"""The model registry: which versions exist, what each is, and which one an alias points at."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, Protocol, TypeAlias

from botocore.exceptions import ClientError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bakeoff_core.clock import Clock, rfc3339, utc_now
from bakeoff_core.errors import AliasMoved, InvalidInput, ModelInUse, ModelNotFound, ModelVersionExists
from bakeoff_core.stores.aws import aws_failures, batch_get
from bakeoff_core.stores.cache import BoundedAgeCache
from bakeoff_core.validation import NAME_PATTERN, FiniteJson, Name

ModelStatus = Literal["loading", "ready", "unhealthy", "offline"]
AliasAction = Literal["promote", "rollback"]

DEFAULT_ALIAS = "champion"

_VERSION = "version#"
_ALIAS = "alias#"
_MOVE = "move#"
_DELETED = "deleted#"
_UNKNOWN_ACTOR = "unknown"
_REPEATS = 5


class ModelVersion(BaseModel):
    """One immutable model artefact and its present standing."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    name: Name
    version: Name
    status: ModelStatus
    reason: str | None = None
    sha256: str
    size_bytes: int = Field(ge=0)
    registered_at: AwareDatetime
    loaded_at: AwareDatetime | None = None
    metadata: dict[str, FiniteJson]

    @cached_property
    def model_key(self) -> str:
        """The version's full name, `name:version`."""
        return f"{self.name}:{self.version}"


class Standing(BaseModel):
    """How the version that a name stands for is, without its metadata."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    model_name: Name
    model_version: Name
    status: ModelStatus
    reason: str | None = None


ModelReference: TypeAlias = tuple[str, str | None]
"""A model's name, and a version, an alias or, for `champion`, None."""


class AliasMove(BaseModel):
    """One line of an alias's history: who pointed it where, and when."""

    model_config = ConfigDict(frozen=True)

    alias: Name
    source: Name | None
    target: Name
    action: AliasAction
    actor: str
    at: AwareDatetime


def artefact_key(name: str, version: str) -> str:
    """Say under which key a version's ONNX file is kept."""
    return f"models/{name}/{version}/model.onnx"


def metadata_key(name: str, version: str) -> str:
    """Say under which key a version's metadata are kept."""
    return f"models/{name}/{version}/metadata.json"


class ModelRegistry(Protocol):
    """Model versions and aliases. Every implementation passes tests/contract/test_model_registry.py."""

    def get(self, name: str, version: str) -> ModelVersion:
        """Read one version. Raises ModelNotFound."""
        ...

    def resolve(self, name: str, version_or_alias: str | None) -> ModelVersion:
        """Find the version that a version, an alias or, for None, `champion` stands for. Raises ModelNotFound."""
        ...

    def list(self) -> list[ModelVersion]:
        """Read all versions, by name and version."""
        ...

    def standings(self, references: Iterable[ModelReference]) -> dict[ModelReference, Standing]:
        """Say how the versions are that references stand for; those that stand for none are left out."""
        ...

    def register(self, model: ModelVersion) -> None:
        """Add a version. Raises ModelVersionExists, for a version that was deleted as well."""
        ...

    def delete(self, name: str, version: str, *, actor: str = _UNKNOWN_ACTOR) -> None:
        """Remove a version for good; its name is never used again.

        Raises ModelNotFound, or ModelInUse if an alias points at it.
        """
        ...

    def set_status(
        self,
        name: str,
        version: str,
        status: ModelStatus,
        *,
        reason: str | None = None,
        loaded_at: datetime | None = None,
    ) -> ModelVersion:
        """Change a version's standing; None for `loaded_at` keeps the former time. Raises ModelNotFound."""
        ...

    def move_alias(
        self,
        name: str,
        alias: str,
        source: str | None,
        target: str,
        *,
        actor: str = _UNKNOWN_ACTOR,
        action: AliasAction = "promote",
    ) -> AliasMove:
        """Point an alias at a version, if it still points at `source` (None: at nothing), and keep the move.

        Raises AliasMoved if it points elsewhere, ModelNotFound if there is no such version, or InvalidInput
        if the alias is no name or is that of a version.
        """
        ...

    def set_alias(self, name: str, alias: str, version: str, *, actor: str = _UNKNOWN_ACTOR) -> AliasMove | None:
        """Point an alias at a version, wherever it points now; None if it points there already.

        Raises as `move_alias` does.
        """
        ...

    def aliases(self, name: str) -> dict[str, str]:
        """Read a model's aliases and the versions that they point at."""
        ...

    def alias_history(self, name: str, alias: str) -> tuple[AliasMove, ...]:
        """Read every move of an alias, oldest first."""
        ...


class _Aliases:
    """What both registries do alike with aliases."""

    def move_alias(
        self,
        name: str,
        alias: str,
        source: str | None,
        target: str,
        *,
        actor: str = _UNKNOWN_ACTOR,
        action: AliasAction = "promote",
    ) -> AliasMove:
        """Point an alias at a version, if it still points at `source`."""
        raise NotImplementedError

    def aliases(self, name: str) -> dict[str, str]:
        """Read a model's aliases."""
        raise NotImplementedError

    def set_alias(self, name: str, alias: str, version: str, *, actor: str = _UNKNOWN_ACTOR) -> AliasMove | None:
        """Point an alias at a version, wherever it points now."""
        for attempt in range(_REPEATS):
            source = self.aliases(name).get(alias)
            if source == version:
                return None
            try:
                return self.move_alias(name, alias, source, version, actor=actor)
            except AliasMoved:
                if attempt == _REPEATS - 1:
                    raise
        raise AssertionError  # the last attempt returned or raised


class InMemoryModelRegistry(_Aliases):
    """Model versions in a dictionary.

    Args:
        clock: The time of each move of an alias.
    """

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._versions: dict[tuple[str, str], ModelVersion] = {}
        self._deleted: set[tuple[str, str]] = set()
        self._aliases: dict[str, dict[str, str]] = {}
        self._moves: dict[tuple[str, str], list[AliasMove]] = {}

    def get(self, name: str, version: str) -> ModelVersion:
        """Read one version."""
        try:
            return self._versions[name, version]
        except KeyError:
            raise ModelNotFound(name, version) from None

    def resolve(self, name: str, version_or_alias: str | None) -> ModelVersion:
        """Find the version that a version, an alias or, for None, `champion` stands for."""
        wanted = version_or_alias or DEFAULT_ALIAS
        version = self._aliases.get(name, {}).get(wanted, wanted)
        try:
            return self._versions[name, version]
        except KeyError:
            raise ModelNotFound(name, wanted) from None

    def list(self) -> list[ModelVersion]:
        """Read all versions, by name and version."""
        return [self._versions[key] for key in sorted(self._versions)]

    def standings(self, references: Iterable[ModelReference]) -> dict[ModelReference, Standing]:
        """Say how the versions are that references stand for."""
        found: dict[ModelReference, Standing] = {}
        for reference in references:
            with suppress(ModelNotFound):
                model = self.resolve(*reference)
                found[reference] = Standing(
                    model_name=model.name, model_version=model.version, status=model.status, reason=model.reason
                )
        return found

    def register(self, model: ModelVersion) -> None:
        """Add a version."""
        key = (model.name, model.version)
        if key in self._versions or key in self._deleted:
            raise ModelVersionExists(*key)
        self._versions[key] = model

    def delete(self, name: str, version: str, *, actor: str = _UNKNOWN_ACTOR) -> None:  # noqa: ARG002 - kept by the table
        """Remove a version for good."""
        self.get(name, version)
        _refuse_aliased(name, version, self.aliases(name))
        del self._versions[name, version]
        self._deleted.add((name, version))

    def set_status(
        self,
        name: str,
        version: str,
        status: ModelStatus,
        *,
        reason: str | None = None,
        loaded_at: datetime | None = None,
    ) -> ModelVersion:
        """Change a version's standing."""
        changed = _with_status(self.get(name, version), status, reason, loaded_at)
        self._versions[name, version] = changed
        return changed

    def move_alias(
        self,
        name: str,
        alias: str,
        source: str | None,
        target: str,
        *,
        actor: str = _UNKNOWN_ACTOR,
        action: AliasAction = "promote",
    ) -> AliasMove:
        """Point an alias at a version, if it still points at `source`, and keep the move."""
        _check_alias(alias)
        self.get(name, target)
        if (name, alias) in self._versions:
            raise _named_like_a_version(alias)
        present = self._aliases.setdefault(name, {})
        if present.get(alias) != source:
            raise AliasMoved(name, alias, source, present.get(alias))
        move = AliasMove(alias=alias, source=source, target=target, action=action, actor=actor, at=self._clock())
        present[alias] = target
        self._moves.setdefault((name, alias), []).append(move)
        return move

    def aliases(self, name: str) -> dict[str, str]:
        """Read a model's aliases and the versions that they point at."""
        return dict(self._aliases.get(name, {}))

    def alias_history(self, name: str, alias: str) -> tuple[AliasMove, ...]:
        """Read every move of an alias, oldest first."""
        return tuple(self._moves.get((name, alias), []))


class DynamoModelRegistry(_Aliases):
    """Model versions in a DynamoDB table.

    A model has an item per version, per alias, per move of an alias, and per version that was deleted.

    Args:
        table: A boto3 Table with hash key `name` and range key `item`.
        clock: The time of each move of an alias, and of a deletion.
    """

    def __init__(self, table: Any, clock: Clock = utc_now) -> None:
        self._table = table
        self._clock = clock

    def get(self, name: str, version: str) -> ModelVersion:
        """Read one version."""
        item = self._read(name, _VERSION + version)
        if item is None:
            raise ModelNotFound(name, version)
        return _version_of(item)

    def resolve(self, name: str, version_or_alias: str | None) -> ModelVersion:
        """Find the version that a version, an alias or, for None, `champion` stands for."""
        wanted = version_or_alias or DEFAULT_ALIAS
        alias = self._read(name, _ALIAS + wanted)
        item = self._read(name, _VERSION + (alias["version"] if alias else wanted))
        if item is None:
            raise ModelNotFound(name, wanted)
        return _version_of(item)

    def list(self) -> list[ModelVersion]:
        """Read all versions, by name and version."""
        pages = self._table.meta.client.get_paginator("scan").paginate(
            TableName=self._table.name,
            FilterExpression="begins_with(#item, :version)",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues={":version": _VERSION},
        )
        with aws_failures("the model registry"):
            items = [item for page in pages for item in page["Items"]]
        return sorted(map(_version_of, items), key=lambda model: (model.name, model.version))

    def standings(self, references: Iterable[ModelReference]) -> dict[ModelReference, Standing]:
        """Say how the versions are that references stand for, in two rounds of batched reads."""
        wanted = {reference: reference[1] or DEFAULT_ALIAS for reference in references}
        aliases = self._read_parts({(name, _ALIAS + wanted[name, given]) for name, given in wanted}, ("version",))
        targets = {
            (name, given): aliases.get((name, _ALIAS + version), {}).get("version", version)
            for (name, given), version in wanted.items()
        }
        items = self._read_parts({(name, _VERSION + targets[name, given]) for name, given in targets}, _STATUS)
        return {
            reference: Standing(
                model_name=reference[0],
                model_version=version,
                status=item["status"],
                reason=item.get("reason"),
            )
            for reference, version in targets.items()
            if (item := items.get((reference[0], _VERSION + version))) is not None
        }

    def _read_parts(self, keys: set[tuple[str, str]], parts: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
        names = {"#name": "name", "#item": "item"} | {f"#part{index}": part for index, part in enumerate(parts)}
        items = batch_get(
            self._table,
            [{"name": name, "item": item} for name, item in sorted(keys)],
            "the model registry",
            ProjectionExpression=", ".join(names),
            ExpressionAttributeNames=names,
        )
        return {(item["name"], item["item"]): item for item in items}

    def register(self, model: ModelVersion) -> None:
        """Add a version."""
        key = {"name": model.name, "item": _VERSION + model.version}
        item = {**key, "document": model.model_dump_json(exclude=_STANDING), **_standing(model)}
        refused = self._write(
            {"Put": {"Item": item, **_UNUSED}},
            {"ConditionCheck": {"Key": {"name": model.name, "item": _DELETED + model.version}, **_UNUSED}},
        )
        if refused:
            raise ModelVersionExists(model.name, model.version)

    def delete(self, name: str, version: str, *, actor: str = _UNKNOWN_ACTOR) -> None:
        """Remove a version for good."""
        model = self.get(name, version)
        _refuse_aliased(name, version, self.aliases(name))
        trace = {"sha256": model.sha256, "actor": actor, "at": rfc3339(self._clock())}
        refused = self._write(
            {"Delete": {"Key": {"name": name, "item": _VERSION + version}, **_USED}},
            {"Put": {"Item": {"name": name, "item": _DELETED + version, **trace}}},
        )
        if refused:
            raise ModelNotFound(name, version)

    def set_status(
        self,
        name: str,
        version: str,
        status: ModelStatus,
        *,
        reason: str | None = None,
        loaded_at: datetime | None = None,
    ) -> ModelVersion:
        """Change a version's standing, and nothing else of it, in one write."""
        values: dict[str, Any] = {":status": status, ":reason": reason}
        update = "SET #status = :status, #reason = :reason"
        if loaded_at is not None:
            update += ", loaded_at = :loaded_at"
            values[":loaded_at"] = rfc3339(loaded_at)
        with aws_failures("the model registry"):
            try:
                answer = self._table.update_item(
                    Key={"name": name, "item": _VERSION + version},
                    UpdateExpression=update,
                    ConditionExpression="attribute_exists(#name)",
                    ExpressionAttributeNames={"#name": "name", "#status": "status", "#reason": "reason"},
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                    raise ModelNotFound(name, version) from error
                raise
        return _version_of(answer["Attributes"])

    def move_alias(
        self,
        name: str,
        alias: str,
        source: str | None,
        target: str,
        *,
        actor: str = _UNKNOWN_ACTOR,
        action: AliasAction = "promote",
    ) -> AliasMove:
        """Point an alias at a version, if it still points at `source`, and keep the move."""
        _check_alias(alias)
        present = self._read(name, _ALIAS + alias) or {}
        if present.get("version") != source:
            raise AliasMoved(name, alias, source, present.get("version"))
        move = AliasMove(alias=alias, source=source, target=target, action=action, actor=actor, at=self._clock())
        # The number of moves, and not the version alone: an alias may have gone there and back meanwhile.
        moves = int(present.get("moves", 0))
        guard = (
            {
                "ConditionExpression": "moves = :moves",
                "ExpressionAttributeValues": {":moves": moves},
            }
            if present
            else _UNUSED
        )
        refused = self._write(
            {"ConditionCheck": {"Key": {"name": name, "item": _VERSION + target}, **_USED}},
            {"ConditionCheck": {"Key": {"name": name, "item": _VERSION + alias}, **_UNUSED}},
            {"Put": {"Item": {"name": name, "item": _ALIAS + alias, "version": target, "moves": moves + 1}, **guard}},
            {
                "Put": {
                    "Item": {
                        "name": name,
                        "item": f"{_MOVE}{alias}#{moves + 1:08}",
                        "document": move.model_dump_json(),
                    }
                }
            },
        )
        match refused:
            case ():
                return move
            case (0, *_):
                raise ModelNotFound(name, target)
            case (1, *_):
                raise _named_like_a_version(alias)
            case _:
                raise AliasMoved(name, alias, source, self.aliases(name).get(alias))

    def aliases(self, name: str) -> dict[str, str]:
        """Read a model's aliases and the versions that they point at."""
        return {item["item"].removeprefix(_ALIAS): item["version"] for item in self._query(name, _ALIAS)}

    def alias_history(self, name: str, alias: str) -> tuple[AliasMove, ...]:
        """Read every move of an alias, oldest first."""
        return tuple(AliasMove.model_validate_json(item["document"]) for item in self._query(name, f"{_MOVE}{alias}#"))

    def _query(self, name: str, prefix: str) -> tuple[dict[str, Any], ...]:
        pages = self._table.meta.client.get_paginator("query").paginate(
            TableName=self._table.name,
            KeyConditionExpression="#name = :name AND begins_with(#item, :prefix)",
            ExpressionAttributeNames={"#name": "name", "#item": "item"},
            ExpressionAttributeValues={":name": name, ":prefix": prefix},
        )
        with aws_failures("the model registry"):
            return tuple(item for page in pages for item in page["Items"])

    def _write(self, *actions: dict[str, dict[str, Any]]) -> tuple[int, ...]:
        """Write all or nothing; say which of the actions' conditions did not hold."""
        named = [{kind: {"TableName": self._table.name, **what} for kind, what in each.items()} for each in actions]
        with aws_failures("the model registry"):
            try:
                self._table.meta.client.transact_write_items(TransactItems=named)
            except ClientError as error:
                refused = _refused(error)
                if not refused:
                    raise
                return refused
        return ()

    def _read(self, name: str, item: str) -> dict[str, Any] | None:
        with aws_failures("the model registry"):
            found: dict[str, Any] | None = self._table.get_item(Key={"name": name, "item": item}).get("Item")
        return found


_STATUS = ("status", "reason")
_STANDING = {"status", "reason", "loaded_at"}
_USED = {"ConditionExpression": "attribute_exists(#name)", "ExpressionAttributeNames": {"#name": "name"}}
_UNUSED = {"ConditionExpression": "attribute_not_exists(#name)", "ExpressionAttributeNames": {"#name": "name"}}


def _standing(model: ModelVersion) -> dict[str, str | None]:
    standing = {"status": model.status, "reason": model.reason}
    return standing if model.loaded_at is None else {**standing, "loaded_at": rfc3339(model.loaded_at)}


def _version_of(item: dict[str, Any]) -> ModelVersion:
    standing = {field: item[field] for field in _STANDING if field in item}
    return ModelVersion.model_validate({**json.loads(item["document"]), **standing})


def _refused(error: ClientError) -> tuple[int, ...]:
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    lost = {"ConditionalCheckFailed", "TransactionConflict"}
    return tuple(index for index, reason in enumerate(reasons) if reason.get("Code") in lost)


def _with_status(
    model: ModelVersion, status: ModelStatus, reason: str | None, loaded_at: datetime | None
) -> ModelVersion:
    return model.model_copy(update={"status": status, "reason": reason, "loaded_at": loaded_at or model.loaded_at})


def _check_alias(alias: str) -> None:
    if not re.match(NAME_PATTERN, alias):
        raise InvalidInput.of(
            "alias", f"must be 1 to 128 letters, digits, dots, dashes or underscores, got {alias!r:.80}"
        )


def _named_like_a_version(alias: str) -> InvalidInput:
    return InvalidInput.of("alias", f"{alias!r} is the name of a version")


def _refuse_aliased(name: str, version: str, aliases: dict[str, str]) -> None:
    pointing = sorted(alias for alias, target in aliases.items() if target == version)
    if pointing:
        raise ModelInUse(f"model {name}:{version} is what {', '.join(pointing)} points at: move the alias first")


class CachedModels:
    """Model versions read at most every so often, and from memory when the registry does not answer.

    Args:
        registry: Where a version is read when the remembered one is too old.
        max_age_seconds: For how long an answer serves without another look.
        clock: The time.
        on_stale: Called with the model's name whenever the last known answer serves because the registry failed.
    """

    def __init__(
        self, registry: ModelRegistry, max_age_seconds: float, clock: Clock, on_stale: Callable[[str], None]
    ) -> None:
        self._cache = BoundedAgeCache[tuple[str, str | None], ModelVersion](
            lambda key: registry.resolve(*key), max_age_seconds, clock, lambda key: on_stale(key[0])
        )

    def resolve(self, name: str, version_or_alias: str | None) -> ModelVersion:
        """Find a version as the registry does. Raises ModelNotFound, or DependencyUnavailable if it was never read."""
        return self._cache.get((name, version_or_alias))
