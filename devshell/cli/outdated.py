"""`devshell outdated`: which tools have newer versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell.cli import options, render, terminal

if TYPE_CHECKING:
    from devshell.locking import Outdated


def outdated(
    directory: options.Directory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """List tools with newer versions: the newest the manifest allows, and the newest there is."""
    from devshell import locking

    here = terminal.begin(directory, quiet=quiet, verbose=verbose)
    with terminal.session(here) as session:
        found = locking.outdated(here.folder, session)
    if json:
        render.as_json([_row(one) for one in found])
        return
    render.table(
        [[one.name, one.locked, one.allowed, one.newest] for one in found], ["tool", "locked", "allowed", "newest"]
    )
    if not found:
        here.note("every tool is at its newest version")
    elif any(one.allowed != one.locked for one in found):
        here.note("`devshell lock --update` moves to what is allowed")


def _row(one: Outdated) -> dict[str, str | None]:
    return {"name": one.name, "shell": one.shell, "locked": one.locked, "allowed": one.allowed, "newest": one.newest}
