"""The projects that devshell has state of, found by the folders that repeat their paths."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devshell import paths

if TYPE_CHECKING:
    from collections.abc import Iterator


def projects() -> Iterator[str]:
    """Yield the root of each, whether or not there still is a project; reads only."""
    top = os.path.join(paths.state_folder(), "projects")
    for folder, names, _ in os.walk(top):
        if paths.STATE_FOLDER in names:
            names.remove(paths.STATE_FOLDER)
            yield os.path.normpath("/" + os.path.relpath(folder, top))
