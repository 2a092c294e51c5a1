"""What `sync` does and says, apart from its options: a plain `devshell sync` waits for no parser of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell.cli import terminal
from devshell.quick import count
from devshell.sources.pypi import indexes

if TYPE_CHECKING:
    from devshell.cli.terminal import Terminal


def sync(here: Terminal, *, frozen: bool = False, offline: bool = False) -> None:
    """Install what the lock pins, and say what came of it."""
    with terminal.session(here, offline=offline) as session:
        # Where there are mirrors, it is likely that nobody needs to be asked.
        if not offline and not session.world.config.mirrors:
            indexes.ask_early(session.world.config)
        from devshell import activation, opening

        found = opening.trusted_project(here.folder, session)
        done = activation.prepare(found, None, session, frozen=frozen)
    for line in done.absent:
        here.note(f"not on this platform: {line}")
    if done.added:
        here.summary(done.ready.tools, done.added_bytes)
    else:
        here.note(f"up to date ({count(done.ready.tools, 'tool')})")
