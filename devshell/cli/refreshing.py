"""What a shell's hook asks for when something has changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devshell.cli import render, terminal

if TYPE_CHECKING:
    from devshell.cli.terminal import Terminal


def refresh(here: Terminal) -> None:
    """Bring what the shell acts on up to date, and say what it cannot say by itself."""
    from devshell import refresh as slow

    quiet = bool(os.environ.get("DEVSHELL_QUIET"))
    slow.refresh(
        here.folder,
        say=lambda text: None if quiet else render.line(text),
        session=lambda: terminal.session(here),
    )
