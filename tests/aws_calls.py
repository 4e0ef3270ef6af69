"""Which AWS calls an entry point can make, read from its code with the types that mypy finds.

What an entry point runs is followed from its module: functions that are named, classes that are made, and methods of
objects by their type; a protocol's method leads to those of every class that is made and fits it. Stores are told what
they work on where they are made, so a call has not only a name but a table, bucket, stream or queue.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name
from mypy import build
from mypy.modulefinder import BuildSource
from mypy.nodes import (
    Argument,
    AssignmentStmt,
    CallExpr,
    Decorator,
    DictExpr,
    Expression,
    FuncDef,
    MemberExpr,
    MypyFile,
    NameExpr,
    Node,
    OverloadedFuncDef,
    RefExpr,
    Statement,
    StrExpr,
    TupleExpr,
    TypeInfo,
)
from mypy.options import Options
from mypy.subtypes import is_subtype
from mypy.types import CallableType, Instance, Type, TypeType, UnionType, get_proper_type
from mypy.typevars import fill_typevars_with_any

from tests.cloudformation import PROJECT

# What an S3 client's methods need, where the permission has another name than the operation.
_S3_ACTIONS = {
    "delete_objects": {"s3:DeleteObject"},
    "download_file": {"s3:GetObject"},
    "head_object": {"s3:GetObject"},
    "list_object_versions": {"s3:DeleteObjectVersion", "s3:ListBucketVersions"},  # who asks for them deletes them
    "list_objects_v2": {"s3:ListBucket"},
}
_ACTIONS = {
    ("sqs", "send_message_batch"): {"sqs:SendMessage"},
    ("sqs", "delete_message_batch"): {"sqs:DeleteMessage"},
    ("sns", "publish_batch"): {"sns:Publish"},
    ("sesv2", "send_email"): {"ses:SendEmail"},
}
_TRANSACTED = {
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Delete": "dynamodb:DeleteItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
}


@dataclass(frozen=True, slots=True, order=True)
class AwsCall:
    """A permission that code needs.

    Attributes:
        action: As IAM calls it.
        setting: The setting that names what it is made on; empty where no setting does.
    """

    action: str
    setting: str


@dataclass(slots=True)
class _Store:
    """What a class that calls AWS is made with: the services of its clients and the settings that name resources."""

    services: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    tables: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    settings: set[str] = field(default_factory=set)


@cache
def calls_of(entry_point: str) -> frozenset[AwsCall]:
    """Find the AWS calls that a module's handler may make.

    Args:
        entry_point: The module.
    """
    return _Reach(_code()).calls(entry_point)


@cache
def texts_of(entry_point: str) -> frozenset[str]:
    """Find the texts in the code that a module's handler may run, such as the beginnings of keys.

    Args:
        entry_point: The module.
    """
    return _Reach(_code()).texts(entry_point)


@cache
def _code() -> build.BuildResult:
    roots = [
        PROJECT / "layers" / "bakeoff_core",
        PROJECT / "layers" / "model_runtime",
        *sorted(path for path in (PROJECT / "functions").iterdir() if path.is_dir()),
    ]
    options = Options()
    options.export_types = options.preserve_asts = options.ignore_errors = True
    options.incremental = False
    options.follow_imports = "skip"  # what others wrote makes no call of its own
    options.namespace_packages = options.explicit_package_bases = True
    options.mypy_path = [str(root) for root in roots]
    sources = [BuildSource(str(file), _module(file, root)) for root in roots for file in sorted(root.rglob("*.py"))]
    return build.build(sources, options)


def _module(file: Path, root: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


_LINKS = frozenset(
    {"alias_node", "analyzed", "def_var", "expanded", "info", "node", "original_def", "type", "unanalyzed_type", "var"}
)


def _children(node: Node) -> Iterator[Node]:
    """The parts of a node: what its attributes hold, but for links to what is defined elsewhere."""
    for name in type(node).__mypyc_attrs__:  # type: ignore[attr-defined]  # mypy's nodes are compiled, and list their own
        if name not in _LINKS:
            yield from _nodes(getattr(node, name, None))


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from _nodes(each)
    elif isinstance(value, (Expression, Statement, Argument)):
        yield value


class _References:
    """The names, members and calls in a piece of code, functions within it included.

    Args:
        root: A function; or a module, of which only that counts which runs when it is imported.
    """

    def __init__(self, root: Node) -> None:
        self.names: list[NameExpr] = []
        self.members: list[MemberExpr] = []
        self.calls: list[CallExpr] = []
        self.transacted: list[tuple[str, str]] = []
        self.values: dict[str, Expression] = {}
        self.texts: set[str] = set()
        self._imported = isinstance(root, MypyFile)
        for child in root.defs if isinstance(root, MypyFile) else _children(root):
            self._visit(child)

    def _visit(self, node: Node) -> None:
        if self._imported and isinstance(node, (FuncDef, OverloadedFuncDef)):
            return
        self._note(node)
        for child in _children(node):
            self._visit(child)

    def _note(self, node: Node) -> None:
        if isinstance(node, NameExpr):
            self.names.append(node)
        elif isinstance(node, MemberExpr):
            self.members.append(node)
        elif isinstance(node, CallExpr):
            self.calls.append(node)
        elif isinstance(node, StrExpr):
            self.texts.add(node.value)
        elif isinstance(node, DictExpr):
            self.transacted += [
                (key.value, _table_attribute(value))
                for key, value in node.items
                if isinstance(key, StrExpr) and key.value in _TRANSACTED
            ]
        elif isinstance(node, AssignmentStmt):
            for target in node.lvalues:
                self.values |= dict(_assigned(target, node.rvalue))


def _assigned(target: Expression, value: Expression) -> Iterator[tuple[str, Expression]]:
    if isinstance(target, NameExpr):
        yield target.name, value
    elif isinstance(target, TupleExpr) and isinstance(value, TupleExpr):
        for each, part in zip(target.items, value.items, strict=True):
            yield from _assigned(each, part)


def _table_attribute(node: Node) -> str:
    """Find the attribute whose table an item of a transaction is for; empty where it is said elsewhere."""
    chain = _chain(node) if isinstance(node, MemberExpr) else []
    if len(chain) == 3 and chain[0] == "self" and chain[2] == "name":
        return chain[1]
    return next(filter(None, map(_table_attribute, _children(node))), "")


class _Reach:
    """What is reached from an entry point."""

    def __init__(self, code: build.BuildResult) -> None:
        self._types = code.types
        self._files = code.files
        self._found: dict[str, tuple[Node, TypeInfo | None]] = {}
        self._made: dict[str, TypeInfo] = {}
        self._protocol_members: set[tuple[str, str]] = set()
        self._protocols: dict[str, TypeInfo] = {}
        self._waiting: list[tuple[str, Node, TypeInfo | None]] = []
        self._references: dict[str, _References] = {}

    def texts(self, entry_point: str) -> frozenset[str]:
        self._explore(entry_point)
        return frozenset().union(*(references.texts for references in self._references.values()))

    def calls(self, entry_point: str) -> frozenset[AwsCall]:
        self._explore(entry_point)
        return frozenset(self._aws_calls())

    def _explore(self, entry_point: str) -> None:
        file = self._files[entry_point]
        self._follow(entry_point, file, None)
        self._import(file)
        self._refer(file.names["handler"].node)
        while True:
            while self._waiting:
                self._read(*self._waiting.pop())
            if not self._follow_protocols():
                break

    # Following

    def _import(self, file: MypyFile) -> None:
        for name in [file.fullname, *_imports(file)]:
            imported = self._files.get(name)
            if imported is not None and (name == file.fullname or name not in self._found) and _ours(imported):
                self._follow(name, imported, None)
                if imported is not file:
                    self._import(imported)

    def _follow(self, name: str, node: Node, owner: TypeInfo | None) -> None:
        if name not in self._found:
            self._found[name] = (node, owner)
            self._waiting.append((name, node, owner))

    def _read(self, name: str, node: Node, owner: TypeInfo | None) -> None:
        references = self._references[name] = _References(node)
        for each in references.names:
            self._refer(each.node)
        for member in references.members:
            self._refer(member.node)
            for held in self._instances(self._types.get(member.expr)):
                self._use(held, member.name)

    def _refer(self, node: Node | None) -> None:
        if isinstance(node, TypeInfo):
            self._make(node)
        elif isinstance(node, Decorator):
            self._refer(node.func)
        elif isinstance(node, FuncDef) and node.fullname:
            self._follow(node.fullname, node, node.info or None)
        elif isinstance(node, OverloadedFuncDef):
            for item in node.items:
                self._refer(item)

    def _make(self, info: TypeInfo) -> None:
        """Take in a class that is named: it may be made, and Python calls its special methods without naming them."""
        if info.fullname in self._made or info.module_name not in self._files:
            return
        self._made[info.fullname] = info
        for base in info.mro:
            for name in base.names:
                if name.startswith("__") and name.endswith("__"):
                    self._use(info, name)

    def _use(self, info: TypeInfo, name: str) -> None:
        """Follow the use of an object's member, in its class, above it, and below it."""
        if info.is_protocol or info.is_abstract:
            self._protocols[info.fullname] = info
            self._protocol_members.add((info.fullname, name))
        symbol = info.get(name)
        if symbol is not None:
            self._method(symbol.node)
        for made in list(self._made.values()):
            if made is not info and info in made.mro and name in made.names:
                self._method(made.names[name].node)

    def _method(self, node: Node | None) -> None:
        if isinstance(node, Decorator):
            node = node.func
        if isinstance(node, FuncDef) and node.info.module_name in self._files:
            self._follow(node.fullname, node, node.info)

    def _follow_protocols(self) -> bool:
        before = len(self._found)
        for protocol, member in sorted(self._protocol_members):
            for made in list(self._made.values()):
                if not made.is_protocol and member != "__init__" and self._fits(made, self._protocols[protocol]):
                    symbol = made.get(member)
                    if symbol is not None:
                        self._method(symbol.node)
        return len(self._found) > before

    @staticmethod
    def _fits(made: TypeInfo, protocol: TypeInfo) -> bool:
        return is_subtype(fill_typevars_with_any(made), fill_typevars_with_any(protocol))

    def _instances(self, found: Type | None) -> Iterator[TypeInfo]:
        held = get_proper_type(found)
        if isinstance(held, Instance):
            yield held.type
        elif isinstance(held, UnionType):
            for item in held.items:
                yield from self._instances(item)
        elif isinstance(held, TypeType):
            yield from self._instances(held.item)
        elif isinstance(held, CallableType) and held.is_type_obj():
            yield held.type_object()

    # Calls

    def _aws_calls(self) -> Iterator[AwsCall]:
        stores = self._stores()
        transacted: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for name, (_, owner) in self._found.items():
            # What a class writes may be put together by functions beside it.
            transacted[name.rpartition(".")[0] if owner is None else owner.module_name] += self._references[
                name
            ].transacted
        for name, (_, owner) in self._found.items():
            holder = name if owner is None else owner.fullname
            if holder in stores:
                attributes = {} if owner is None else _attributes(owner)
                module = name.rpartition(".")[0] if owner is None else owner.module_name
                held = _Held(stores[holder], attributes, transacted[module], through_self=owner is not None)
                yield from held.calls(self._references[name])

    def _stores(self) -> dict[str, _Store]:
        """Find what each class that is made is made with."""
        stores: dict[str, _Store] = defaultdict(_Store)
        handed_on: list[tuple[str, str, str, str]] = []
        for name, (_, owner) in self._found.items():
            references = self._references[name]
            for callee, parameter, argument in _arguments(references.calls):
                self._take(stores[callee], parameter, argument, references)
                chain = _chain(argument)
                if owner is not None and len(chain) == len(("self", "attribute")) and chain[0] == "self":
                    handed_on.append((owner.fullname, _attributes(owner).get(chain[1], ""), callee, parameter))
        for holder, held, callee, parameter in handed_on * 2:  # twice, for what is handed on again
            stores[callee].services[parameter] |= stores[holder].services[held]
            stores[callee].tables[parameter] |= stores[holder].tables[held]
        return stores

    def _take(self, store: _Store, parameter: str, argument: Expression, references: _References) -> None:
        if isinstance(argument, NameExpr) and argument.name in references.values:
            argument = references.values[argument.name]
        if isinstance(argument, MemberExpr) and _is_settings(argument):
            store.settings.add(argument.name)
        if not isinstance(argument, CallExpr) or not isinstance(argument.callee, NameExpr) or not argument.args:
            return
        maker, first = argument.callee.name, argument.args[0]
        if maker.endswith("client") and isinstance(first, StrExpr):
            store.services[parameter].add(first.value)
        elif maker.endswith("table") and isinstance(first, MemberExpr):
            store.tables[parameter].add(first.name)


def _arguments(calls: Iterable[CallExpr]) -> Iterator[tuple[str, str, Expression]]:
    """Each argument of calls of the project's own, with what is called and the parameter that takes it."""
    for call in calls:
        made = call.callee.node if isinstance(call.callee, RefExpr) else None
        if isinstance(made, (TypeInfo, FuncDef)):
            parameters = _parameters(made) if isinstance(made, TypeInfo) else made.arg_names
            for index, argument in enumerate(call.args):
                name = call.arg_names[index] or (parameters[index] if index < len(parameters) else "")
                yield made.fullname, str(name), argument


def _is_settings(expression: MemberExpr) -> bool:
    return isinstance(expression.expr, NameExpr) and expression.expr.name.strip("_") == "settings"


def _imports(file: MypyFile) -> Iterator[str]:
    for each in file.imports:
        if hasattr(each, "id"):
            yield each.id
            for name, _ in getattr(each, "names", []):
                yield f"{each.id}.{name}"
        else:
            yield from (name for name, _ in getattr(each, "ids", []))


def _ours(file: MypyFile) -> bool:
    return Path(file.path).is_relative_to(PROJECT)


def _parameters(info: TypeInfo) -> list[str]:
    for base in info.mro:
        symbol = base.names.get("__init__")
        if symbol is not None and isinstance(symbol.node, FuncDef):
            return symbol.node.arg_names[1:]  # type: ignore[return-value]  # a written parameter has a name
    return []


def _attributes(info: TypeInfo) -> dict[str, str]:
    """Which parameter each attribute holds."""
    held: dict[str, str] = {name: name for name in info.names}
    for base in info.mro:
        symbol = base.names.get("__init__")
        if symbol is None or not isinstance(symbol.node, FuncDef) or base.fullname == "builtins.object":
            continue
        held |= {
            target.name: statement.rvalue.name
            for statement in symbol.node.body.body
            if isinstance(statement, AssignmentStmt) and isinstance(statement.rvalue, NameExpr)
            for target in statement.lvalues
            if isinstance(target, MemberExpr)
        }
    return held


@dataclass(frozen=True, slots=True)
class _Held:
    """The clients and tables that a class or function holds, and by which names."""

    store: _Store
    attributes: Mapping[str, str]
    transacted: Iterable[tuple[str, str]]
    through_self: bool

    def calls(self, references: _References) -> Iterator[AwsCall]:
        """Find the calls in a piece of its code."""
        for member in references.members:
            yield from self._of(member, member.name)
        for call in references.calls:
            if isinstance(call.callee, MemberExpr):
                yield from self._of_call(call.callee, call)

    def _of_call(self, callee: MemberExpr, call: CallExpr) -> Iterator[AwsCall]:
        if callee.name in {"get_paginator", "generate_presigned_url"} and isinstance(call.args[0], StrExpr):
            yield from self._of(callee, call.args[0].value)
        elif callee.name == "put_object" and "Tagging" in call.arg_names:
            yield from self._of(callee, "put_object_tagging")

    def _of(self, member: MemberExpr, method: str) -> Iterator[AwsCall]:
        parameter = self._parameter(_chain(member))
        if method == "transact_write_items":
            for kind, attribute in self.transacted:
                for setting in self.store.tables.get(self.attributes.get(attribute, parameter), ()):
                    yield AwsCall(_TRANSACTED[kind], setting)
            return
        for setting in self.store.tables.get(parameter, ()):
            yield from (AwsCall(action, setting) for action in _actions("dynamodb", method))
        for service in self.store.services.get(parameter, ()):
            settings = sorted(_of_service(service, self.store.settings)) or [""]
            for action in _actions(service, method):
                yield from (AwsCall(action, setting) for setting in settings)

    def _parameter(self, chain: list[str]) -> str:
        """Name the parameter that a chain of names begins at."""
        if self.through_self:
            return self.attributes.get(chain[1], "") if len(chain) > 1 and chain[0] == "self" else ""
        return chain[0] if chain else ""


def _chain(expression: Expression) -> list[str]:
    if isinstance(expression, MemberExpr):
        return [*_chain(expression.expr), expression.name]
    return [expression.name] if isinstance(expression, NameExpr) else []


def _of_service(service: str, settings: Iterable[str]) -> set[str]:
    endings = {"s3": "_bucket", "kinesis": "_stream", "sqs": "_queue", "sns": "_topic", "secretsmanager": "_secret"}
    return {name for name in settings if name.endswith(endings.get(service, "?"))}


@cache
def _operations(service: str) -> Mapping[str, str]:
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}


def _actions(service: str, method: str) -> set[str]:
    if service == "s3" and method in _S3_ACTIONS:
        return _S3_ACTIONS[method]
    if (service, method) in _ACTIONS:
        return _ACTIONS[service, method]
    operation = _operations(service).get(method)
    return {f"{service}:{operation}"} if operation else set()
