"""`devshell lock`: pin what the manifest asks for."""

from __future__ import annotations

from typing import Annotated

import typer

from devshell.cli import locking, options, terminal
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
    if tools and not update:
        raise UsageError("tools are named with --update only", hint=f"devshell lock --update {' '.join(tools)}")
    if check and (update or resolve):
        raise UsageError("--check goes alone: it looks, and changes nothing")
    here = terminal.begin(directory, quiet=quiet, verbose=verbose)
    if check:
        _check(here)
    else:
        locking.lock(here, update=(tools or None) if update else (), mend=resolve, write=not dry_run)


def _check(here: terminal.Terminal) -> None:
    from devshell import locking as use_case

    with terminal.session(here) as session:
        use_case.check(here.folder, session)
    here.note("the lock is current")
