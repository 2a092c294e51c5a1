"""The lock's text form.

Written by our own hand, not by a TOML library, because `devshell lock` twice must give the same
bytes, also after that library's next release. Everything is sorted; one block a tool, one a
platform below it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from devshell.lock.model import FORMAT, Absent, Artifact, Block, Entry, Lock

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = "# Written by `devshell lock`. Commit it; after a merge conflict, run `devshell lock --resolve`.\n"


def dumps(lock: Lock) -> str:
    """Return the lock as TOML, equal for equal locks."""
    parts = [_HEADER, f"version = {FORMAT}\n"]
    parts += _entries(("dependencies",), lock.dependencies)
    for shell in sorted(lock.shells):
        parts += _entries(("shells", shell), lock.shells[shell])
    parts += _entries(("tools",), lock.tools)
    return "".join(parts)


def _entries(above: tuple[str, ...], entries: Mapping[str, Entry]) -> list[str]:
    parts = []
    for name in sorted(entries):
        entry = entries[name]
        head: dict[str, Any] = {"request": entry.request}
        if entry.options is not None:
            head["options"] = entry.options
        parts.append(_table((*above, name), head))
        parts += [_table((*above, name, p), _platform(entry.platforms[p])) for p in sorted(entry.platforms)]
    return parts


def _platform(block: Block | Absent) -> dict[str, Any]:
    return {"absent": block.reason} if isinstance(block, Absent) else to_table(block)


def to_table(block: Block) -> dict[str, Any]:
    """Return a block as the lock holds it; `from_table` reads it again."""
    table: dict[str, Any] = {
        "artifacts": [_artifact(a) for a in block.artifacts],
        "build": block.build,
        "source": block.source,
        "strip": block.strip,
        "version": block.version,
    }
    if block.bin is not None:
        table["bin"] = dict(block.bin)
    rest = {
        "dependencies": sorted(block.dependencies),
        "fixups": [dict(fixup) for fixup in block.fixups],
        "origin": dict(block.origin),
        "variables": dict(block.variables),
    }
    return table | {key: value for key, value in rest.items() if value}


def _artifact(artifact: Artifact) -> dict[str, Any]:
    return {
        "file": artifact.file,
        "place": artifact.place,
        "size": artifact.size,
        artifact.algorithm: artifact.digest,
    }


def _table(path: tuple[str, ...], values: Mapping[str, Any]) -> str:
    lines = [f"\n[{'.'.join(_key(part) for part in path)}]\n"]
    lines += [f"{_key(key)} = {_value(values[key])}\n" for key in sorted(values)]
    return "".join(lines)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _value(value: Any) -> str:  # noqa: ANN401  (a TOML value is any of these by nature)
    match value:
        case int():
            return str(value)
        case str():
            return _string(value)
        case Mapping():
            inner = ", ".join(f"{_key(key)} = {_value(value[key])}" for key in sorted(value))
            return f"{{ {inner} }}" if inner else "{}"
        case list() if any(isinstance(item, Mapping) for item in value):
            # One artifact a line, so that a diff shows which one changed.
            return "[\n" + "".join(f"    {_value(item)},\n" for item in value) + "]"
        case _:
            return "[" + ", ".join(_value(item) for item in value) + "]"


def _string(text: str) -> str:
    # JSON's escapes are all TOML's; DEL and the C1 controls, which JSON leaves raw, are escaped too.
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff]", lambda m: f"\\u{ord(m[0]):04x}", quoted)
