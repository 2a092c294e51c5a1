"""A snapshot: all of a project's files that matter, read once.

Everything that checks or uses those files takes this value, so that what was trusted and what is
used are the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Why a file belongs to a project."""

    MANIFEST = "manifest"
    INCLUDE = "include"
    LOCAL = "local"
    LOCK = "lock"
    DOTENV = "dotenv"
    WATCH = "watch"


@dataclass(frozen=True, slots=True)
class File:
    """One file as it was when read; `content` is None where it was missing."""

    path: str
    role: Role
    content: bytes | None
    owner: int = 0
    mode: int = 0
    mtime_ns: int = 0

    @property
    def exists(self) -> bool:
        """Whether the file was there."""
        return self.content is not None

    @property
    def digest(self) -> str:
        """Return `sha256:<hex>` of the content, or `absent`."""
        if self.content is None:
            return "absent"
        return "sha256:" + hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A project's real path and its files: manifest first, then in the order they were found."""

    root: str
    files: tuple[File, ...]

    def all(self, role: Role) -> tuple[File, ...]:
        """Return the files of one role."""
        return tuple(file for file in self.files if file.role is role)

    def one(self, role: Role) -> File:
        """Return the file of a role that has exactly one, such as the manifest or the lock."""
        (file,) = self.all(role)
        return file

    def replace(self, role: Role, content: bytes | None) -> Snapshot:
        """Return this snapshot with other bytes for the one file of `role`: what devshell is about to write."""
        files = tuple(File(f.path, f.role, content, f.owner, f.mode) if f.role is role else f for f in self.files)
        return Snapshot(self.root, files)
