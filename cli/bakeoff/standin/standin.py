"""The stand-in as a whole: the data plane, the functions, and everything that invokes them."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from bakeoff.standin.cloud import ACCOUNT, CREDENTIALS, REGION, Cloud, data_plane
from bakeoff.standin.functions import Function
from bakeoff.standin.gateway import Gateway, GatewayServer, Port
from bakeoff.standin.keys import new_keys
from bakeoff.standin.permissions import Permission, arn, permissions_of
from bakeoff.standin.pollers import KinesisPoller, Poller, SourceMapping, SqsPoller
from bakeoff.standin.retries import RetryPolicy
from bakeoff.standin.routing import Router
from bakeoff.standin.schedules import Timer, interval, scheduled_event
from bakeoff.standin.snapshot import Holdings, restore, save
from bakeoff.standin.template import Declarations, EventSource, FunctionDeclaration, Schedule, read_template
from bakeoff.standin.worker import FunctionConfiguration
from bakeoff_core.identity.key_ring import KeyRing
from bakeoff_core.identity.scopes import Scope
from bakeoff_core.stores.api_keys import DynamoApiKeyStore

DEFAULT_PARAMETERS: Mapping[str, str] = {
    "DeliveryWindowSeconds": "1",
    "EmailSender": "bakeoff@example.com",
    "KeyCacheSeconds": "1",
    "WebhookNetworks": "127.0.0.0/8",
}
_SECONDS_TO_DRAIN = 120.0
_KEYS_TABLE = "BAKEOFF_API_KEYS_TABLE"
_VARIABLE_PREFIX = "BAKEOFF_"
_CONDITION, _HOLDS, _FAILS = "condition", "holds", "fails"


class Standin:
    """The stack of a template on this machine, from `with` to the end of its block.

    Args:
        template: The SAM template.
        logs: The folder that gets one log a function; made when it is not there.
        port: The gateway's port; 0 means any free one.
        parameters: Values for the template's parameters.
        max_containers: Processes that a function may have at once.
        keep: A folder that tables and buckets are read from at the start and written to at the end.
        enforce_permissions: Whether a function may do no more than its role.

    Attributes:
        url: Where the HTTP API answers.
        endpoint_url: Where the AWS APIs answer.
        resources: The physical name of each table, bucket, stream and queue, by its name in the template.
        environment: What a client of the stack needs in its environment.
        keys: A new API key of each scope, where the template has a table of keys.
    """

    url: str
    endpoint_url: str
    resources: Mapping[str, str]
    environment: Mapping[str, str]
    keys: Mapping[Scope, str]

    def __init__(  # noqa: PLR0913 - one parameter a property of the stack
        self,
        template: Path,
        *,
        logs: Path,
        port: int = 0,
        parameters: Mapping[str, str] = DEFAULT_PARAMETERS,
        max_containers: int = 2,
        keep: Path | None = None,
        enforce_permissions: bool = False,
    ) -> None:
        self._template = template
        self._logs = logs
        self._port = port
        self._parameters = parameters
        self._max_containers = max_containers
        self._keep = keep
        self._enforce_permissions = enforce_permissions
        self._stack = ExitStack()
        self._functions: dict[str, Function] = {}
        self._pollers: list[Poller] = []
        self._schedules: tuple[Schedule, ...] = ()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def invoke(self, function: str, event: object) -> Any:
        """Send an event to a function and return its answer.

        Raises:
            KeyError: The template has no such function.
            InvocationError: The function failed.
        """
        return self._functions[function].call(event)

    def run_schedules(self) -> dict[str, Any]:
        """Invoke every scheduled function now, as its schedule does, and return the answers by function.

        Raises:
            InvocationError: A function failed.
        """
        return {schedule.function: self.invoke(schedule.function, _event_of(schedule)) for schedule in self._schedules}

    def drain(self, timeout: float = _SECONDS_TO_DRAIN) -> None:
        """Wait until everything in the stream and the queues has been delivered.

        Raises:
            TimeoutError: Something was left after so many seconds.
        """
        for kind in (KinesisPoller, SqsPoller):  # what fails on the stream may end up in a queue
            for poller in self._pollers:
                if isinstance(poller, kind):
                    poller.drain(timeout)

    def client(self, service: str) -> Any:
        """A boto3 client for the data plane."""
        return self._cloud.session.client(service, endpoint_url=self.endpoint_url)  # type: ignore[call-overload]  # any service

    def _start(self, stack: ExitStack) -> None:
        declarations = read_template(self._template, region=REGION)
        every = {schedule.name: interval(schedule.expression) for schedule in declarations.schedules}
        self._schedules = declarations.schedules
        self._prepare_logs(declarations)
        port = stack.enter_context(Port(self._port))
        self.url = port.url
        self._cloud = stack.enter_context(Cloud(self._logs / "moto.log"))
        self.endpoint_url = self._cloud.endpoint_url
        parameters = {"PublicUrl": self.url, **self._parameters}
        values = self._cloud.create(declarations, parameters, _expressions(declarations))
        self.resources = self._cloud.names()
        if self._keep is not None:
            restore(self._cloud, self._holdings(declarations), self._keep)
            stack.callback(save, self._cloud, self._holdings(declarations), self._keep)

        self._functions = {
            name: Function(self._configuration(declarations, declaration, values), self._max_containers)
            for name, declaration in declarations.functions.items()
        }
        for function in self._functions.values():
            stack.callback(function.stop)

        stack.enter_context(GatewayServer(Gateway(self._functions, Router(declarations.routes), _now), port))
        resources = self._resources_of_functions(declarations, values)
        self.keys = self._make_keys(resources.get(_KEYS_TABLE))
        self.environment = self._environment(resources)

        for source in declarations.event_sources:
            self._pollers.extend(self._make_pollers(source, values))
        for poller in self._pollers:
            poller.start()
            stack.callback(poller.stop)
        if self._keep is not None:
            stack.callback(self.drain)
        for schedule in declarations.schedules:
            timer = Timer(
                every[schedule.name],
                self._functions[schedule.function],
                partial(_event_of, schedule),
            )
            timer.start()
            stack.callback(timer.stop)

    def processes(self) -> dict[int, str]:
        """Name the processes that work for the stack now: functions by their names, `moto` and `gateway`."""
        found = {pid: name for name, function in self._functions.items() for pid in function.pids}
        return found | {self._cloud.pid: "moto", os.getpid(): "gateway"}

    def _prepare_logs(self, declarations: Declarations) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        for name in (*declarations.functions, "moto"):
            (self._logs / f"{name}.log").write_text("")

    def _holdings(self, declarations: Declarations) -> Holdings:
        kinds = {name: resource["Type"] for name, resource in data_plane(declarations).items()}
        return Holdings(
            tables={n: self.resources[n] for n, kind in kinds.items() if kind == "AWS::DynamoDB::Table"},
            buckets={n: self.resources[n] for n, kind in kinds.items() if kind == "AWS::S3::Bucket"},
        )

    def _configuration(
        self, declarations: Declarations, declaration: FunctionDeclaration, values: Mapping[Any, Any]
    ) -> FunctionConfiguration:
        name = declaration.name
        memory = int(values[name, "memory"])
        variables = {variable: str(values[name, variable]) for variable in declaration.environment}
        return FunctionConfiguration(
            name=name,
            handler=declaration.handler,
            code=declaration.code,
            layers=declaration.layers,
            memory=memory,
            timeout=float(values[name, "timeout"]),
            environment={
                **self._aws_environment(),
                "AWS_LAMBDA_FUNCTION_NAME": name,
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
                "LAMBDA_TASK_ROOT": str(declaration.code),
                "TZ": ":UTC",
                **variables,
            },
            arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
            log=self._logs.resolve() / f"{name}.log",
            permissions=self._permissions(declarations, name, values) if self._enforce_permissions else None,
        )

    def _permissions(
        self, declarations: Declarations, function: str, values: Mapping[Any, Any]
    ) -> tuple[Permission, ...]:
        kinds = {name: resource["Type"] for name, resource in declarations.resources.items()}
        arns = {name: arn(kinds[name], physical) for name, physical in self.resources.items()}
        role = declarations.resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]
        conditions = {name: values[_CONDITION, name] == _HOLDS for name in declarations.conditions}
        return permissions_of(role, declarations.resources, arns, conditions)

    def _aws_environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            **CREDENTIALS,
        }

    def _make_keys(self, table: str | None) -> dict[Scope, str]:
        if table is None:
            return {}
        tables = self._cloud.session.resource("dynamodb", endpoint_url=self.endpoint_url)
        return new_keys(KeyRing(DynamoApiKeyStore(tables.Table(table)), _now), _now())

    @staticmethod
    def _resources_of_functions(declarations: Declarations, values: Mapping[Any, Any]) -> dict[str, str]:
        kept = data_plane(declarations)
        return {
            variable: values[function.name, variable]
            for function in declarations.functions.values()
            for variable, expression in function.environment.items()
            if isinstance(expression, dict) and expression.get("Ref") in kept
        }

    def _environment(self, resources: Mapping[str, str]) -> dict[str, str]:
        return {
            **self._aws_environment(),
            "AWS_ENDPOINT_URL_LAMBDA": self.url,
            "BAKEOFF_URL": self.url,
            **({"BAKEOFF_API_KEY": self.keys["admin"]} if self.keys else {}),
            **dict(sorted(resources.items())),
        }

    def _make_pollers(self, source: EventSource, values: Mapping[Any, Any]) -> list[Poller]:
        properties = {key: values.get((source.name, key), value) for key, value in source.properties.items()}
        function = self._functions[source.function]
        retries = int(properties.get("MaximumRetryAttempts", -1))
        sqs = self.client("sqs")
        mapping = SourceMapping(
            source_arn=properties["EventSourceArn"],
            batch_size=int(properties.get("BatchSize", 100)),
            window_seconds=float(properties.get("MaximumBatchingWindowInSeconds", 0)),
            reports_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ()),
            retry=RetryPolicy(
                bisect=bool(properties.get("BisectBatchOnFunctionError", False)),
                max_attempts=None if retries < 0 else retries,
            ),
            starting_position=properties.get("StartingPosition", "TRIM_HORIZON"),
            failure_queue_url=_queue_url(sqs, values.get((source.name, "OnFailure"))),
        )
        if ":sqs:" in mapping.source_arn:
            return [SqsPoller(mapping, function, sqs=sqs)]
        kinesis = self.client("kinesis")
        shards = kinesis.list_shards(StreamARN=mapping.source_arn)["Shards"]
        return [
            KinesisPoller(shard["ShardId"], mapping, function, kinesis=kinesis, sqs=sqs, clock=_now) for shard in shards
        ]


def _expressions(declarations: Declarations) -> dict[Any, Any]:
    """Everything in the template whose value the stand-in needs."""
    expressions: dict[Any, Any] = {}
    for function in declarations.functions.values():
        expressions[function.name, "memory"] = function.memory
        expressions[function.name, "timeout"] = function.timeout
        expressions.update({(function.name, name): value for name, value in function.environment.items()})
    for source in declarations.event_sources:
        for key in ("EventSourceArn", "BatchSize", "MaximumBatchingWindowInSeconds", "MaximumRetryAttempts"):
            if key in source.properties:
                expressions[source.name, key] = source.properties[key]
        destination = source.properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        expressions[source.name, "OnFailure"] = destination
    for condition in declarations.conditions:
        expressions[_CONDITION, condition] = {"Fn::If": [condition, _HOLDS, _FAILS]}
    return expressions


def _event_of(schedule: Schedule) -> dict[str, Any]:
    return scheduled_event(schedule.name, account=ACCOUNT, region=REGION, now=_now())


def _queue_url(sqs: Any, arn: str | None) -> str | None:
    return None if arn is None else sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]


def _now() -> datetime:
    return datetime.now(UTC)
