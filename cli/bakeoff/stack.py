"""The stores of a deployed stack, or of its stand-in, as the environment names them."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import environ
from typing import Self

import boto3

from bakeoff.errors import UsageError
from bakeoff_core.clock import utc_now
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.identity.key_ring import KeyRing
from bakeoff_core.stores.api_keys import DynamoApiKeyStore
from bakeoff_core.stores.experiments import DynamoExperimentStore, ExperimentStore
from bakeoff_core.stores.models import DynamoModelRegistry, ModelRegistry
from bakeoff_core.stores.objects import ObjectStore, S3ObjectStore

_EXPERIMENTS_TABLE = "BAKEOFF_EXPERIMENTS_TABLE"
_MODELS_TABLE = "BAKEOFF_MODELS_TABLE"
_API_KEYS_TABLE = "BAKEOFF_API_KEYS_TABLE"
_MODEL_BUCKET = "BAKEOFF_MODEL_BUCKET"


@dataclass(frozen=True, slots=True)
class Stack:
    """What the command line reads and writes without the HTTP API: models, and the experiments that use them.

    Attributes:
        registry: Which versions exist.
        objects: Their files.
        experiments: None where the environment names no table of experiments.
    """

    registry: ModelRegistry
    objects: ObjectStore
    experiments: ExperimentStore | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = environ) -> Self:
        """Find the stores by `BAKEOFF_MODELS_TABLE`, `BAKEOFF_MODEL_BUCKET` and the AWS SDK's own variables.

        `BAKEOFF_EXPERIMENTS_TABLE` is read as well, where it is set.

        Raises:
            UsageError: A variable is not set.
        """
        missing = [name for name in (_MODELS_TABLE, _MODEL_BUCKET) if not environment.get(name)]
        if missing:
            raise UsageError(
                f"{', '.join(missing)}: not set; run `bakeoff serve` and export the lines that it prints, "
                "or set them from the outputs of a deployed stack"
            )
        session, endpoint = _session(environment), environment.get("AWS_ENDPOINT_URL")
        tables = session.resource("dynamodb", endpoint_url=endpoint)
        objects = S3ObjectStore(session.client("s3", endpoint_url=endpoint), environment[_MODEL_BUCKET])
        experiments = environment.get(_EXPERIMENTS_TABLE)
        return cls(
            DynamoModelRegistry(tables.Table(environment[_MODELS_TABLE])),
            objects,
            DynamoExperimentStore(tables.Table(experiments)) if experiments else None,
        )

    def all_experiments(self) -> list[Experiment]:
        """Read all experiments that are not archived.

        Raises:
            UsageError: The environment names no table of experiments.
        """
        if self.experiments is None:
            raise UsageError(f"{_EXPERIMENTS_TABLE}: not set; it says which versions are in use")
        return self.experiments.list()


def key_ring(environment: Mapping[str, str] = environ) -> KeyRing:
    """Find the API keys by `BAKEOFF_API_KEYS_TABLE` and the AWS SDK's own variables.

    Raises:
        UsageError: The variable is not set.
    """
    name = environment.get(_API_KEYS_TABLE)
    if not name:
        raise UsageError(
            f"{_API_KEYS_TABLE}: not set; run `bakeoff serve` and export the lines that it prints, "
            "or set it to the ApiKeysTableName of a deployed stack"
        )
    tables = _session(environment).resource("dynamodb", endpoint_url=environment.get("AWS_ENDPOINT_URL"))
    return KeyRing(DynamoApiKeyStore(tables.Table(name)), utc_now)


def _session(environment: Mapping[str, str]) -> boto3.Session:
    return boto3.Session(
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        region_name=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
    )
