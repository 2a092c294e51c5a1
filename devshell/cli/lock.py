"""`devshell lock`: pin what the manifest asks for."""

from __future__ import annotations

from typing import Annotated

import typer

from devshell.cli import options, showing, terminal
from devshell.errors import UsageError


def lock(
    tools: Annotated[
        list[str] | None, typer.Argument(metavar="[TOOL]…", help="With --update: only these.", show_default=False)
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Move to the newest versions allowed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change; write nothing.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail where the lock would change; no network.")] = False,
    resolve: Annotated[bool, typer.Option("--resolve", help="Mend a lock after a merge conflict.")] = False,
    directory: options.Directory = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Pin every tool for every platform, resolving only what changed in the manifest."""
    from devshell import locking

    if tools and not update:
        raise UsageError("tools are named with --update only", hint=f"devshell lock --update {' '.join(tools)}")
    if check and (update or resolve):
        raise UsageError("--check goes alone: it looks, and changes nothing")
    here = terminal.begin(directory, quiet=quiet, verbose=verbose)
    with terminal.session(here) as session:
        if check:
            locking.check(here.folder, session)
            here.note("the lock is current")
            return
        which = (tools or None) if update else ()
        found = locking.lock(here.folder, session, update=which, mend=resolve, write=not dry_run)
    showing.lock_changes(found.changes)
    if not found.changes:
        here.note("the lock is current")
    elif dry_run:
        here.note("nothing was written")
    else:
        here.done("locked", f"{found.path}")
