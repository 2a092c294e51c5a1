"""`devshell shims`: programs of projects for editors, cron and make; and the hidden command behind each shim."""

from __future__ import annotations

import os
import shlex
from typing import Annotated

import typer

from devshell.cli import options, render, terminal


def shims(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Make the folder of shims, or bring it up to date, and print where it is."""
    from devshell import shims as use_case

    here = terminal.begin(None, quiet=quiet)
    made = use_case.make()
    if json:
        render.as_json(
            {
                "folder": made.folder,
                "commands": list(made.commands),
                "added": list(made.added),
                "removed": list(made.removed),
            }
        )
        return
    render.data(made.folder)
    here.note(f"{len(made.commands)} shims: {len(made.added)} added, {len(made.removed)} removed")
    if made.folder not in os.environ.get("PATH", "").split(":"):
        here.note(f'put them in front of PATH, such as in ~/.profile:  export PATH={shlex.quote(made.folder)}:"$PATH"')
    if not made.commands:
        here.note("there are none, since no project is ready; `devshell sync` makes one ready, and then its shims")


def shim(
    command: Annotated[str, typer.Argument(metavar="COMMAND")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[ARGS]…")] = None,
) -> int:
    """Be a program by the project of the current folder; what the launcher calls where it cannot tell by itself."""
    from devshell import shims as use_case
    from devshell import stand_in
    from devshell.quick import NOT_FOUND, become, start_in

    here = terminal.begin(None, quiet=bool(os.environ.get("DEVSHELL_QUIET")))
    with terminal.session(here) as session:
        record = stand_in.project_of(command, here.folder, session, os.environ)
    if record is not None:
        return start_in(record, [command, *(arguments or [])])
    program = use_case.beyond(command, os.environ)
    if program is None:
        render.line(f"devshell: {command!r}: command not found")
        return NOT_FOUND
    return become([program, *(arguments or [])], os.environ)
