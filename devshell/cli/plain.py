"""Commands in the form they are mostly typed in: no parser of options is loaded for these."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str]) -> bool:
    """Do `sync`, `lock`, `lock --update TOOL…`, and what hooks ask for; return False for all that needs a parser."""
    from devshell.cli import terminal

    match list(arguments):
        case ["sync"]:
            from devshell.cli import syncing

            syncing.sync(terminal.begin(None))
        case ["lock"]:
            from devshell.cli import locking

            locking.lock(terminal.begin(None))
        case ["lock", "--update", *tools] if not any(tool.startswith("-") for tool in tools):
            from devshell.cli import locking

            locking.lock(terminal.begin(None), update=tools or None)
        case ["-C", folder, "hook", "bash" | "zsh" | "fish", "--refresh"]:
            from devshell.cli import refreshing

            refreshing.refresh(terminal.begin(Path(folder)))
        case _:
            return False
    return True
