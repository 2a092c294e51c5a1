"""`devshell remove`: take tools out of the manifest and the lock."""

from __future__ import annotations

from typing import Annotated

import typer

from devshell.cli import options, showing, terminal


def remove(
    tools: Annotated[list[str], typer.Argument(metavar="TOOL…", help="Names as in devshell.toml.")],
    directory: options.Directory = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Remove tools from devshell.toml and its lock, keeping comments and order."""
    from devshell import activation, amend, opening

    here = terminal.begin(directory, quiet=quiet, verbose=verbose)
    with terminal.session(here) as session:
        found = opening.trusted_project(here.folder, session)
        changed = amend.remove(found, tools, session)
        if not quiet:
            showing.lock_changes(changed.changes)
        activation.prepare(changed.project, None, session)
