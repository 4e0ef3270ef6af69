"""The model registry: which versions exist, what each is, and which one an alias points at."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, Protocol

from botocore.exceptions import ClientError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bakeoff_core.clock import Clock
from bakeoff_core.errors import ModelNotFound, ModelVersionExists
from bakeoff_core.stores.aws import aws_failures
from bakeoff_core.stores.cache import BoundedAgeCache
from bakeoff_core.validation import FiniteJson, Name

ModelStatus = Literal["loading", "ready", "unhealthy", "offline"]

DEFAULT_ALIAS = "champion"

_VERSION = "version#"
_ALIAS = "alias#"


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

    @property
    def model_key(self) -> str:
        """The version's full name, `name:version`."""
        return f"{self.name}:{self.version}"


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

    def register(self, model: ModelVersion) -> None:
        """Add a version. Raises ModelVersionExists."""
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

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point an alias at a version. Raises ModelNotFound."""
        ...

    def aliases(self, name: str) -> dict[str, str]:
        """Read a model's aliases and the versions that they point at."""
        ...


class InMemoryModelRegistry:
    """Model versions in a dictionary."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str], ModelVersion] = {}
        self._aliases: dict[str, dict[str, str]] = {}

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

    def register(self, model: ModelVersion) -> None:
        """Add a version."""
        if (model.name, model.version) in self._versions:
            raise ModelVersionExists(model.name, model.version)
        self._versions[model.name, model.version] = model

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

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point an alias at a version."""
        self.get(name, version)
        self._aliases.setdefault(name, {})[alias] = version

    def aliases(self, name: str) -> dict[str, str]:
        """Read a model's aliases and the versions that they point at."""
        return dict(self._aliases.get(name, {}))


class DynamoModelRegistry:
    """Model versions in a DynamoDB table.

    Args:
        table: A boto3 Table with hash key `name` and range key `item`.
    """

    def __init__(self, table: Any) -> None:
        self._table = table

    def get(self, name: str, version: str) -> ModelVersion:
        """Read one version."""
        item = self._read(name, _VERSION + version)
        if item is None:
            raise ModelNotFound(name, version)
        return ModelVersion.model_validate_json(item["document"])

    def resolve(self, name: str, version_or_alias: str | None) -> ModelVersion:
        """Find the version that a version, an alias or, for None, `champion` stands for."""
        wanted = version_or_alias or DEFAULT_ALIAS
        alias = self._read(name, _ALIAS + wanted)
        item = self._read(name, _VERSION + (alias["version"] if alias else wanted))
        if item is None:
            raise ModelNotFound(name, wanted)
        return ModelVersion.model_validate_json(item["document"])

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
        found = [ModelVersion.model_validate_json(item["document"]) for item in items]
        return sorted(found, key=lambda model: (model.name, model.version))

    def register(self, model: ModelVersion) -> None:
        """Add a version."""
        with aws_failures("the model registry"):
            try:
                self._table.put_item(
                    Item={
                        "name": model.name,
                        "item": _VERSION + model.version,
                        "document": model.model_dump_json(),
                    },
                    ConditionExpression="attribute_not_exists(#name)",
                    ExpressionAttributeNames={"#name": "name"},
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                    raise ModelVersionExists(model.name, model.version) from error
                raise

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
        with aws_failures("the model registry"):
            self._table.update_item(
                Key={"name": name, "item": _VERSION + version},
                UpdateExpression="SET document = :document",
                ExpressionAttributeValues={":document": changed.model_dump_json()},
            )
        return changed

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point an alias at a version."""
        self.get(name, version)
        with aws_failures("the model registry"):
            self._table.put_item(Item={"name": name, "item": _ALIAS + alias, "version": version})

    def aliases(self, name: str) -> dict[str, str]:
        """Read a model's aliases and the versions that they point at."""
        pages = self._table.meta.client.get_paginator("query").paginate(
            TableName=self._table.name,
            KeyConditionExpression="#name = :name AND begins_with(#item, :alias)",
            ExpressionAttributeNames={"#name": "name", "#item": "item"},
            ExpressionAttributeValues={":name": name, ":alias": _ALIAS},
        )
        with aws_failures("the model registry"):
            items = [item for page in pages for item in page["Items"]]
        return {item["item"].removeprefix(_ALIAS): item["version"] for item in items}

    def _read(self, name: str, item: str) -> dict[str, Any] | None:
        with aws_failures("the model registry"):
            found: dict[str, Any] | None = self._table.get_item(Key={"name": name, "item": item}).get("Item")
        return found


def _with_status(
    model: ModelVersion, status: ModelStatus, reason: str | None, loaded_at: datetime | None
) -> ModelVersion:
    return model.model_copy(update={"status": status, "reason": reason, "loaded_at": loaded_at or model.loaded_at})


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
