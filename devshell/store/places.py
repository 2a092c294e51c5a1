"""Paths in a tree that fix-ups name. In them `*` is any characters of one name, and `[0-9]` a digit."""

from __future__ import annotations

import os
import posixpath
import re
from typing import TYPE_CHECKING

from devshell.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

_WILD = {"*": "[^/]*", "[0-9]": "[0-9]"}


def one(tree: Path, pattern: str, what: str) -> str:
    """Return the one path that fits, which need not be there unless it has a `*` or a `[0-9]`.

    `what` names it in errors. Raises StoreError where it would lie outside the tree, or behind a
    link, which might lead there; and where none or several fit.
    """
    found = each(tree, pattern, what)
    if len(found) > 1:
        raise StoreError(f"a fix-up's {what} {pattern!r} fits several: {found[0]!r} and {found[1]!r}")
    return found[0]


def each(tree: Path, pattern: str, what: str) -> list[str]:
    """Return every path that fits, sorted, at least one; raises StoreError as `one` does."""
    if not pattern or pattern != posixpath.normpath(pattern) or pattern.startswith(("/", "..")) or pattern == ".":
        raise StoreError(f"a fix-up's {what} {pattern!r} does not lie in the tree")
    found = [""]
    for part in pattern.split("/"):
        for folder in found:
            # A package may bring a link to anywhere; writing through it would leave the tree.
            if folder and os.path.islink(tree / folder):
                raise StoreError(f"a fix-up's {what} {pattern!r} leads through a link")
        found = [posixpath.join(folder, name) for folder in found for name in _names(tree, folder, part)]
    if not found:
        raise StoreError(f"a fix-up's {what} {pattern!r} fits nothing in the package")
    return sorted(found)


def fits(path: str, pattern: str) -> bool:
    """Return whether a path is one of those that a pattern means."""
    return _expression(pattern).fullmatch(path) is not None


def is_wild(pattern: str) -> bool:
    """Return whether a pattern may mean a path other than itself."""
    return any(wild in pattern for wild in _WILD)


def _names(tree: Path, folder: str, part: str) -> list[str]:
    if not is_wild(part):
        return [part]
    try:
        there = os.listdir(tree / folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name for name in there if fits(name, part)]


def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*|\[0-9\])", pattern)
    return re.compile("".join(_WILD.get(part) or re.escape(part) for part in parts), re.DOTALL)
