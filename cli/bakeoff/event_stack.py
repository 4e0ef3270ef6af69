"""Where a deployed stack, or its stand-in, keeps events and what belongs to a user, as the environment names it."""

from collections.abc import Mapping
from os import environ
from typing import Any

import boto3

from bakeoff.errors import UsageError
from bakeoff_core.stores.assignments import AssignmentStore, DynamoAssignmentStore
from bakeoff_core.stores.objects import ObjectStore, S3ObjectStore
from bakeoff_core.stores.streams import KinesisEventStream


class EventStack:
    """The event bucket, the stream and the table of assignments, each found when it is asked for.

    Args:
        environment: `BAKEOFF_EVENT_BUCKET`, `BAKEOFF_EVENT_STREAM`, `BAKEOFF_ASSIGNMENTS_TABLE` and the AWS SDK's
            own variables.
    """

    def __init__(self, environment: Mapping[str, str] = environ) -> None:
        self._environment = environment
        self._session = boto3.Session(
            aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=environment.get("AWS_SESSION_TOKEN"),
            region_name=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
        )
        self._endpoint = environment.get("AWS_ENDPOINT_URL")

    def objects(self) -> ObjectStore:
        """The event bucket.

        Raises:
            UsageError: Its variable is not set.
        """
        return S3ObjectStore(self._client("s3"), self._need("BAKEOFF_EVENT_BUCKET"))

    def kinesis(self) -> tuple[Any, str]:
        """A Kinesis client, and the name of the event stream.

        Raises:
            UsageError: The stream's variable is not set.
        """
        return self._client("kinesis"), self._need("BAKEOFF_EVENT_STREAM")

    def stream(self) -> KinesisEventStream:
        """The event stream, to put events on.

        Raises:
            UsageError: Its variable is not set.
        """
        client, name = self.kinesis()
        return KinesisEventStream(client, name, attempts=8)

    def assignments(self) -> AssignmentStore:
        """The kept assignments.

        Raises:
            UsageError: Their variable is not set.
        """
        name = self._need("BAKEOFF_ASSIGNMENTS_TABLE")
        return DynamoAssignmentStore(self._session.resource("dynamodb", endpoint_url=self._endpoint).Table(name))

    def _client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint)  # type: ignore[call-overload]  # any service

    def _need(self, variable: str) -> str:
        value = self._environment.get(variable)
        if not value:
            raise UsageError(
                f"{variable}: not set; run `bakeoff serve` and export the lines that it prints, "
                "or set it from the outputs of a deployed stack"
            )
        return value
