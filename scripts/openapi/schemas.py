"""The schemas of an OpenAPI document: each kept once under its name, however often it is used."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]

_SUFFIX: dict[Mode, str] = {"validation": "Input", "serialization": ""}
_COMPONENTS = "#/components/schemas/"
_DEFINITIONS = "#/$defs/"
_ATTRIBUTE = re.compile(r" {4}(\w+): (.*)")


class Schemas:
    """Collects schemas by name.

    A model's schema as input may differ from its schema as output; the former then gets a name of its own.
    """

    def __init__(self) -> None:
        self._known: dict[str, Schema] = {}

    def to_json(self) -> dict[str, Schema]:
        """Write the schemas in the order of their names."""
        return dict(sorted(self._known.items()))

    def of(self, content: Any, mode: Mode) -> Schema:
        """Describe what a body may be.

        Args:
            content: A model, a type adapter, or a schema.
            mode: Whether the body is read or written.
        """
        if isinstance(content, TypeAdapter):
            return self.take(content.json_schema(mode=mode), mode)
        if isinstance(content, type) and issubclass(content, BaseModel):
            return self.take(content.model_json_schema(mode=mode), mode)
        return self.take(content, mode)

    def take(self, schema: Mapping[str, Any], mode: Mode) -> Schema:
        """Keep the definitions that a schema brings along, and refer to them.

        Args:
            schema: A JSON schema, with definitions of its own where it needs some.
            mode: Whether what it describes is read or written.
        """
        definitions = {**schema.get("$defs", {})}
        own = {key: value for key, value in schema.items() if key != "$defs"}
        title = own.get("title")
        # A model, and no mere type that pydantic titles after its field.
        if title and title.isidentifier() and own.get("type") == "object" and "properties" in own:
            definitions[title] = own
            own = {"$ref": f"{_DEFINITIONS}{title}"}
        renamed: Schema = self._rename(own, self._keep(definitions, mode))
        return renamed

    def take_components(self, components: Mapping[str, Any], mode: Mode = "serialization") -> dict[str, str]:
        """Keep the schemas of another document, and say what they are called here."""
        plain = {name: _as_definition(schema) for name, schema in components.items()}
        return self._keep(plain, mode)

    def renamed(self, part: Any, names: Mapping[str, str]) -> Any:
        """Take a part of another document over, whose references are changed to the names of here."""
        return self._rename(_as_definition(part), names)

    def _keep(self, definitions: Mapping[str, Schema], mode: Mode) -> dict[str, str]:
        """Keep definitions under their own names, or beside others of the same name that say something else."""
        names = {name: name.replace("-Input", "Input").replace("-Output", "") for name in definitions}
        clashing = True
        while clashing:
            clashing = False
            for name, definition in definitions.items():
                known = self._known.get(names[name])
                if known is not None and known != self._rename(tidy(definition), names):
                    if names[name].endswith("Input"):
                        raise ValueError(f"two schemas are called {name}, and say different things")
                    names[name] += _SUFFIX[mode] or "Output"
                    clashing = True
        for name, definition in definitions.items():
            self._known[names[name]] = self._rename(tidy(definition), names)
        return names

    def _rename(self, part: Any, names: Mapping[str, str]) -> Any:
        # A discriminator's mapping holds references, too, under keys of its own.
        if isinstance(part, str) and part.startswith(_DEFINITIONS):
            return f"{_COMPONENTS}{names[part.removeprefix(_DEFINITIONS)]}"
        if isinstance(part, dict):
            return {key: self._rename(value, names) for key, value in part.items()}
        return [self._rename(each, names) for each in part] if isinstance(part, list) else part


def tidy(schema: Schema) -> Schema:
    """Move what a docstring says of attributes to the properties, and drop titles that only repeat a name."""
    text, _, attributes = schema.get("description", "").partition("\n\nAttributes:\n")
    described = _attributes(attributes)
    properties = {
        name: _tidy_property(each, described.get(name)) for name, each in schema.get("properties", {}).items()
    }
    return {
        **{key: value for key, value in schema.items() if key != "title"},
        **({"description": text} if text else {}),
        **({"properties": properties} if properties else {}),
    }


def _tidy_property(schema: Any, description: str | None) -> Any:
    if not isinstance(schema, dict):
        return schema
    told = {"description": description} if description and "description" not in schema else {}
    return {**{key: value for key, value in schema.items() if key != "title"}, **told}


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        start = _ATTRIBUTE.fullmatch(line)
        if start:
            name = start[1]
            found[name] = start[2]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found


def _as_definition(part: Any) -> Any:
    """Let a part refer to definitions as pydantic's own schemas do."""
    if isinstance(part, str) and part.startswith(_COMPONENTS):
        return f"{_DEFINITIONS}{part.removeprefix(_COMPONENTS)}"
    if isinstance(part, dict):
        return {key: _as_definition(value) for key, value in part.items()}
    return [_as_definition(each) for each in part] if isinstance(part, list) else part
