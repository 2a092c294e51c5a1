"""Files as a project's reading of them has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell.snapshot import File, Role

if TYPE_CHECKING:
    from pathlib import Path


def as_now(path: Path) -> File:
    """Return a watched file as it is now, or its absence."""
    try:
        status = path.stat()
    except OSError:
        return File(str(path), Role.WATCH, None)
    return File(str(path), Role.WATCH, path.read_bytes(), status.st_uid, status.st_mode, status.st_mtime_ns)
