"""ELF files: what of them decides where a program finds its libraries. See elf(5).

Only what Debian builds for linux-x86_64 and linux-aarch64 is read: 64 bits, little endian. Anything
else, and anything that contradicts itself, is not taken for an ELF file, and so is left as it is.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

MAGIC = b"\x7fELF"
DT_RPATH = 15
DT_RUNPATH = 29

_LITTLE_64 = b"\x02\x01"
_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_ENTRY = struct.Struct("<qQ")
_LOAD, _DYNAMIC, _INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_STRSZ, _DT_SONAME = 1, 5, 10, 14
_NO_BITS = 8
#: Far more than any real file has.
_MOST_PARTS = 4096
_MOST_BYTES = 1 << 20
_MOST_TEXT = 4096
#: The largest page there is.
_MOST_PADDING = 1 << 16


@dataclass(frozen=True, slots=True)
class Elf:
    """An ELF file's own words.

    `interpreter` is the program that starts it, None where there is none. `name` is a library's
    soname. `search` holds the folders of its RPATH or RUNPATH as one text, and `tag_at` is where in
    the file it is said which of the two that is, with `tag` as the answer. `whole` says that the
    file holds nothing but what its tables speak of: no data of the program's own behind it.
    """

    interpreter: str | None = None
    name: str | None = None
    needs: bool = False
    search: str | None = None
    tag: int = 0
    tag_at: int = 0
    whole: bool = True


class _Contradiction(Exception):  # noqa: N818  (not an error anybody sees)
    """A table speaks of something that is not there."""


def read(file: BinaryIO) -> Elf | None:
    """Return what an ELF file says, or None where it is none that is understood."""
    try:
        return _Reader(file).elf()
    except (_Contradiction, struct.error):
        return None


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file.fileno()
        self._size = os.fstat(self._file).st_size

    def elf(self) -> Elf:
        if self._bytes(0, 6) != MAGIC + _LITTLE_64:
            raise _Contradiction
        _, _, _, _, segments_at, sections_at, _, _, each, count, section_each, sections, _ = _HEADER.unpack(
            self._bytes(0, _HEADER.size)
        )
        if each != _SEGMENT.size or count > _MOST_PARTS:
            raise _Contradiction
        segments = []
        for kind, _, offset, address, _, size, _, _ in _SEGMENT.iter_unpack(self._bytes(segments_at, each * count)):
            segments.append(_Segment(kind, offset, address, size))
        end = max((s.offset + s.size for s in segments), default=0)
        if sections_at:
            end = max(end, self._sections_end(sections_at, section_each, sections))
        dynamic = self._dynamic(segments)
        interpreter = next((self._text(s.offset, s.size) for s in segments if s.kind == _INTERP), None)
        return self._answer(segments, dynamic, interpreter, whole=self._is_padding(end))

    def _answer(
        self, segments: list[_Segment], dynamic: list[tuple[int, int, int]], interpreter: str | None, *, whole: bool
    ) -> Elf:
        values = {tag: value for tag, value, _ in dynamic}
        # A RUNPATH overrides an RPATH beside it.
        at = {tag: place for tag, _, place in dynamic}
        tag = next((t for t in (DT_RUNPATH, DT_RPATH) if t in at), 0)

        def text(wanted: int) -> str | None:
            if wanted not in values:
                return None
            offset = _offset(segments, values.get(_DT_STRTAB, 0))
            limit = values.get(_DT_STRSZ, 0) - values[wanted]
            return self._text(offset + values[wanted], min(limit, _MOST_TEXT))

        return Elf(
            interpreter=interpreter,
            name=text(_DT_SONAME),
            needs=_DT_NEEDED in values,
            search=text(tag) if tag else None,
            tag=tag,
            tag_at=at.get(tag, 0),
            whole=whole,
        )

    def _dynamic(self, segments: list[_Segment]) -> list[tuple[int, int, int]]:
        """Return the dynamic section: tag, value, and where in the file the tag stands."""
        found: list[tuple[int, int, int]] = []
        segment = next((s for s in segments if s.kind == _DYNAMIC), None)
        if segment is not None:
            content = self._bytes(segment.offset, segment.size - segment.size % _ENTRY.size)
            for n, (tag, value) in enumerate(_ENTRY.iter_unpack(content)):
                if tag == 0:
                    break
                found.append((tag, value, segment.offset + n * _ENTRY.size))
        return found

    def _sections_end(self, at: int, each: int, count: int) -> int:
        if each != _SECTION.size or count > _MOST_PARTS * 16:
            raise _Contradiction
        end = at + each * count
        for _, kind, _, _, offset, size, _, _, _, _ in _SECTION.iter_unpack(self._bytes(at, each * count, 1 << 24)):
            if kind != _NO_BITS:
                end = max(end, offset + size)
        return end

    def _is_padding(self, at: int) -> bool:
        """Return whether nothing stands behind `at` but some zeros, as patchelf itself leaves."""
        rest = self._size - at
        return rest <= 0 or (rest <= _MOST_PADDING and not self._bytes(at, rest).strip(b"\0"))

    def _text(self, at: int, size: int) -> str:
        text, end, _ = self._bytes(at, size).partition(b"\0")
        if not end:
            raise _Contradiction
        return os.fsdecode(text)

    def _bytes(self, at: int, size: int, most: int = _MOST_BYTES) -> bytes:
        if not (0 <= size <= most and 0 <= at <= self._size - size):
            raise _Contradiction
        return os.pread(self._file, size, at)


def _offset(segments: list[_Segment], address: int) -> int:
    for segment in segments:
        if segment.kind == _LOAD and segment.address <= address < segment.address + segment.size:
            return address - segment.address + segment.offset
    raise _Contradiction
