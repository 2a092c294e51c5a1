"""`devshell deny`: the user's word taken back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from devshell.cli import options, terminal


def deny(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The project.", show_default=False)] = None,
    directory: options.Directory = None,
    quiet: options.Quiet = False,
) -> None:
    """Take back that this project may act, whatever its content becomes."""
    from devshell import project, trust

    here = terminal.begin(directory, quiet=quiet)
    place = os.path.realpath(here.folder / (folder or ""))
    # Also where the manifest is gone, or is not used: what was said of this very folder is taken back.
    root = place if trust.has_record(place) else str(project.find(here.folder / (folder or "")))
    trust.deny(root)
    here.note(f"denied: {root}")
