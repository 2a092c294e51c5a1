"""`devshell exec`: one command inside the environment."""

from __future__ import annotations

from typing import Annotated

import typer

from devshell.cli import options, terminal
from devshell.quick import start_in


def exec_(
    command: Annotated[list[str], typer.Argument(metavar="[--] COMMAND…", help="The command and its arguments.")],
    shell: Annotated[
        str | None, typer.Option("--in", metavar="SHELL-NAME", help="A named shell.", show_default=False)
    ] = None,
    directory: options.Directory = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Run a command with the project's tools, installing them first if need be; its exit code is ours."""
    from devshell import activation, opening

    here = terminal.begin(directory, quiet=quiet, verbose=verbose)
    with terminal.session(here) as session:
        found = opening.trusted_project(here.folder, session)
        record = activation.ready_or_prepare(found, shell, session)
    return start_in(record, command)
