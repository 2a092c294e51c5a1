"""Built-in texts: paths that a program or a library was compiled with, made to lead elsewhere.

The new text may be longer than the old one, so it cannot stand in its place. It is put where patchelf has
moved a table away, or behind the end of a segment that is only read, where linkers leave room; and what
took the old text's address takes the new one's. Compilers emit but two forms of that for Debian's
processors, which are the ones known here:

x86-64 (Intel's manual, LEA): `lea register, [rip + distance]`; gets another distance.
AArch64 (Arm's manual, ADR, ADRP, ADD immediate): `adrp` for the page, `add` for the rest; `add` becomes `adr`,
or where that does not reach, both get another page and rest, if nothing else can be using the page.

No variable, option or wrapper does what this does: whoever starts the program, however, and whatever
it starts itself, sees nothing but a program that was compiled for where it lies.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from devshell.errors import Place, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The length of the tree's path in a text, in bytes; slashes before it make it as long everywhere, so that
#: a file's layout is. The interpreter's path in a program leaves as much: see `sources/deb/relocate.py`.
TOOL_LENGTH = 289

_START = b"\x7fELF\x02\x01"
_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
#: What patchelf fills tables with that it has moved elsewhere.
_LEFT = b"Z"
#: Where in a segment's description its sizes stand: in the file, and in memory.
_SIZES_AT = 32
_LOAD, _EXECUTABLE, _WRITABLE = 1, 1, 2
_X86_64, _AARCH64 = 62, 183
_LEA = re.compile(rb"[\x48-\x4f]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d]")
_LEA_LENGTH = 7
_PAGE = 0xFFF
#: Which bits of an AArch64 instruction say what it is, and what they are.
_ADRP_MASK, _ADRP = 0x9F000000, 0x90000000
_ADD_MASK, _ADD = 0xFFC00000, 0x91000000
_ADR = 0x10000000
_CALL_MASK, _CALL = 0xFC000000, 0x94000000
#: Instructions that begin functions, and where they name registers; others may at each of these bits, for all we know.
_REGISTERS_AT = ((0x3A000000, 0x28000000, (0, 5, 10)), (_ADD_MASK, _ADD, (0, 5)), (0, 0, (0, 5, 10, 16)))
#: The last of the registers that a call may change (Arm's procedure call standard).
_LAST_LOST = 17
#: How many bytes lie between `adrp` and its `add` at most, where a compiler has moved them apart.
_APART = 256


@dataclass(frozen=True, slots=True)
class _Segment:
    """A part of the file that is mapped: where its description stands, and what it says."""

    at: int
    flags: int
    offset: int
    address: int
    size: int
    memory: int
    alignment: int

    @property
    def end(self) -> int:
        return self.offset + self.size

    @property
    def end_address(self) -> int:
        return self.address + self.size


@dataclass(frozen=True, slots=True)
class _Reference:
    """An instruction that takes a text's address: where it is in the file, and in memory.

    `page_at` is where in the file the instruction is that took the page for it; AArch64 alone has that.
    """

    offset: int
    address: int
    page_at: int = 0


class _NoFitError(Exception):
    """The file is not as it must be; the text says how, as the end of a sentence."""


def fill(text: str, tool: str) -> bytes:
    """Return a text with `${tool}` as the tree's path at its fixed length. Raises StoreError where that is too long."""
    path = tool.encode("utf-8", "surrogateescape")
    if len(path) > TOOL_LENGTH:
        raise StoreError(
            f"the store's path is too long: programs can hold {TOOL_LENGTH} bytes, and {tool!r} is longer",
            place=Place(tool),
            hint="set DEVSHELL_DATA_DIR to a folder with a shorter path",
        )
    return text.encode().replace(b"${tool}", path.rjust(TOOL_LENGTH, b"/"))


def has(content: bytes, text: bytes) -> bool:
    """Return whether this is an ELF file that holds a text."""
    return bool(text) and content.startswith(_START) and text + b"\0" in content


def redirect(content: bytes, old: bytes, new: bytes) -> bytes:
    """Return an ELF file in which whatever refers to the text `old` refers to `new`.

    Raises StoreError where nothing refers to it in a way that is known, or there is no room.
    """
    try:
        return _File(content).redirected(old + b"\0", new + b"\0")
    except (_NoFitError, struct.error) as problem:
        raise StoreError(f"a fix-up redirects the built-in text {old.decode()!r}: the program {problem}") from None


class _File:
    def __init__(self, content: bytes) -> None:
        if not content.startswith(_START):
            raise _NoFitError("is no ELF file of 64 bits")
        self._content = bytearray(content)
        _, machine, _, _, segments_at, self._sections_at, _, _, each, count, _, _, _ = _HEADER.unpack_from(content)
        if each != _SEGMENT.size or machine not in (_X86_64, _AARCH64):
            raise _NoFitError("is for another processor")
        if segments_at + each * count > len(content):
            raise _NoFitError("is not whole")
        self._machine = machine
        self._segments = []
        for at in range(segments_at, segments_at + each * count, each):
            kind, flags, offset, address, _, size, memory, alignment = _SEGMENT.unpack_from(content, at)
            if kind == _LOAD:
                if offset + size > len(content):
                    raise _NoFitError("is not whole")
                self._segments.append(_Segment(at, flags, offset, address, size, memory, alignment))

    def redirected(self, old: bytes, new: bytes) -> bytes:
        wanted = set(self._addresses(old))
        if not wanted:
            raise _NoFitError("does not have it")
        references = list(self._lea(wanted) if self._machine == _X86_64 else self._add(wanted))
        if not references:
            raise _NoFitError("does not refer to it in a way that is known")
        address = self._put(new)
        for reference in references:
            if self._machine == _X86_64:
                distance = address - reference.address - _LEA_LENGTH
                struct.pack_into("<i", self._content, reference.offset + _LEA_LENGTH - 4, distance)
            else:
                self._write_add(reference, address)
        return bytes(self._content)

    def _addresses(self, text: bytes) -> Iterator[int]:
        for segment in self._segments:
            at = self._content.find(text, segment.offset, segment.end)
            while at >= 0:
                yield at - segment.offset + segment.address
                at = self._content.find(text, at + 1, segment.end)

    def _lea(self, wanted: set[int]) -> Iterator[_Reference]:
        """Yield the instructions that take one of the addresses."""
        for segment in self._code():
            for found in _LEA.finditer(self._content, segment.offset, segment.end - 4):
                here = found.start() - segment.offset + segment.address
                (distance,) = struct.unpack_from("<i", self._content, found.end())
                if here + _LEA_LENGTH + distance in wanted:
                    yield _Reference(found.start(), here)

    def _add(self, wanted: set[int]) -> Iterator[_Reference]:
        """Do the same for AArch64."""
        for segment in self._code():
            pages: dict[int, tuple[int, int]] = {}
            for offset in range(segment.offset, segment.end - 3, 4):
                (word,) = struct.unpack_from("<I", self._content, offset)
                here = offset - segment.offset + segment.address
                if word & _ADRP_MASK == _ADRP:
                    number = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
                    number -= (number & 1 << 20) << 1
                    pages[word & 31] = (here & ~_PAGE) + (number << 12), offset
                elif word & _ADD_MASK == _ADD:
                    page, page_at = pages.get(word >> 5 & 31, (0, -_APART - 1))
                    if offset - page_at <= _APART and page + (word >> 10 & _PAGE) in wanted:
                        yield _Reference(offset, here, page_at)

    def _write_add(self, reference: _Reference, address: int) -> None:
        """Let an `add` take another address: as an `adr` where that is near enough, else with another page."""
        word = self._word(reference.offset)
        distance = address - reference.address
        if -(1 << 20) <= distance < 1 << 20:
            word = _page_or_near(_ADR, distance, word)
        elif self._is_alone(reference):
            here = reference.address - (reference.offset - reference.page_at)
            page = _page_or_near(_ADRP, (address >> 12) - (here >> 12), self._word(reference.page_at))
            struct.pack_into("<I", self._content, reference.page_at, page)
            word = word & ~(_PAGE << 10) | (address & _PAGE) << 10
        else:
            raise _NoFitError("is too large: what refers to it is too far from where there is room")
        struct.pack_into("<I", self._content, reference.offset, word)

    def _is_alone(self, reference: _Reference) -> bool:
        """Return whether the `adrp` before an `add` serves nothing else.

        It does not where no instruction between them names its register, and where `add` overwrites
        that, or a call follows, which keeps no such register.
        """
        word, behind = self._word(reference.offset), self._word(reference.offset + 4)
        register = word >> 5 & 31
        for offset in range(reference.page_at + 4, reference.offset, 4):
            if register in _registers(self._word(offset)):
                return False
        is_lost: bool = word & 31 == register or (behind & _CALL_MASK == _CALL and register <= _LAST_LOST)
        return is_lost

    def _word(self, offset: int) -> int:
        (word,) = struct.unpack_from("<I", self._content, offset)
        return int(word)

    def _code(self) -> Iterator[_Segment]:
        return (segment for segment in self._segments if segment.flags & _EXECUTABLE)

    def _put(self, text: bytes) -> int:
        """Write a text where there is room, and return its address."""
        for n, segment in enumerate(self._segments):
            if segment.flags & _WRITABLE:
                continue
            at = self._content.find(_LEFT * len(text), segment.offset, segment.end)
            if at >= 0:
                self._content[at : at + len(text)] = text
                return at - segment.offset + segment.address
            free = self._content[segment.end : segment.end + len(text)] == bytes(len(text))
            if free and self._room(segment) >= len(text):
                self._content[segment.end : segment.end + len(text)] = text
                size = segment.size + len(text)
                struct.pack_into("<QQ", self._content, segment.at + _SIZES_AT, size, size)
                self._segments[n] = replace(segment, size=size, memory=size)
                return segment.end_address
        raise _NoFitError("has no room for a longer one")

    def _room(self, segment: _Segment) -> int:
        """Return how many bytes there are behind a segment, in the file and in memory, before anything else."""
        if segment.size != segment.memory:
            return 0
        rooms = [start - segment.end for start in (self._sections_at, len(self._content)) if start >= segment.end]
        for other in self._segments:
            if other.offset > segment.offset:
                rooms.append(other.offset - segment.end)
            if other.address > segment.address:
                rooms.append(other.address - other.address % max(other.alignment, _PAGE + 1) - segment.end_address)
        return min(rooms, default=0)


def _page_or_near(kind: int, number: int, word: int) -> int:
    """Return an `adr` or `adrp` that puts a number of bytes or pages, from here, into the register of a word."""
    return kind | (number & 3) << 29 | (number >> 2 & 0x7FFFF) << 5 | word & 31


def _registers(word: int) -> list[int]:
    """Return the registers that an instruction of AArch64 names, and perhaps more."""
    places = next(places for mask, kind, places in _REGISTERS_AT if word & mask == kind)
    return [word >> place & 31 for place in places]
