"""`devshell which`: where a command comes from. Reads only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from devshell.cli import options, render, terminal


def which(
    command: Annotated[str, typer.Argument(metavar="COMMAND", help="The command to look up.")],
    directory: options.Directory = None,
    json: options.Json = False,
) -> None:
    """Print the file that a command of this project's environment is, and the tool it belongs to."""
    from devshell.cli.list_ import rows
    from devshell.errors import DevshellError, StateError
    from devshell.opening import open_project
    from devshell.ready import load

    here = terminal.begin(directory)
    found = open_project(here.folder)
    record = load(found.root)
    if record is None:
        raise StateError("this project is not installed", hint="run `devshell sync`")
    link = Path(record.environment) / "bin" / command
    if "/" in command or not link.is_file():
        raise DevshellError(f"no tool of this project brings {command!r}", hint="see `devshell list`")
    target = os.path.realpath(link)
    owner = next((r for r in rows(found) if r["store_path"] and target.startswith(r["store_path"] + os.sep)), None)
    if json:
        render.as_json({"command": command, "path": target, "tool": owner and owner["name"]})
        return
    render.data(target)
    if owner:
        here.note(f"{owner['name']} {owner['version']} from {owner['source']} {owner['package'] or ''}".rstrip())
