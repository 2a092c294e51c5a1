"""What an editor asks for: where a folder stands, and the variables to have there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devshell.cli import render

if TYPE_CHECKING:
    from devshell.cli.terminal import Terminal


def answer(here: Terminal, shell: str | None = None) -> None:
    """Print the whole answer as JSON."""
    from devshell import answering

    render.data(answering.tell(here.folder, os.environ, shell))
