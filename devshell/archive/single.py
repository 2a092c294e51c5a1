"""A file that is no archive: alone, or alone and compressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell.archive.policy import split
from devshell.archive.stream import chunks

if TYPE_CHECKING:
    from typing import BinaryIO

    from devshell.archive.place import Tree
    from devshell.archive.policy import Guard


def place_single(file: BinaryIO, compression: str | None, tree: Tree, guard: Guard) -> None:
    """Put the file's content into the tree under the artifact's name, without its compression ending, executable.

    What else is in the file, such as the name a gzip header carries, is not looked at. Raises
    ArchiveError where the name is not that of one file.
    """
    name = guard.archive
    if compression:
        name = name[: -len(compression) - 1]
    path = guard.path(name, 0)
    if path != name or len(split(name)) != 1:
        raise guard.refused("has a name that cannot be that of a file")
    tree.file(path, chunks(file, compression, guard), executable=True)
