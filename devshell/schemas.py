"""The JSON Schema of `devshell.toml` with the tools that the registry knows, as it is given to editors."""

from __future__ import annotations

import json
from typing import Any


def manifest_schema() -> dict[str, Any]:
    """Return the schema; raises RegistryError where the registry is damaged."""
    from devshell import registry
    from devshell.manifest.schema import schema

    tools = (registry.load(name) for name in registry.names())
    return schema({tool.name: tool.description for tool in tools if tool is not None})


def manifest_schema_text() -> str:
    """Return the schema as the one text in which it is printed and shipped, sorted; raises as `manifest_schema`."""
    return json.dumps(manifest_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
