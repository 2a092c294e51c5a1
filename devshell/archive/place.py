"""The one module that writes: it puts members into a folder and cannot write outside it.

Every name is relative to a descriptor of that folder, and every folder on the way was made here or
was opened without following links. Nothing here removes or replaces anything, and nobody else works
in the folder, so what was once seen to be a real folder stays one, and is not looked at again.
"""

from __future__ import annotations

import os
import stat
from functools import partial
from typing import TYPE_CHECKING, Self

from devshell.archive.policy import CHUNK, fold, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from devshell.archive.policy import Guard

_FOLDER_MODE = 0o755
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Tree:
    """A folder that members are put into. Paths are as `Guard.path` returns them."""

    def __init__(self, into: Path, guard: Guard, *, cased: bool = False) -> None:
        """Open the folder, which must exist.

        `cased` says that it is on a file system that tells names by case, and that this archive is
        for no other: names that differ in case alone are fine.
        """
        self._guard = guard
        self._fold: Callable[[str], str] = str if cased else fold
        self._root = os.open(into, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # Folder → folded name → name. It answers both "is it a real folder?" and "is its name free
        # on a file system that sees no case?" without a system call.
        self._folders: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Self:
        """Keep the folder open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the folder."""
        os.close(self._root)

    def folder(self, path: str) -> None:
        """Make a folder and those above it; one that is there is fine."""
        self._names(path)

    def file(self, path: str, chunks: Iterable[bytes], *, executable: bool) -> None:
        """Write a file; one that is there must be equal.

        Raises ArchiveError where another is there, or where a component of the path is a link or a file.
        """
        self.opened(path, executable=executable)(chunks)

    def opened(self, path: str, *, executable: bool) -> Callable[[Iterable[bytes]], None]:
        """Begin a file as `file` does, and return what takes its content, once, from any thread."""
        self._claim(path)
        mode = 0o755 if executable else 0o644
        try:
            handle = os.open(path, _CREATE, mode, dir_fd=self._root)
        except FileExistsError:
            return partial(self._compare, path, mode)
        return partial(_fill, handle, mode)

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link; one that is there must say the same. Its target is never looked at."""
        self._claim(path)
        try:
            os.symlink(target, path, dir_fd=self._root)
        except FileExistsError:
            if not self._is_link(path) or os.readlink(path, dir_fd=self._root) != target:
                raise self._taken(path) from None

    def same(self, path: str, original: str) -> None:
        """Make a second name for `original`, a file that was put here before."""
        self._claim(path)
        try:
            os.link(original, path, src_dir_fd=self._root, dst_dir_fd=self._root, follow_symlinks=False)
        except OSError:
            # It is there already, or this file system has no hard links, or not as many: a copy is
            # as good, and `file` knows what to say of one that is there.
            mode = os.stat(original, dir_fd=self._root, follow_symlinks=False).st_mode
            self.file(path, self._guard.metered(self._content(original)), executable=bool(mode & 0o100))

    def _names(self, path: str) -> dict[str, str]:
        names = self._folders.get(path)
        if names is None:
            names = self._folders[path] = self._make(path)
        return names

    def _make(self, path: str) -> dict[str, str]:
        if not path:
            return self._listing(path)
        self._claim(path)
        try:
            os.mkdir(path, _FOLDER_MODE, dir_fd=self._root)
        except FileExistsError:
            return self._listing(path)
        os.chmod(path, _FOLDER_MODE, dir_fd=self._root)
        return {}

    def _listing(self, path: str) -> dict[str, str]:
        try:
            handle = os.open(path or ".", _ENTER, dir_fd=self._root)
        except OSError as error:
            if self._is_link(path):
                raise self._guard.refused(f"would be written through the link {shown(path)}") from error
            if not stat.S_ISDIR(os.stat(path, dir_fd=self._root, follow_symlinks=False).st_mode):
                raise self._guard.refused(f"needs a folder where {shown(path)} is not one") from error
            raise
        try:
            return {self._fold(name): name for name in os.listdir(handle)}
        finally:
            os.close(handle)

    def _claim(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        held = self._names(folder).setdefault(self._fold(name), name)
        if held != name:
            raise self._guard.refused(
                f"is called {shown(name)} where {shown(held)} stands, which on macOS is the same name"
            )

    def _compare(self, path: str, mode: int, chunks: Iterable[bytes]) -> None:
        found = os.stat(path, dir_fd=self._root, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) != mode:
            raise self._taken(path)
        handle = os.open(path, _READ, dir_fd=self._root)
        try:
            for chunk in chunks:
                if _read(handle, len(chunk)) != chunk:
                    raise self._taken(path)
            if _read(handle, 1):
                raise self._taken(path)
        finally:
            os.close(handle)

    def _content(self, path: str) -> Iterator[bytes]:
        handle = os.open(path, _READ, dir_fd=self._root)
        try:
            while chunk := os.read(handle, CHUNK):
                yield chunk
        finally:
            os.close(handle)

    def _is_link(self, path: str) -> bool:
        return stat.S_ISLNK(os.stat(path or ".", dir_fd=self._root, follow_symlinks=False).st_mode)

    def _taken(self, path: str) -> Exception:
        return self._guard.refused(f"would replace {shown(path)}, which is there already and differs")


def _fill(handle: int, mode: int, chunks: Iterable[bytes]) -> None:
    try:
        # The umask has its say in open(), not here.
        os.fchmod(handle, mode)
        for chunk in chunks:
            _write(handle, chunk)
    finally:
        os.close(handle)


def _write(handle: int, chunk: bytes) -> None:
    done = os.write(handle, chunk)
    while done < len(chunk):
        done += os.write(handle, memoryview(chunk)[done:])


def _read(handle: int, count: int) -> bytes:
    """Read exactly `count` bytes, fewer only at the end."""
    data = os.read(handle, count)
    while len(data) < count and (more := os.read(handle, count - len(data))):
        data += more
    return data
