"""Sealing a tree, and the hash of its content.

Two machines that add the same store path get the same content hash, wherever their stores lie: the
store's own root is replaced by a token before hashing, together with slashes in front of it, since
that is how a path inside a binary is padded to a fixed length (DESIGN.md, "Store").
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Executor, Future
    from pathlib import Path

#: 1980-01-01T00:00:00Z: the oldest time that zip files can hold, so that trees can be zipped again.
FIXED_TIME_NS = 315_532_800 * 1_000_000_000
TOKEN = b"@devshell-store@"
#: As many slashes in front of the root belong to its padding.
MOST_PADDING = 255
_CHUNK = 1 << 20
_LARGE = 4 << 20
_FORMAT = "devshell content 1"
_FIXED = (FIXED_TIME_NS, FIXED_TIME_NS)


def seal(tree: Path, root: Path) -> str:
    """Make every file 0444 or 0555 and every folder 0555, give all the fixed time, and return the content hash."""
    digest = _hash(tree, root, sealing=True)
    _seal_folder(os.fspath(tree))
    return digest


def content_hash(tree: Path, root: Path) -> str:
    """Return `sha256:<hex>` over a tree's names, kinds, executable bits and contents.

    `root` is the store's real path. Raises OSError where something cannot be read.
    """
    return _hash(tree, root, sealing=False)


def _hash(tree: Path, root: Path, *, sealing: bool) -> str:
    with ThreadPoolExecutor(1) as beside:
        entries = _Entries(os.fsencode(root), beside, sealing=sealing)
        entries.walk(os.fspath(tree), "")
        found = entries.found + [(relative, kind, future.result()) for relative, kind, future in entries.awaited]
    total = hashlib.sha256(f"{_FORMAT}\n".encode())
    for entry in sorted(found):
        total.update(json.dumps(entry).encode("ascii") + b"\n")
    return f"sha256:{total.hexdigest()}"


class _Entries:
    """One pass over a tree: what there is, sealed on the way where that is asked for.

    Both at once, since a tree has thousands of files, and each is opened but once. Large files are
    hashed beside the others, by a thread that needs the interpreter but now and then.
    """

    def __init__(self, root: bytes, beside: Executor, *, sealing: bool) -> None:
        self.found: list[tuple[str, ...]] = []
        self.awaited: list[tuple[str, str, Future[str]]] = []
        self._root = root
        self._beside = beside
        self._sealing = sealing

    def walk(self, folder: str, relative: str) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                self._take(entry, relative + entry.name)

    def _take(self, entry: os.DirEntry[str], relative: str) -> None:
        if entry.is_symlink():
            target = b"".join(tokenised([os.fsencode(os.readlink(entry.path))], self._root))
            self.found.append((relative, "link", os.fsdecode(target)))
            if self._sealing:
                os.utime(entry.path, ns=_FIXED, follow_symlinks=False)
        elif entry.is_dir(follow_symlinks=False):
            self.found.append((relative, "folder"))
            self.walk(entry.path, relative + "/")
            if self._sealing:
                _seal_folder(entry.path)
        elif entry.is_file(follow_symlinks=False):
            self._take_file(entry.path, relative)
        else:
            mode = entry.stat(follow_symlinks=False).st_mode
            self.found.append((relative, "other", stat.filemode(mode)))

    def _take_file(self, path: str, relative: str) -> None:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(handle)
            program = bool(status.st_mode & 0o111)
            kind = "program" if program else "file"
            if status.st_size < _LARGE:
                self.found.append((relative, kind, _small_hash(handle, status.st_size, self._root)))
            else:
                self.awaited.append((relative, kind, self._beside.submit(_hash_of, path, self._root)))
            if self._sealing:
                mode = 0o555 if program else 0o444
                if stat.S_IMODE(status.st_mode) != mode:
                    os.fchmod(handle, mode)
                os.utime(handle, ns=_FIXED)
        finally:
            os.close(handle)


def _seal_folder(path: str) -> None:
    os.chmod(path, 0o555)  # noqa: S103  (a shared store is there to be read)
    os.utime(path, ns=_FIXED)


def _small_hash(handle: int, size: int, root: bytes) -> str:
    # One byte more than there should be, so that one call tells that this is all.
    content = os.read(handle, size + 1)
    if len(content) != size or root in content:
        return _tokenised_hash(handle, root)
    return hashlib.sha256(content).hexdigest()


def _hash_of(path: str, root: bytes) -> str:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return _file_hash(handle, root)
    finally:
        os.close(handle)


def _file_hash(handle: int, root: bytes) -> str:
    digest = hashlib.sha256()
    before = b""
    while chunk := os.read(handle, _CHUNK):
        # Nearly no file names the store, and those that do are hashed once more, with care.
        if root in chunk or (before and root in before + chunk[: len(root)]):
            return _tokenised_hash(handle, root)
        digest.update(chunk)
        before = chunk[-len(root) :]
    return digest.hexdigest()


def _tokenised_hash(handle: int, root: bytes) -> str:
    digest = hashlib.sha256()
    os.lseek(handle, 0, os.SEEK_SET)
    for piece in tokenised(iter(lambda: os.read(handle, _CHUNK), b""), root):
        digest.update(piece)
    return digest.hexdigest()


def tokenised(chunks: Iterable[bytes], root: bytes) -> Iterator[bytes]:
    """Yield the bytes with `root`, and up to 255 slashes before it, replaced by the token.

    How the bytes are cut into chunks makes no difference.
    """
    keep = len(root) - 1 + MOST_PADDING
    carried = b""
    for chunk in chunks:
        *before, rest = (carried + chunk).split(root)
        for piece in before:
            yield _without_padding(piece)
            yield TOKEN
        cut = max(0, len(rest) - keep)
        yield rest[:cut]
        carried = rest[cut:]
    yield carried


def _without_padding(piece: bytes) -> bytes:
    bare = piece.rstrip(b"/")
    return piece[: max(len(bare), len(piece) - MOST_PADDING)]
