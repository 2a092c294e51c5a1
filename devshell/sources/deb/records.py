"""The records that unpacked packages leave in a tree; see `devshell.archive.deb`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devshell.archive.deb import RECORDS
from devshell.errors import StoreError
from devshell.files import remove_tree

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Record:
    """What one package brought: the paths of its files and links, and the script it would run when installed."""

    package: str
    files: tuple[str, ...]
    postinst: str


def take(tree: Path) -> tuple[Record, ...]:
    """Return the records of a tree's packages, sorted by name, and remove them.

    Raises StoreError where there is none.
    """
    folder = tree / RECORDS
    if not folder.is_dir() or folder.is_symlink():
        raise StoreError(
            "no Debian package was unpacked here", hint="lock the tool again with `devshell lock --update`"
        )
    found = []
    for name in sorted(os.listdir(folder)):
        content = json.loads((folder / name).read_bytes())
        found.append(Record(content["package"], tuple(content["files"]), content["postinst"]))
    remove_tree(folder)
    return tuple(found)
