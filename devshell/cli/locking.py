"""What `lock` does and says, apart from its options: a plain `devshell lock` waits for no parser of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell.cli import terminal

if TYPE_CHECKING:
    from collections.abc import Collection

    from devshell.cli.terminal import Terminal


def lock(here: Terminal, *, update: Collection[str] | None = (), mend: bool = False, write: bool = True) -> None:
    """Lock what changed and what `update` names (None: everything), and say what that changed."""
    with terminal.session(here) as session:
        from devshell import locking

        found = locking.lock(here.folder, session, update=update, mend=mend, write=write)
    if not found.changes:
        here.note("the lock is current")
        return
    from devshell.cli import showing

    showing.lock_changes(found.changes)
    if write:
        here.done("locked", f"{found.path}")
    else:
        here.note("nothing was written")
