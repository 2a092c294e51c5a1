"""Paths in a tree as the programs in it see them: a system's root, with a merged /usr."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from devshell.archive.deb import merged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: As many links as Linux follows in one path.
_MOST_LINKS = 40


def below(path: str) -> str:
    """Return where a system's absolute path lies in a tree, without looking there."""
    return merged(os.path.normpath(f"/{path}").lstrip("/"))


def steps(tree: Path, path: str) -> Iterator[str]:
    """Yield a path in the tree, then what each link there leads to, and last a file, if there is one.

    Nothing is yielded that is not there. Links that lead out of the tree, or in circles, end it.
    """
    for _ in range(_MOST_LINKS):
        real = os.path.join(tree, path)
        try:
            mode = os.lstat(real).st_mode
        except OSError:
            return
        if not _is_within(tree, path):
            return
        yield path
        if not stat.S_ISLNK(mode):
            return
        target = os.readlink(real)
        if target.startswith("/"):
            return
        path = os.path.normpath(os.path.join(os.path.dirname(path), target))
        if path.startswith(".."):
            return


def program(tree: Path, path: str) -> str | None:
    """Return the file that a path in the tree leads to, or None where that is no program."""
    last = None
    for last in steps(tree, path):  # noqa: B007  (the last one counts)
        pass
    if last is None:
        return None
    mode = os.lstat(os.path.join(tree, last)).st_mode
    return last if stat.S_ISREG(mode) and mode & 0o111 else None


def _is_within(tree: Path, path: str) -> bool:
    """Return whether no folder on the way is a link that leads out of the tree."""
    folder = os.path.dirname(path)
    real = os.path.realpath(os.path.join(tree, folder))
    return os.path.commonpath((real, os.path.realpath(tree))) == os.path.realpath(tree)
