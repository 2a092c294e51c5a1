"""Fix-ups: small, known changes to a tree, written in the lock as data.

A fix-up acts on the tree alone. Paths are relative to it; nothing is followed out of it.
"""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING

from devshell.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def apply(tree: Path, fixups: Iterable[Mapping[str, str]], final: Path) -> None:  # noqa: ARG001
    """Apply the fix-ups of a block in their order; `final` is the tree's path in the store.

    `link` makes `path` a relative symlink to `target`, both paths in the tree; what stood there is
    replaced. `executable` makes `path` a program. Raises StoreError where a fix-up does not fit the
    tree, or its kind is not known.
    """
    kinds = {"link": _link, "executable": _executable}
    for fixup in fixups:
        kind = kinds.get(fixup["kind"])
        if kind is None:
            raise StoreError(
                f"the lock asks for a fix-up of kind {fixup['kind']!r}, which this devshell does not know",
                hint="upgrade devshell, or lock again with `devshell lock --update`",
            )
        kind(tree, fixup)


def _link(tree: Path, fixup: Mapping[str, str]) -> None:
    path = _place(tree, fixup, "path")
    target = _place(tree, fixup, "target")
    if not target.exists():
        raise StoreError(f"a fix-up links to {fixup['target']!r}, which is not in the package")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))


def _executable(tree: Path, fixup: Mapping[str, str]) -> None:
    path = _place(tree, fixup, "path")
    if not path.is_file() or path.is_symlink():
        raise StoreError(f"a fix-up names the program {fixup['path']!r}, which is not in the package")
    path.chmod(0o755)


def _place(tree: Path, fixup: Mapping[str, str], key: str) -> Path:
    relative = fixup.get(key, "")
    if not relative or relative != posixpath.normpath(relative) or relative.startswith(("/", "..")):
        raise StoreError(f"a fix-up's {key} {relative!r} does not lie in the tree")
    path = tree
    for part in relative.split("/")[:-1]:
        path /= part
        # A package may bring a link to anywhere; writing through it would leave the tree.
        if path.is_symlink():
            raise StoreError(f"a fix-up's {key} {relative!r} leads through a link")
    return tree / relative
