"""A compressed file as a stream of bytes, read once, in flat memory.

The standard library's own file objects are not used: bz2's and lzma's take garbage after the end
for nothing, and zstandard's reader takes a truncated file for a whole one.
"""

from __future__ import annotations

import bz2
import lzma
from typing import TYPE_CHECKING, Protocol, cast

from isal import isal_zlib

from devshell.archive.policy import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devshell.archive.policy import Guard

#: Its type stubs take the exception for an instance of it.
INFLATE_ERROR = cast("type[Exception]", isal_zlib.error)
#: Compressed bytes read at a time.
_INPUT = 1 << 17
#: `xz -9` needs 65 MB to decompress, `zstd --long=27` 128 MB; more is a bomb of another kind.
_MEMORY = 1 << 27
#: What a tar member's headers may take before its content, in bytes: names, pax records, sparse maps.
MAX_HEADER = 1 << 17
_BEHIND = "has something else behind its end"


class Readable(Protocol):
    """What bytes are read from, front to back."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        ...


class Decoder(Protocol):
    """One compressed stream, as the standard library's `BZ2Decompressor` has it."""

    @property
    def eof(self) -> bool:
        """Whether the stream's own end was seen."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out without further input."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What was given and lies behind the stream's end."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take all of `data` in, and return about `max_length` bytes at most."""
        ...


class _Gzip:
    """isal's gzip reader in that shape; it checks length and CRC at the end."""

    def __init__(self) -> None:
        self._decoder = isal_zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def needs_input(self) -> bool:
        # No output is held back without a tail: the trailer is taken in last.
        return not self._decoder.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._decoder.decompress(self._decoder.unconsumed_tail + data, max_length)


class _Zstd:
    """zstandard's decompressor in that shape.

    It knows no `max_length`, and four bytes can stand for 128 KiB: fed a kilobyte at a time, it
    never answers with more than 32 MiB.
    """

    _FEED = 1 << 10

    def __init__(self) -> None:
        import zstandard

        self._decoder = zstandard.ZstdDecompressor(max_window_size=_MEMORY).decompressobj()
        self._waiting = b""

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data + self._waiting

    def decompress(self, data: bytes, max_length: int) -> bytes:
        waiting = self._waiting + data
        output: list[bytes] = []
        length = at = 0
        while at < len(waiting) and length < max_length and not self._decoder.eof:
            output.append(self._decoder.decompress(waiting[at : at + self._FEED]))
            length += len(output[-1])
            at += self._FEED
        self._waiting = waiting[at:]
        return b"".join(output)


def _decoders(compression: str) -> tuple[Callable[[], Decoder], tuple[type[Exception], ...]]:
    """Return what makes a decoder, and the errors it raises on bad data."""
    if compression == "gz":
        return _Gzip, (INFLATE_ERROR,)
    if compression == "bz2":
        return bz2.BZ2Decompressor, (OSError, ValueError)
    if compression == "xz":
        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY), (lzma.LZMAError,)
    import zstandard

    return _Zstd, (zstandard.ZstdError,)


def chunks(file: Readable, compression: str | None, guard: Guard) -> Iterator[bytes]:
    """Yield what `file` holds once decompressed, a chunk at a time, counted by `guard`.

    `compression` is `gz`, `bz2`, `xz`, `zst`, or None. Several streams in a row are one, and zeros
    may pad them, as the tools have it. Raises ArchiveError for damage, a missing end, or anything
    else behind the end.
    """
    plain = _read(file, CHUNK) if compression is None else _decompressed(file, compression, guard)
    return guard.metered(plain)


def _read(file: Readable, size: int) -> Iterator[bytes]:
    while data := file.read(size):
        yield data


def _decompressed(file: Readable, compression: str, guard: Guard) -> Iterator[bytes]:
    make, failures = _decoders(compression)
    inputs = _read(file, _INPUT)
    decoder = make()
    data = b""
    at_end = False
    while True:
        if decoder.eof:
            at_end = True
            data = _unpadded(decoder.unused_data, inputs)
            if not data:
                return
            decoder = make()
        elif decoder.needs_input:
            data = next(inputs, b"")
            if not data:
                raise guard.damaged(_BEHIND if at_end else f"ends before its {compression} data does")
        try:
            output = decoder.decompress(data, CHUNK)
        except failures as error:
            raise guard.damaged(_BEHIND if at_end else f"holds damaged {compression} data") from error
        data = b""
        if output:
            at_end = False
            yield output


def _unpadded(data: bytes, inputs: Iterator[bytes]) -> bytes:
    """Return the next input that is not only zeros, without those in front, or nothing at the end."""
    while not (data := data.lstrip(b"\0")):
        data = next(inputs, b"")
        if not data:
            return b""
    return data


class Stream:
    """Chunks as the file object that `tarfile` wants: it reads on, and skips forward.

    What `read` returns is header; it is bounded, since tarfile holds a whole pax header or sparse
    map in memory. Content goes through `content`, which never joins chunks.
    """

    def __init__(self, source: Iterator[bytes], guard: Guard) -> None:
        """Begin at the first byte."""
        self._source = source
        self._guard = guard
        self._chunk = b""
        self._used = 0
        self._position = 0
        self._allowance = MAX_HEADER

    def tell(self) -> int:
        """Return how many bytes were read or skipped."""
        return self._position

    def seek(self, position: int) -> int:
        """Skip forward to `position`, and allow the headers there their full length.

        Raises ArchiveError where it lies behind us (a member's size is a lie) or after the end.
        """
        if position < self._position:
            raise self._guard.damaged("has a size that contradicts its content")
        for _ in self.content(position - self._position):
            pass
        self._allowance = MAX_HEADER
        return position

    def read(self, size: int) -> bytes:
        """Return `size` bytes of header, fewer only at the end."""
        self._allowance -= size
        if self._allowance < 0 or size < 0:
            raise self._guard.refused(f"has more than {MAX_HEADER} bytes of headers")
        parts = list(self._take(size))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def content(self, size: int) -> Iterator[bytes]:
        """Yield exactly `size` bytes; ArchiveError where the stream ends before."""
        start = self._position
        yield from self._take(size)
        if self._position - start < size:
            raise self._guard.damaged("ends before its content does")

    def rest(self) -> Iterator[bytes]:
        """Yield all that is left."""
        yield self._chunk[self._used :]
        yield from self._source

    def _take(self, size: int) -> Iterator[bytes]:
        while size > 0:
            if self._used == len(self._chunk):
                self._chunk = next(self._source, b"")
                self._used = 0
                if not self._chunk:
                    return
            part = self._chunk[self._used : self._used + size]
            self._used += len(part)
            self._position += len(part)
            size -= len(part)
            yield part
