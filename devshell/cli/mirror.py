"""`devshell mirror`: everything the lock names, in a folder, for machines without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from devshell.cli import options, render, terminal
from devshell.quick import count


def mirror(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if it is not there.")],
    platforms: Annotated[
        list[str] | None,
        typer.Option("--platform", metavar="PLATFORM", help="Only for this one; all that are locked by default."),
    ] = None,
    directory: options.Directory = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Copy every file that the lock names into DIR, by hash, to sync from without a network."""
    from devshell import mirror as use

    here = terminal.begin(directory, quiet=quiet, verbose=verbose)
    with terminal.session(here) as session:
        done = use.mirror(here.folder, folder, session, platforms=platforms or ())
    new = f"{done.added} new, {render.size(done.added_size)}" if done.added else "nothing new"
    here.done("mirrored", f"{count(done.files, 'file')}, {render.size(done.size)} in {folder} ({new})")
