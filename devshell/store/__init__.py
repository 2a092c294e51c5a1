"""The store: a shared folder of read-only trees, each under a name that says what made it.

A store path exists whole or not at all: a tree is filled beside its final place, sealed, hashed, and
renamed. A lock a name lets any number of processes want the same path and do the work once.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.errors import Place, StoreError
from devshell.files import explained, locked, remove_tree
from devshell.store.content import content_hash, seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = re.compile(r"[a-z2-7]{32}-[A-Za-z0-9._+-]+")
_HASH_ENDING = ".hash"


@dataclass(frozen=True, slots=True)
class Damage:
    """A store path that is not what was added, and how one can tell."""

    name: str
    reason: str


class Store:
    """A folder of store paths; `root` is its real path, since it gets written into trees."""

    def __init__(self, root: Path, *, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Name the folder; nothing is made before something is added."""
        self.root = Path(os.path.realpath(root))
        self._cancelled = cancelled

    def path(self, name: str) -> Path:
        """Return where a store path is or will be; raises StoreError on what is no store name."""
        if not _NAME.fullmatch(name):
            raise StoreError(f"{name!r} is no name of a store path")
        return self.root / name

    def has(self, name: str) -> bool:
        """Return whether a store path is there, whole."""
        path = self.path(name)
        return path.is_dir() and not path.is_symlink()

    def add(self, name: str, fill: Callable[[Path], None], *, sealed: Callable[[Path, Path], str] = seal) -> Path:
        """Return the store path `name`, letting `fill` write its tree if it is not there yet.

        `sealed` seals the tree and returns its content hash, given the store's root.

        Raises what `fill` raises, and StoreError where the store cannot be written; then nothing is
        left of the attempt.
        """
        path = self.path(name)
        if self.has(name):
            return path
        self._claim()
        with explained(self.root), locked(self.root / ".locks" / name, cancelled=self._cancelled):
            if not self.has(name):
                self._add(path, fill, sealed)
        return path

    def _claim(self) -> None:
        """Make the store's folder; nobody else may write it or put another in its place, whatever the umask says."""
        with explained(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in (self.root, self.root.parent):
                status = folder.stat()
                open_to_all = status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX
                if open_to_all and status.st_uid == os.geteuid():
                    folder.chmod(stat.S_IMODE(status.st_mode) & ~(stat.S_IWGRP | stat.S_IWOTH))
                elif open_to_all:
                    raise StoreError(
                        "everybody on this machine may write here, so nothing here can be relied on",
                        place=Place(str(folder)),
                        hint="have that right taken away, or set DEVSHELL_DATA_DIR to a folder of your own",
                    )

    def _add(self, path: Path, fill: Callable[[Path], None], sealed: Callable[[Path, Path], str]) -> None:
        # The lock is ours, so trees of this name are what killed processes left.
        for left in (*self.root.glob(f".adding-{path.name}-*"), *self.root.glob(f".hash-{path.name}-*")):
            remove_tree(left)
        # In the store itself: a read-only folder can be renamed, but not moved to another parent.
        tree = path.with_name(f".adding-{path.name}-{os.getpid()}")
        try:
            tree.mkdir(parents=True)
            fill(tree)
            digest = sealed(tree, self.root)
            self._write_hash(path, digest)
            tree.rename(path)
        except BaseException:
            remove_tree(tree)
            raise

    def _write_hash(self, path: Path, digest: str) -> None:
        # Not synced to the disk, as the tree is not either: that would wait for all of it to be written.
        # What a power cut leaves of either, `verify` finds.
        new = path.with_name(f".hash-{path.name}-{os.getpid()}")
        new.write_text(f"{digest}\n", "ascii")
        new.chmod(0o444)
        new.replace(self._hash_file(path))

    def content_hash(self, name: str) -> str | None:
        """Return the content hash recorded when `name` was added, or None where there is no record."""
        try:
            return self._hash_file(self.path(name)).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None

    def names(self) -> list[str]:
        """Return every store path there is, sorted."""
        try:
            found = os.listdir(self.root)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"the store cannot be read: {error.strerror}", place=Place(str(self.root))) from None
        there = set(found)
        hashes = {name for name in there if name.endswith(_HASH_ENDING) and name.removesuffix(_HASH_ENDING) in there}
        return sorted(name for name in there - hashes if _NAME.fullmatch(name))

    def verify(self, names: list[str] | None = None) -> Iterator[tuple[str, Damage | None]]:
        """Hash store paths again, one after the other, and yield each with its damage, if any."""
        for name in self.names() if names is None else names:
            yield name, self._damage(name)

    def _damage(self, name: str) -> Damage | None:
        path = self.path(name)
        if not path.is_dir() or path.is_symlink():
            return Damage(name, "it is not a folder")
        recorded = self.content_hash(name)
        if recorded is None:
            return Damage(name, "its content hash is missing")
        try:
            found = content_hash(path, self.root)
        except OSError as error:
            return Damage(name, f"it cannot be read: {error.strerror}")
        if found != recorded:
            return Damage(name, f"its content is {found}, not the {recorded} that was added")
        return None

    @staticmethod
    def _hash_file(path: Path) -> Path:
        return path.with_name(path.name + _HASH_ENDING)
