"""How AWS is reached, and how its failures enter the domain."""

import gzip
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from threading import RLock
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, DataNotFoundError
from botocore.loaders import ExtrasProcessor, JSONFileLoader, Loader, instance_cache
from botocore.session import get_session
from pydantic_core import from_json

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.snapshots import before_snapshot, on_restore

# Whoever has an answer without a table waits still less for it.
_IMPATIENT = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
# Who calls so often spares itself the SDK's look at every field, which AWS takes anyway.
_ONCE = Config(connect_timeout=1, retries={"mode": "standard", "total_max_attempts": 1}, parameter_validation=False)
# An answer to a user cannot wait for the SDK's default of a minute.
_CONFIG = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})

SERVICES = ("athena", "cloudformation", "dynamodb", "email", "kinesis", "s3", "secretsmanager", "sns", "sqs", "sts")
"""The services that are called, as the SDK's list of endpoints calls them."""


class ThriftyFiles(JSONFileLoader):
    """Reads the SDK's JSON with the parser of pydantic, which takes half the time and half the memory."""

    def load_file(self, file_path: str) -> Any:
        """Read a document, or None where there is no such file.

        Args:
            file_path: The file, without the end of its name.
        """
        for suffix, opened in ((".json", open), (".json.gz", gzip.open)):
            with suppress(FileNotFoundError), opened(file_path + suffix, "rb") as file:
                return from_json(file.read())
        return None


class ThriftyLoader(Loader):
    """Reads the SDK's descriptions of services, and keeps what clients need of them.

    The endpoints of all services of AWS in all regions take as much memory as everything else that is described; this
    keeps those of the services that Bakeoff calls.
    """

    FILE_LOADER_CLASS = ThriftyFiles

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        """Read a document, and tell where it was."""
        document, path = super().load_data_with_path(name)
        if name == "endpoints":
            for partition in document["partitions"]:
                services = partition["services"]
                partition["services"] = {each: services[each] for each in SERVICES if each in services}
        return document, path

    @instance_cache
    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """Read a description of one service, without looking into the folders of all that there are.

        Args:
            service_name: The service as boto3 calls it.
            type_name: What is described, such as "service-2".
            api_version: Which of several descriptions; the latest one unless given.
        """
        try:
            version = api_version or max(self.list_api_versions(service_name, type_name))
        except DataNotFoundError:
            # It says what is wrong in the SDK's own words.
            return super().load_service_model(service_name, type_name)
        model = self.load_data(f"{service_name}/{version}/{type_name}")
        if type_name == "service-2":
            _forget_documentation(model)
        ExtrasProcessor().process(model, self._extras(f"{service_name}/{version}/{type_name}"))
        return model

    def _extras(self, path: str) -> Iterator[Any]:
        for kind in self.extras_types:
            with suppress(DataNotFoundError):
                yield self.load_data(f"{path}.{kind}-extras")


def _forget_documentation(model: dict[str, Any]) -> None:
    """Drop the prose of a service's description, two thirds of its characters, which nobody reads in a function."""
    operations, shapes = (model.get(kind, {}).values() for kind in ("operations", "shapes"))
    for described in chain(operations, shapes):
        described.pop("documentation", None)
    for shape in shapes:
        for member in shape.get("members", {}).values():
            member.pop("documentation", None)


def _sdk() -> Any:
    """Find boto3, with a default session that reads thriftily unless somebody made another one."""
    if boto3.DEFAULT_SESSION is None:
        session = get_session()
        session.register_component("data_loader", ThriftyLoader())
        boto3.setup_default_session(botocore_session=session)
    return boto3


class _WhenUsed:
    """A client or a table that is made when it is first used: no start has to wait for what its events may not need.

    Before a snapshot is taken, it is made there.

    Args:
        make: Makes it.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None
        before_snapshot(self.made)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.made(), name)

    def made(self) -> Any:
        """Make it, if that was not done before."""
        if self._made is None:
            # The SDK's default session is not to be used by two threads at once.
            with _making:
                if self._made is None:
                    self._made = self._make()
        return self._made


_making = RLock()


def client(service: str) -> Any:
    """Make a client of an AWS service that gives up soon enough for a caller who waits.

    Like everything here it connects, and is made, when it is first used.

    Args:
        service: The service as boto3 calls it, such as "kinesis".
    """
    # Links to objects under a customer's key need the fourth signature version, which S3 alone does not use by itself.
    config = _CONFIG.merge(Config(signature_version="s3v4")) if service == "s3" else _CONFIG
    return _WhenUsed(lambda: _connecting_anew(_sdk().client(service, config=config)))


def impatient_client(service: str, seconds: float = 1) -> Any:
    """Make a client that asks once and waits little, for a caller who tries again or has another way.

    Args:
        service: The service as boto3 calls it, such as "kinesis".
        seconds: How long it waits for an answer once it is connected.
    """
    config = _ONCE.merge(Config(read_timeout=seconds))
    return _WhenUsed(lambda: _connecting_anew(_sdk().client(service, config=config)))


def tables() -> Callable[[str], Any]:
    """Make what makes DynamoDB tables by their names: they give up soon enough for a caller who waits.

    All of them talk through one client, since each would take as long to make as the first.
    """
    return _tables(_CONFIG)


def table(name: str) -> Any:
    """Make a DynamoDB table that gives up soon enough for a caller who waits.

    Args:
        name: The table's name.
    """
    return tables()(name)


def impatient_table(name: str) -> Any:
    """Make a DynamoDB table that gives up within about two seconds, for a caller who has an answer without it.

    Args:
        name: The table's name.
    """
    return _tables(_IMPATIENT)(name)


def _tables(config: Config) -> Callable[[str], Any]:
    def make() -> Any:
        made = _sdk().resource("dynamodb", config=config)
        _connecting_anew(made.meta.client)
        return made

    database = _WhenUsed(make)
    return lambda name: _WhenUsed(lambda: database.Table(name))


def _connecting_anew(made: Any) -> Any:
    """Let a client leave its connections behind in a snapshot; it opens new ones when it is next used."""
    on_restore(made.close)
    return made


@contextmanager
def aws_failures(what: str) -> Iterator[None]:
    """Turn a call that AWS refused or never answered into DependencyUnavailable.

    The SDK has made its own retries by then.

    Args:
        what: The service in the caller's words, such as "the experiment table".
    """
    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise DependencyUnavailable(what) from error


_MOST_KEYS = 100
_LONGEST_PAUSE_SECONDS = 1.0


def batch_get(table: Any, keys: Sequence[Mapping[str, Any]], what: str, **options: Any) -> list[dict[str, Any]]:
    """Read many items of a table, a hundred at a time, and again what DynamoDB left for later.

    Args:
        table: A boto3 Table.
        keys: The items' keys, each once; those that are not there are left out of the answer.
        what: The table in the caller's words, such as "the experiment table".
        options: What else BatchGetItem takes for a table, such as a ProjectionExpression.

    Raises:
        DependencyUnavailable: DynamoDB does not answer, or left the same keys for later again and again.
    """
    found: list[dict[str, Any]] = []
    for first in range(0, len(keys), _MOST_KEYS):
        left: Sequence[Mapping[str, Any]] = keys[first : first + _MOST_KEYS]
        pause = 0.05
        while left:
            if pause > _LONGEST_PAUSE_SECONDS:
                raise DependencyUnavailable(what)
            with aws_failures(what):
                answer = table.meta.client.batch_get_item(RequestItems={table.name: {"Keys": list(left), **options}})
            found += answer["Responses"].get(table.name, [])
            left = answer.get("UnprocessedKeys", {}).get(table.name, {}).get("Keys", [])
            if left:
                time.sleep(pause)
                pause *= 2
    return found
