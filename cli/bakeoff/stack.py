"""The stores of a deployed stack, or of its stand-in, as the environment names them."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import environ
from typing import Self

import boto3

from bakeoff.errors import UsageError
from bakeoff_core.stores.models import DynamoModelRegistry, ModelRegistry
from bakeoff_core.stores.objects import ObjectStore, S3ObjectStore

_MODELS_TABLE = "BAKEOFF_MODELS_TABLE"
_MODEL_BUCKET = "BAKEOFF_MODEL_BUCKET"


@dataclass(frozen=True, slots=True)
class Stack:
    """What the command line writes to without the HTTP API: models."""

    registry: ModelRegistry
    objects: ObjectStore

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = environ) -> Self:
        """Find the stores by `BAKEOFF_MODELS_TABLE`, `BAKEOFF_MODEL_BUCKET` and the AWS SDK's own variables.

        Raises:
            UsageError: A variable is not set.
        """
        missing = [name for name in (_MODELS_TABLE, _MODEL_BUCKET) if not environment.get(name)]
        if missing:
            raise UsageError(
                f"{', '.join(missing)}: not set; run `bakeoff serve` and export the lines that it prints, "
                "or set them from the outputs of a deployed stack"
            )
        session = boto3.Session(
            aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=environment.get("AWS_SESSION_TOKEN"),
            region_name=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
        )
        endpoint = environment.get("AWS_ENDPOINT_URL")
        table = session.resource("dynamodb", endpoint_url=endpoint).Table(environment[_MODELS_TABLE])
        objects = S3ObjectStore(session.client("s3", endpoint_url=endpoint), environment[_MODEL_BUCKET])
        return cls(DynamoModelRegistry(table), objects)
