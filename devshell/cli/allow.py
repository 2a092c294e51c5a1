"""`devshell allow`: the user's word for a project's exact content."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from devshell.cli import options, terminal


def allow(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The project.", show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, print its hash, and allow nothing.")] = False,
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="HASH", help="Only if it is still what --dry-run showed.", show_default=False),
    ] = None,
    directory: options.Directory = None,
    quiet: options.Quiet = False,
) -> None:
    """Allow this project's exact content to act; shows it, or what changed in it."""
    from devshell import project, ready, refresh, trust
    from devshell.cli import render, showing
    from devshell.errors import Place, TrustError

    here = terminal.begin(directory, quiet=quiet)
    snapshot = project.read(project.find(here.folder / (folder or "")))
    before = trust.standing(snapshot)
    if dry_run:
        showing.content(snapshot, before)
        render.data(trust.trust_hash(snapshot))
        return
    if expect is not None and expect != trust.trust_hash(snapshot):
        raise TrustError(
            "this project is not what was looked at: it has changed meanwhile",
            place=Place(snapshot.root),
            hint="look again: `devshell allow --dry-run`",
        )
    if before is trust.Standing.ALLOWED:
        here.note(f"already allowed: {snapshot.root}")
        return
    if not quiet:
        showing.content(snapshot, before)
    trust.allow(snapshot)
    # Open shells learn at their next prompt what has become of it, and need not ask.
    refresh.settle(snapshot.root, lambda: terminal.session(here))
    following = "" if ready.load(snapshot.root) else "; next: `devshell sync` or `devshell enter`"
    here.done("allowed", f"{snapshot.root}{following}")
