"""Commands in the form they are mostly typed in: no parser of options is loaded for these."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str]) -> bool:
    """Do `sync`, `lock`, `lock --update TOOL…`, what hooks and editors ask; return False for what needs a parser."""
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
        case ["-C", folder, "export", "json", "--full"]:
            from devshell.cli import answering

            answering.answer(terminal.begin(Path(folder)))
        case ["export", "json", "--full"]:
            from devshell.cli import answering

            answering.answer(terminal.begin(None))
        case _:
            return False
    return True
