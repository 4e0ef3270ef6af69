"""The project's template as CloudFormation sees it: after the SAM transform, with conditions decided by parameters."""

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

PROJECT = Path(__file__).parents[1]
REGION = "eu-west-1"
_PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "stack-name",
    "AWS::URLSuffix": "amazonaws.com",
}
_PLACE = re.compile(r"\$\{(!?[\w.:]+)\}")
NOTHING = object()
"""What a property that is left out evaluates to."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """The template under given parameters.

    A reference to a resource stays as it is written; everything that depends on parameters alone has its value.

    Attributes:
        resources: What is created, by logical id.
        outputs: What is told.
        parameters: The values of all parameters.
    """

    resources: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Any]
    parameters: Mapping[str, Any]

    def of_type(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """The resources of a type."""
        return {name: resource for name, resource in self.resources.items() if resource["Type"] == kind}

    def properties(self, name: str) -> Mapping[str, Any]:
        """What a resource is made with."""
        properties: Mapping[str, Any] = self.resources[name].get("Properties", {})
        return properties


def source() -> dict[str, Any]:
    """Read the template as it is written."""
    return deepcopy(_written())


@cache
def _written() -> dict[str, Any]:
    document: dict[str, Any] = yaml_parse((PROJECT / "template.yaml").read_text())
    return document


@cache
def stack(**parameters: str) -> Stack:
    """Make the stack that the template is with these parameters, the others at their defaults."""
    written, translated = source(), _translated(parameters)
    values = {name: each.get("Default", "") for name, each in written["Parameters"].items()}
    unknown = parameters.keys() - values.keys()
    if unknown:
        raise KeyError(f"the template has no parameters {sorted(unknown)}")
    values |= parameters
    evaluation = _Evaluation(values, translated["Conditions"])
    return Stack(
        resources={
            name: evaluation.value(resource)
            for name, resource in translated["Resources"].items()
            if evaluation.holds(resource.get("Condition"))
        },
        outputs={name: evaluation.value(each["Value"]) for name, each in written["Outputs"].items()},
        parameters=values,
    )


def walk(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Visit every value of a document with the path that leads to it."""
    yield path, value
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from walk(each, (*path, str(key)))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from walk(each, (*path, str(index)))


def referred(value: Any) -> set[str]:
    """Name the resources that an expression refers to."""
    found: set[str] = set()
    for _, each in walk(value):
        if not isinstance(each, Mapping):
            continue
        if isinstance(each.get("Ref"), str):
            found.add(each["Ref"])
        if isinstance(each.get("Fn::GetAtt"), list):
            found.add(each["Fn::GetAtt"][0])
        text = each.get("Fn::Sub")
        if isinstance(text, str):
            found |= {place.partition(".")[0] for place in _PLACE.findall(text)}
    return found


def _translated(parameters: Mapping[str, str]) -> dict[str, Any]:
    document = source()
    for resource in document["Resources"].values():
        for key in ("CodeUri", "ContentUri"):
            if key in resource.get("Properties", {}):
                resource["Properties"][key] = "s3://local/code.zip"  # the translator refuses a folder
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    translated: dict[str, Any] = translator.translate(document, dict(parameters))
    return translated


class _Evaluation:
    def __init__(self, parameters: Mapping[str, Any], conditions: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self._conditions = conditions
        self._operators: Mapping[str, Callable[[Any], Any]] = {
            "Fn::If": self._chosen,
            "Fn::Join": self._joined,
            "Fn::Split": self._split,
            "Fn::Sub": self._filled,
            "Ref": self._reference,
        }

    def holds(self, condition: str | None) -> bool:
        return condition is None or self._decide(self._conditions[condition])

    def _decide(self, expression: Mapping[str, Any]) -> bool:
        ((operator, operand),) = expression.items()
        if operator == "Condition":
            return self.holds(operand)
        if operator == "Fn::Equals":
            first, second = (self.value(each) for each in operand)
            return str(first) == str(second)
        if operator == "Fn::Not":
            return not self._decide(operand[0])
        decisions = [self._decide(each) for each in operand]
        return all(decisions) if operator == "Fn::And" else any(decisions)

    def value(self, expression: Any) -> Any:
        if isinstance(expression, list):
            return [each for each in map(self.value, expression) if each is not NOTHING]
        if not isinstance(expression, Mapping):
            return expression
        if len(expression) == 1:
            ((operator, operand),) = expression.items()
            evaluate = self._operators.get(operator)
            if evaluate is not None:
                return evaluate(operand)
        values = {key: self.value(each) for key, each in expression.items()}
        return {key: each for key, each in values.items() if each is not NOTHING}

    def _chosen(self, operand: Any) -> Any:
        condition, first, second = operand
        return self.value(first if self.holds(condition) else second)

    def _split(self, operand: Any) -> Any:
        separator, text = operand[0], self.value(operand[1])
        return text.split(separator) if isinstance(text, str) else {"Fn::Split": operand}

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NOTHING
        return {**_PSEUDO, **self._parameters}.get(name, {"Ref": name})

    def _joined(self, operand: Any) -> Any:
        parts = self.value(operand[1])
        if isinstance(parts, str):
            parts = [parts]
        return operand[0].join(parts) if all(isinstance(part, str) for part in parts) else {"Fn::Join": operand}

    def _filled(self, text: Any) -> Any:
        if not isinstance(text, str):
            return {"Fn::Sub": text}

        def fill(match: re.Match[str]) -> str:
            return str({**_PSEUDO, **self._parameters}.get(match[1], match[0]))

        filled = _PLACE.sub(fill, text)
        return {"Fn::Sub": filled} if _PLACE.search(filled) else filled
