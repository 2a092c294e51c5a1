"""Puts the editor extension into wheels: what is packed of it, so without its tests. Called by hatchling."""

# ruff: noqa: INP001 - a script, not part of a package

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "editors/vscode"


class Extension(BuildHookInterface):  # type: ignore[type-arg, misc]  # hatchling is there only while a wheel is built
    """A build hook: hatchling's own `force-include` takes folders whole."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the extension's files, and the licence beside them."""
        if version == "editable":
            # Read where they are.
            return
        top = Path(self.root, FOLDER)
        for path in sorted(top.rglob("*")):
            name = path.relative_to(top)
            if (
                path.is_file()
                and name.parts[0] not in {"test", "node_modules"}
                and not any(part.startswith(".") for part in name.parts)
            ):
                build_data["force_include"][str(path)] = f"devshell/{FOLDER}/{name.as_posix()}"
        build_data["force_include"][str(Path(self.root, "LICENSE"))] = f"devshell/{FOLDER}/LICENSE"
