"""`devshell add`: put tools into the manifest, lock them, install them."""

from __future__ import annotations

from typing import Annotated

import typer

from devshell.cli import options, showing, terminal


def add(
    tools: Annotated[list[str], typer.Argument(metavar="TOOL[@VERSION]…", help="Such as node, node@22, pypi:ruff.")],
    directory: options.Directory = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Add tools to devshell.toml and its lock, all of them or none, and install them."""
    from devshell import activation, amend, opening

    here = terminal.begin(directory, quiet=quiet, verbose=verbose)
    with terminal.session(here) as session:
        found = opening.trusted_project(here.folder, session)
        changed = amend.add(found, [amend.parse_tool(text) for text in tools], session)
        if not quiet:
            showing.lock_changes(changed.changes)
        done = activation.prepare(changed.project, None, session)
        here.summary(done.ready.tools, done.added_bytes)
