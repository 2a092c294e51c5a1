"""The manifest as a JSON Schema, for editors: made of the table of keys, which the parser reads too.

The schema is never stricter than the parser, and more lenient where the parser knows more than a schema
can say. It is draft-07, the newest that Taplo reads, and within it keeps to what serves people there:

- Taplo gathers what it completes and explains from `properties`, `patternProperties` and `anyOf`, and shows
  an alternative's own words in place of the key's. So a key that takes a string or a table has both in one
  flat schema, which works because most of JSON Schema's words concern values of one type alone.
- Of a key whose list is not empty, it shows what is said of the items.
- It overlooks everything beside a `$ref`, and `if`, `then` and `dependencies` too, so that those can hold
  what several keys decide together without showing up as keys of their own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from devshell import versions
from devshell.manifest import keys, names, texts
from devshell.manifest.shape import MOST, Either, Key, Many, Names, Rule, Shape, Table, Text, Whole, Yes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Schema = dict[str, Any]

_DRAFT = "http://json-schema.org/draft-07/schema#"
_ID = "urn:devshell:manifest"
#: Stands for a name of the user's choice in examples.
_ANY_NAME = "NAME"


def schema(tools: Mapping[str, str]) -> Schema:
    """Return the JSON Schema of `devshell.toml`, in which `tools`, short names and descriptions, are offered.

    Other short names are fine too: which there are, a newer devshell may know better than an editor.
    """
    parts = {
        "tools": _tools(tools),
        "env": _entries("env", _variable()),
        "tasks": _entries("tasks", _task()),
    }
    return {
        "$schema": _DRAFT,
        "$id": _ID,
        "title": "devshell.toml",
        "description": "What a project needs: its tools, variables, tasks and more, for devshell.",
        **_shape(keys.MANIFEST),
        "definitions": {
            name: parts.get(name) or _said(name, key, _shape(key.shape)) for name, key in keys.SHELL.items()
        },
    }


def _tools(tools: Mapping[str, str]) -> Schema:
    table = _entries("tools", {})
    table["properties"] = {
        # A tool as it is completed, which has to be one that the user may leave as it is.
        name: {"description": description, "default": "latest"}
        for name, description in tools.items()
    }
    table["patternProperties"] = {
        _whole(names.key_pattern(source)): _said(_ANY_NAME, _value("tools"), _tool(source))
        for source in (None, *names.SOURCES)
    }
    return table


def _tool(source: str | None) -> Schema:
    """Return what a tool may be whose key names `source`, or none."""
    if source == "http":
        tool = {**_shape(_table_of(keys.TOOL)), "required": ["version", "url"]}
        version = _text((texts.exact,))
    else:
        version = {"pattern": _whole(versions.REQUEST)}
        tool = {**_shape(keys.TOOL), **version, "required": ["version"]}
    if source is None:
        return {**tool, **_by_source(version)}
    known = {name: value for name, value in tool["properties"].items() if _takes(source, name)}
    known["version"] |= version
    known["source"] |= {"enum": [source]}
    known["source"]["x-taplo"]["docs"]["enumValues"] = [names.SOURCES[source]]
    return {**tool, "properties": known}


def _takes(source: str, name: str) -> bool:
    return source == "http" if name in keys.HTTP_ONLY else source in keys.ONLY_SOME.get(name, names.SOURCES)


def _by_source(version: Schema) -> Schema:
    """Return what follows from the `source` in a tool's table, or from its absence."""
    from_http = {"required": ["source"], **_from(("http",))}
    return {
        "dependencies": {
            **dict.fromkeys(keys.HTTP_ONLY, from_http),
            **{name: _from(sources) for name, sources in keys.ONLY_SOME.items()},
        },
        "if": from_http,
        "then": {"required": ["url"], **_besides({"version": _text((texts.exact,))})},
        "else": _besides({"version": version}),
    }


def _from(sources: Iterable[str]) -> Schema:
    return _besides({"source": {"enum": list(sources)}})


def _besides(properties: Schema) -> Schema:
    # Tombi takes a key that is not named for a mistake, unless told otherwise.
    return {"properties": properties, "additionalProperties": True}


def _table_of(shape: Either) -> Table:
    return next(option for option in shape.options if isinstance(option, Table))


def _variable() -> Schema:
    return {**_shape(keys.VARIABLE), "minProperties": 1, "maxProperties": 1}


def _task() -> Schema:
    others = {"required": ["depends"], **_besides({"depends": {"minItems": 1}})}
    return {**_shape(keys.TASK), "if": {"required": ["run"]}, "else": others}


def _entries(name: str, entry: Schema) -> Schema:
    """Return a table of the manifest whose entries have names of the user's choice and are each like `entry`."""
    key = keys.SHELL[name]
    return _said(name, key, _names(_names_of(key), _said(_ANY_NAME, _value(name), entry)))


def _names_of(key: Key) -> Names:
    if not isinstance(key.shape, Names):
        raise TypeError(key)
    return key.shape


def _value(name: str) -> Key:
    return _names_of(keys.SHELL[name]).value


def _key(name: str, key: Key) -> Schema:
    if key is keys.SHELL.get(name):
        return {"$ref": f"#/definitions/{name}"}
    return _said(name, key, _shape(key.shape))


def _said(name: str, key: Key, known: Schema) -> Schema:
    """Return a schema with its key's description and examples; Taplo shows only what its own extension says."""
    lines = "\n".join(f"{name} = {_toml(example)}" for example in key.examples)
    docs = {"main": f"{key.description}\n\n```toml\n{lines}\n```"}
    said = {**_explained(known, key.description, docs), "examples": list(key.examples)}
    if "items" in known:
        said["items"] = _explained(known["items"], key.description, docs)
    return said


def _explained(known: Schema, description: str, docs: Schema) -> Schema:
    docs = known.get("x-taplo", {}).get("docs", {}) | docs
    return {**known, "description": description, "x-taplo": {"docs": docs}}


def _shape(shape: Shape) -> Schema:
    match shape:
        case Text(checks=checks):
            found = {"type": "string", **_text(checks)}
        case Whole(low=low, high=high):
            found = {"type": "integer", "minimum": low, "maximum": high}
        case Yes():
            found = {"const": True}
        case Many():
            found = _many(shape)
        case Table(keys=inner):
            found = _object({name: _key(name, key) for name, key in inner.items()})
        case Names():
            found = _names(shape, _said(_ANY_NAME, shape.value, _shape(shape.value.shape)))
        case Either(options=options):
            found = _either([_shape(option) for option in options])
    return found


def _many(shape: Many) -> Schema:
    unique: Schema = {"uniqueItems": True} if shape.unique else {}
    return {"type": "array", "items": _shape(shape.item), "minItems": shape.least, "maxItems": MOST, **unique}


def _names(shape: Names, entry: Schema) -> Schema:
    check = shape.check
    if check.words:
        return _object(dict.fromkeys(check.words, entry))
    patterns: Schema = {_whole(check.pattern): entry}
    if check.never:
        # Said of the entry itself, where `propertyNames` would be said of the whole table.
        patterns[check.never] = False
    return {
        "type": "object",
        "patternProperties": patterns,
        "additionalProperties": False,
        "propertyNames": {"maxLength": check.longest},
        "maxProperties": shape.most,
    }


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _either(options: list[Schema]) -> Schema:
    flat: Schema = {}
    for option in options:
        if not flat.keys().isdisjoint(option.keys() - {"type"}):
            raise ValueError(option)
        flat |= option
    return {**flat, "type": [option["type"] for option in options]}


def _text(checks: Iterable[Rule]) -> Schema:
    """Return what checks say of a string, in words that say nothing of values of other types."""
    checks = tuple(checks)
    found: Schema = {}
    patterns = [check.pattern for check in checks if check.pattern]
    if patterns:
        (pattern,) = patterns
        found["pattern"] = _whole(pattern)
    never = [check.never for check in checks if check.never]
    if never:
        # The type, because a pattern holds for all that is no string.
        found["not"] = {"type": "string", "pattern": "|".join(never)}
    lengths = [check.longest for check in checks if check.longest is not None]
    if lengths:
        found["maxLength"] = min(lengths)
    for check in checks:
        if check.words:
            found["enum"] = list(check.words)
            if any(check.words.values()):
                found["x-taplo"] = {"docs": {"enumValues": list(check.words.values())}}
    return found


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


def _toml(value: object) -> str:
    """Return an example as it is written in a manifest."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml_key(name)} = {_toml(inner)}' for name, inner in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _toml_key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() else json.dumps(name)
