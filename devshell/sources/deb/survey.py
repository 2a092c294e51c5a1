"""A survey of a tree: its ELF files and its scripts, found by their first bytes in one walk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devshell.sources.deb import elf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCRIPT = b"#!"


@dataclass(frozen=True, slots=True)
class Survey:
    """What a tree holds: paths in it, sorted; a file with several names stands under the first."""

    elves: dict[str, elf.Elf]
    scripts: tuple[str, ...]


def survey(tree: Path) -> Survey:
    """Look at every file of a tree once. Links are not followed."""
    elves: dict[str, elf.Elf] = {}
    scripts = []
    seen: set[tuple[int, int]] = set()
    for path in sorted(_files(os.fspath(tree), "")):
        with open(tree / path, "rb", buffering=0) as file:
            start = file.read(len(elf.MAGIC))
            if not start.startswith(_SCRIPT) and start != elf.MAGIC:
                continue
            status = os.fstat(file.fileno())
            identity = (status.st_dev, status.st_ino)
            if identity in seen:
                continue
            seen.add(identity)
            if start == elf.MAGIC:
                found = elf.read(file)
                if found is not None:
                    elves[path] = found
            elif status.st_mode & 0o111:
                scripts.append(path)
    return Survey(elves, tuple(scripts))


def _files(folder: str, relative: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = relative + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, f"{path}/")
            elif entry.is_file(follow_symlinks=False):
                yield path
