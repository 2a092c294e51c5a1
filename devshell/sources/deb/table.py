"""The kept form of a list of packages: its text, then where names stand in it, sorted, to be looked up in place.

    text | padding to 4 bytes | stanzas: positions of 4 bytes, sorted by the package's name
         | provided: positions of names in Provides, sorted by name | _END

It is made in one pass over the unpacked text, a piece at a time, and read through a memory map: opening
one costs nothing, a look-up a few pages. Positions are in the machine's own byte order: it never leaves it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import stat
import struct
from array import array
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from devshell.errors import CancelledError, FetchError
from devshell.files import explained
from devshell.system import own_uids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

#: What may be read: by the suffix of the list's name.
KINDS = (".gz", ".xz", "")
#: The most a list may hold once unpacked, in bytes; Debian's largest is a tenth of it.
LIMIT = 1 << 29

_MARK = b"devshell"
_END = struct.Struct("=QII8s")
_WIDTH = 4
# Small enough to stay in the processor's cache, big enough that Python is not what is waited for.
_PACKED_PIECE = 1 << 15
_PIECE = 1 << 18
_LONGEST = 4 << 20
_SAMPLES = 64
_NAME = b"Package: "
_NEXT = b"\n\nPackage: "
_PROVIDES = b"\nProvides: "
_WORD = re.compile(rb"[^\s,(]+")
_FIELD = re.compile(rb"^([A-Za-z0-9-]+):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)


class TableError(FetchError):
    """A list of packages cannot be understood."""


def build(source: Path, kind: str, target: Path, limit: int, cancelled: Callable[[], bool]) -> None:
    """Make the table of the list in `source`, packed as its suffix `kind` says, at `target`.

    Whole or not at all; only one may make it at a time. Raises TableError where the list cannot be
    unpacked or understood, or holds more than `limit` bytes, DevshellError where the disk refuses.
    """
    # Left behind by one that was killed, it is written over.
    temporary = target.with_name(target.name + ".part")
    with explained(target, "write", FetchError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with open(os.open(temporary, flags, 0o600), "wb", buffering=0) as file:
            scan = _Scan()
            for piece in _unpacked(source, kind, min(limit, LIMIT)):
                if cancelled():
                    raise CancelledError("cancelled")
                file.write(piece)
                scan.take(piece)
            scan.finish()
            file.write(scan.tables())
        os.replace(temporary, target)


def _unpacked(source: Path, kind: str, limit: int) -> Iterator[bytes]:
    """Yield what is in a packed file, in pieces; TableError for what is damaged or too much."""
    left = limit
    try:
        with open(source, "rb", buffering=0) as file:
            packed = iter(lambda: file.read(_PACKED_PIECE), b"")
            for piece in _UNPACKERS[kind](packed):
                left -= len(piece)
                if left < 0:
                    raise TableError(f"a list of packages holds more than {limit} bytes")
                yield piece
    except _damages() as problem:
        raise TableError("a list of packages cannot be unpacked") from problem


def _damages() -> tuple[type[Exception], ...]:
    import lzma

    from isal import isal_zlib

    inflating: Any = isal_zlib.error
    return (lzma.LZMAError, inflating, EOFError)


def _inflated(packed: Iterator[bytes]) -> Iterator[bytes]:
    from isal import isal_zlib

    inflater: Any = isal_zlib.decompressobj(wbits=31)
    for chunk in packed:
        left, full = chunk, True
        # A full piece may leave more behind, also where all of the chunk was taken in.
        while (left or full) and not inflater.eof:
            piece = inflater.decompress(left, _PIECE)
            left, full = inflater.unconsumed_tail, len(piece) == _PIECE
            yield piece
    if not inflater.eof:
        raise EOFError


def _decompressed(packed: Iterator[bytes]) -> Iterator[bytes]:
    import lzma

    unpacker = lzma.LZMADecompressor(memlimit=LIMIT)
    for chunk in packed:
        if unpacker.eof:
            return
        yield unpacker.decompress(chunk, _PIECE)
        while not unpacker.eof and not unpacker.needs_input:
            yield unpacker.decompress(b"", _PIECE)
    if not unpacker.eof:
        raise EOFError


_UNPACKERS: Mapping[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    ".gz": _inflated,
    ".xz": _decompressed,
    "": lambda packed: packed,
}


class _Scan:
    """Finds where stanzas begin and what they provide, a piece of the text at a time.

    Python runs for each stanza and each name as little as can be: with 70,000 of both in a list, and
    several lists at once, this is what there is to wait for.
    """

    def __init__(self) -> None:
        self._size = 0
        self._rest = b""
        self._names: list[bytes] = []
        self._stanzas: list[int] = []
        self._provided_names: list[bytes] = []
        self._provided: list[int] = []

    def take(self, piece: bytes) -> None:
        text = self._rest + piece
        stanzas = text.split(_NEXT)
        last = stanzas.pop()
        if not stanzas:
            self._rest = text
            if len(text) > _LONGEST + _PIECE:
                raise TableError("a list of packages has an entry without end")
            return
        end = len(text) - len(last) - len(_NAME)
        self._look_at(text, stanzas, end)
        self._size += end
        self._rest = _NAME + last

    def finish(self) -> None:
        text = self._rest
        if text.strip(b"\n"):
            self._look_at(text, [text], len(text))
        self._size += len(text)
        self._rest = b""

    def _look_at(self, text: bytes, stanzas: list[bytes], end: int) -> None:
        """Take in the stanzas that make up `text` until `end`, cut apart where the next one's name begins."""
        if not text.startswith(_NAME):
            raise TableError("a list of packages has an entry that does not begin with the package's name")
        stanzas[0] = stanzas[0][len(_NAME) :]
        try:
            self._names += [stanza[: stanza.index(b"\n")] for stanza in stanzas]
        except ValueError:
            raise TableError("a list of packages has an entry of one line") from None
        self._stanzas += accumulate([len(stanza) + len(_NEXT) for stanza in stanzas], initial=self._size)
        # After the last stanza there is none.
        self._stanzas.pop()
        first = text.find(_PROVIDES, 0, end)
        while first >= 0:
            first += len(_PROVIDES)
            stop = text.find(b"\n", first)
            self._provides(text[first : stop if stop >= 0 else None], self._size + first)
            first = text.find(_PROVIDES, first, end)

    def _provides(self, field: bytes, start: int) -> None:
        parts = field.split(b",")
        bare = [part.lstrip() for part in parts]
        self._provided_names += [part.partition(b" ")[0] for part in bare]
        ends = accumulate([len(part) + 1 for part in parts], initial=start - 1)
        next(ends)
        self._provided += [end - len(part) for end, part in zip(ends, bare, strict=True)]

    def tables(self) -> bytes:
        """Return all that follows the text."""
        stanzas = _sorted(self._stanzas, self._names)
        provided = _sorted(self._provided, self._provided_names)
        end = _END.pack(self._size, len(stanzas), len(provided), _MARK)
        return b"\0" * (-self._size % _WIDTH) + stanzas.tobytes() + provided.tobytes() + end


def _sorted(positions: list[int], names: list[bytes]) -> array[int]:
    return array("I", map(positions.__getitem__, sorted(range(len(names)), key=names.__getitem__)))


class Table:
    """A kept list, open for look-ups, from many threads; it stays readable when its file is removed."""

    def __init__(self, path: Path, text: mmap.mmap) -> None:
        """Take an open map; raises TableError where it is not whole."""
        self.path = path
        self._map = text
        if len(text) < _END.size:
            raise self._damaged()
        self._size, count, provided, mark = _END.unpack(text[-_END.size :])
        start = self._size + -self._size % _WIDTH
        middle, end = start + count * _WIDTH, start + (count + provided) * _WIDTH
        if mark != _MARK or end + _END.size != len(text):
            raise self._damaged()
        self._stanzas = memoryview(text)[start:middle].cast("I")
        self._provided = memoryview(text)[middle:end].cast("I")
        # A power cut can leave a file of the right length with holes: no table is worth waiting for the disk.
        for at in self._stanzas[:: max(1, count // _SAMPLES)]:
            self._name_at(at)

    def __len__(self) -> int:
        """Return how many stanzas there are."""
        return len(self._stanzas)

    def named(self, name: str) -> Iterator[dict[str, str]]:
        """Yield the fields of every stanza of a package."""
        wanted = name.encode()
        first = bisect_left(self._stanzas, wanted, key=self._name_at)
        for at in self._stanzas[first:]:
            if self._name_at(at) != wanted:
                return
            yield self._fields(at)

    def providing(self, name: str) -> Iterator[dict[str, str]]:
        """Yield the fields of every stanza whose Provides names `name`."""
        wanted = name.encode()
        first = bisect_left(self._provided, wanted, key=self._provided_at)
        last = -1
        for at in self._provided[first:]:
            if self._provided_at(at) != wanted:
                return
            before = self._map.rfind(_NEXT, 0, at)
            start = before + 2 if before >= 0 else 0
            # One may provide a name several times, in several versions.
            if start != last:
                yield self._fields(start)
            last = start

    def _name_at(self, at: int) -> bytes:
        start = at + len(_NAME)
        end = self._map.find(b"\n", start, min(start + _LONGEST, self._size))
        if end < 0 or self._map[at:start] != _NAME:
            raise self._damaged()
        return self._map[start:end]

    def _provided_at(self, at: int) -> bytes:
        found = _WORD.match(self._map, at, self._size)
        return found[0] if found else b""

    def _fields(self, at: int) -> dict[str, str]:
        end = self._map.find(b"\n\n", at, self._size)
        stanza = self._map[at : end if end >= 0 else self._size]
        if not stanza.startswith(_NAME):
            raise self._damaged()
        found = _FIELD.findall(stanza)
        return {name.decode("ascii"): value.decode("utf-8", "replace") for name, value in found}

    def _damaged(self) -> TableError:
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        return TableError(
            f"{str(self.path)!r}, a kept list of packages, was damaged", hint="run the same command again"
        )


def load(path: Path) -> Table | None:
    """Open a kept list; None where there is none, or one that is damaged or of another user."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        there = os.fstat(descriptor)
        if not stat.S_ISREG(there.st_mode) or there.st_uid not in own_uids() or not there.st_size:
            return None
        return Table(path, mmap.mmap(descriptor, there.st_size, access=mmap.ACCESS_READ))
    except (OSError, TableError):
        return None
    finally:
        os.close(descriptor)
