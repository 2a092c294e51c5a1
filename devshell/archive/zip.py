"""Zip archives, wheels among them: zipfile reads the directory, we check it against the content and write.

A zip says everything twice, in its directory and beside the content, and may hold bytes that
neither speaks of. Readers differ in what they believe, so only archives without contradiction are
unpacked. A wheel must besides consist of its members alone.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from isal import isal_zlib

from devshell.archive.aside import LARGE, Aside
from devshell.archive.policy import CHUNK, MAX_TARGET
from devshell.archive.stream import INFLATE_ERROR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from devshell.archive.place import Tree
    from devshell.archive.policy import Guard

#: What zipfile raises on bytes that are no zip directory.
_FAILURES = (
    zipfile.BadZipFile,
    ArithmeticError,
    EOFError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
    struct.error,
)
_INPUT = 1 << 17
#: zipfile reads the directory whole; an entry of an honest one takes some 130 bytes.
_MAX_DIRECTORY = 32 * 2**20

_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_MARK = b"PK\x06\x06"
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MARK = b"PK\x06\x07"
_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_MARK = b"PK\x03\x04"
_DESCRIPTOR_MARK = b"PK\x07\x08"
_MAX_COMMENT = 0xFFFF
_IN_ZIP64 = 0xFFFFFFFF
_ZIP64_EXTRA = 1

_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_PATCH = 0x0020
_DESCRIBED = 0x0008
_UTF8 = 0x0800
#: The flags that change how a member is read; the others are remarks of the compressor.
_MEANING = _ENCRYPTED | _PATCH | _DESCRIBED | _UTF8
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class _Directory(NamedTuple):
    """Where the directory begins in the file, and how many members it has."""

    start: int
    members: int


class _Source(NamedTuple):
    """Where a member's content is: the file, its place in there, and who may read it besides."""

    file: BinaryIO
    content: int
    aside: Aside


class _Local(NamedTuple):
    """The header beside a member's content, as far as we need it later."""

    name: str
    content: int
    wide: bool


def place_zip(file: BinaryIO, tree: Tree, guard: Guard, strip: int, *, wheel: bool) -> None:
    """Put a zip's members into the tree. `wheel` asks that nothing lies in front of or between them.

    Raises ArchiveError.
    """
    directory = _directory(file, guard)
    entries = _entries(file, directory, guard)
    files: set[str] = set()
    seen = False
    end = 0
    with Aside() as aside:
        for entry in entries:
            guard.enter(entry.orig_filename)
            _check(entry, guard)
            if entry.header_offset < end or (wheel and entry.header_offset > end):
                raise guard.refused("overlaps another" if entry.header_offset < end else "has something in front of it")
            local = _local(file, entry, guard)
            end = local.content + entry.compress_size
            path = guard.path(local.name, strip)
            if path is not None:
                if path in files:
                    raise guard.refused("is there twice")
                _place(entry, path, _Source(file, local.content, aside), tree, guard)
            if not local.name.endswith("/"):
                seen = True
                if path is not None:
                    files.add(path)
            end += _described(file, entry, local, guard)
    guard.leave()
    if end > directory.start or (wheel and end < directory.start):
        raise guard.refused("has members that do not end where its directory begins")
    if seen and not files:
        raise guard.refused(f"has nothing below its first {strip} folders")


def _directory(file: BinaryIO, guard: Guard) -> _Directory:
    """Find the directory, before zipfile reads it whole.

    The end record is looked for where zipfile looks, but it must be the only one that could be
    meant and the last thing in the file: a comment can be made to look like another.
    """
    size = file.seek(0, 2)
    base = max(0, size - _END.size - _MAX_COMMENT)
    file.seek(base)
    tail = file.read()
    ends = list(_ends(tail))
    if not ends:
        known = _END_MARK in tail
        raise guard.damaged("is truncated, or has something behind its end" if known else "is not a zip archive")
    if len(ends) > 1 or tail.rfind(_END_MARK) != ends[0]:
        raise guard.refused("has a comment that could be taken for its directory")
    at = base + ends[0]
    _, disk, start_disk, here, members, length, offset, _ = _END.unpack_from(tail, ends[0])
    wide = _zip64(file, at, guard)
    if wide:
        at, disk, start_disk, here, members, length, offset = wide
    start = at - length
    if disk or start_disk or here != members:
        raise guard.refused("is one part of several")
    if start < 0 or start < offset:
        raise guard.damaged("has no directory where it says")
    guard.expect_members(members)
    if length > _MAX_DIRECTORY:
        raise guard.refused(f"has a directory of more than {_MAX_DIRECTORY} bytes")
    return _Directory(start, members)


def _ends(tail: bytes) -> Iterator[int]:
    """Yield where an end record could stand: its comment must reach to the end of the file."""
    at = tail.find(_END_MARK)
    while at >= 0:
        if at + _END.size <= len(tail):
            comment = _END.unpack_from(tail, at)[-1]
            if at + _END.size + comment == len(tail):
                yield at
        at = tail.find(_END_MARK, at + 1)


def _zip64(file: BinaryIO, end: int, guard: Guard) -> tuple[int, int, int, int, int, int, int] | None:
    """Return what the zip64 end record says, and where it stands, if there is one in front of `end`."""
    at = end - _LOCATOR.size - _END64.size
    if at < 0:
        return None
    file.seek(at)
    data = file.read(_LOCATOR.size + _END64.size)
    mark, _, _, _ = _LOCATOR.unpack_from(data, _END64.size)
    if mark != _LOCATOR_MARK:
        return None
    mark, length, _, _, disk, start_disk, here, members, size, offset = _END64.unpack_from(data)
    if mark != _END64_MARK or length != _END64.size - 12:
        raise guard.damaged("has a zip64 end that is not where it should be")
    return at, disk, start_disk, here, members, size, offset


def _entries(file: BinaryIO, directory: _Directory, guard: Guard) -> list[zipfile.ZipInfo]:
    """Return the directory's entries in the order of their content, which is read once, front to back."""
    try:
        archive = zipfile.ZipFile(file)
    except _FAILURES as error:
        raise guard.damaged("has a damaged directory") from error
    entries = archive.infolist()
    if archive.start_dir != directory.start or len(entries) != directory.members:
        raise guard.damaged("has a directory that contradicts its end")
    # Nothing has been written when a bomb that says what it is is refused.
    guard.expect(sum(entry.file_size for entry in entries))
    return sorted(entries, key=lambda entry: entry.header_offset)


def _check(entry: zipfile.ZipInfo, guard: Guard) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise guard.refused("is encrypted")
    if entry.flag_bits & _PATCH or entry.compress_type not in _METHODS:
        raise guard.refused(f"is compressed in a way ({entry.compress_type}) that devshell does not know")
    if entry.compress_type == zipfile.ZIP_STORED and entry.compress_size != entry.file_size:
        raise guard.damaged("has two sizes")


def _local(file: BinaryIO, entry: zipfile.ZipInfo, guard: Guard) -> _Local:
    """Read the header beside a member's content; ArchiveError where it says other than the directory."""
    file.seek(entry.header_offset)
    data = file.read(_LOCAL.size)
    if len(data) < _LOCAL.size or not data.startswith(_LOCAL_MARK):
        raise guard.damaged("is not where the directory says")
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(data)
    name = file.read(name_length)
    extra = file.read(extra_length)
    if len(name) < name_length or len(extra) < extra_length:
        raise guard.damaged("is truncated")
    wide = False
    if _IN_ZIP64 in (packed, size):
        found = _wide_sizes(extra, packed, size)
        if found:
            wide, size, packed = True, *found
    if name != entry.orig_filename.encode("utf-8" if entry.flag_bits & _UTF8 else "cp437"):
        raise guard.refused("has another name beside its content than in the directory")
    if method != entry.compress_type or (flags ^ entry.flag_bits) & _MEANING:
        raise guard.refused("is described otherwise beside its content than in the directory")
    told = (crc, packed, size)
    # With a descriptor behind the content the writer could not know them yet, and says nothing.
    unknown = bool(flags & _DESCRIBED)
    known = (entry.CRC, entry.compress_size, entry.file_size)
    if any(one != other and not (unknown and one in (0, _IN_ZIP64)) for one, other in zip(told, known, strict=True)):
        raise guard.refused("has another size or checksum beside its content than in the directory")
    content = entry.header_offset + _LOCAL.size + name_length + extra_length
    return _Local(_text(name, guard), content, wide)


def _text(name: bytes, guard: Guard) -> str:
    # Without its flag the name is of some old code page by the letter, and UTF-8 in fact. Python's
    # reading of the remaining cases differs by release, and a tree must not.
    try:
        text = name.decode()
    except UnicodeDecodeError as error:
        raise guard.refused("has a name that is not UTF-8") from error
    if "\\" in text:
        raise guard.refused("has a backslash in its name, which some take for a slash")
    return text


def _wide_sizes(extra: bytes, packed: int, size: int) -> tuple[int, int] | None:
    """Return (size, packed size) with what the zip64 extra field says in place of the markers, if there is one."""
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        body = extra[at + 4 : at + 4 + length]
        if tag == _ZIP64_EXTRA:
            numbers = iter(struct.unpack(f"<{len(body) // 8}Q", body[: len(body) // 8 * 8]))
            size = next(numbers, size) if size == _IN_ZIP64 else size
            packed = next(numbers, packed) if packed == _IN_ZIP64 else packed
            return size, packed
        at += 4 + length
    return None


def _described(file: BinaryIO, entry: zipfile.ZipInfo, local: _Local, guard: Guard) -> int:
    """Return the length of the descriptor behind a member's content; ArchiveError where it says another thing."""
    if not entry.flag_bits & _DESCRIBED:
        return 0
    file.seek(local.content + entry.compress_size)
    data = file.read(24)
    known = (entry.CRC, entry.compress_size, entry.file_size)
    for form in ("<L2Q", "<3L") if local.wide else ("<3L", "<L2Q"):
        try:
            plain = struct.pack(form, *known)
        except struct.error:
            continue
        for expected in (_DESCRIPTOR_MARK + plain, plain):
            if data.startswith(expected):
                return len(expected)
    raise guard.refused("has another size or checksum behind its content than in the directory")


def _place(entry: zipfile.ZipInfo, path: str, source: _Source, tree: Tree, guard: Guard) -> None:
    mode = entry.external_attr >> 16
    kind = stat.S_IFMT(mode)
    content = guard.metered(_content(source.file, entry, guard))
    if entry.orig_filename.endswith("/"):
        # The slash decides: older Java packers give folders any mode at all.
        if kind == stat.S_IFLNK or entry.file_size:
            raise guard.refused("is called a folder and is none")
        tree.folder(path)
    elif not path:
        raise guard.refused("would replace the folder it is unpacked to")
    elif kind == stat.S_IFLNK:
        if entry.file_size > MAX_TARGET:
            raise guard.refused(f"is a link whose target is longer than {MAX_TARGET} bytes")
        tree.link(path, guard.target(b"".join(content).decode(errors="surrogateescape")))
    elif kind in (0, stat.S_IFREG):
        if entry.file_size < LARGE:
            tree.file(path, content, executable=bool(mode & 0o111))
        else:
            place = tree.opened(path, executable=bool(mode & 0o111))
            source.aside.do(partial(_large, source, entry, place, guard.apart()))
    else:
        raise guard.refused("is neither file, folder nor link")


def _large(source: _Source, entry: zipfile.ZipInfo, place: Callable[[Iterable[bytes]], None], guard: Guard) -> None:
    # A handle of its own, since the other one goes on to the next members.
    with open(source.file.name, "rb", buffering=CHUNK) as file:
        file.seek(source.content)
        place(guard.metered(_content(file, entry, guard)))


def _content(file: BinaryIO, entry: zipfile.ZipInfo, guard: Guard) -> Iterator[bytes]:
    """Yield a member's content from where the file stands; ArchiveError unless all of it is as announced."""
    chunks = _stored(file, entry) if entry.compress_type == zipfile.ZIP_STORED else _inflated(file, entry, guard)
    left = entry.file_size
    crc = 0
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise guard.damaged("is longer than it says")
        crc = zlib.crc32(chunk, crc)
        yield chunk
    if left or crc != entry.CRC:
        raise guard.damaged("is shorter than it says" if left else "has a wrong checksum")


def _stored(file: BinaryIO, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    left = entry.compress_size
    while left and (data := file.read(min(left, CHUNK))):
        left -= len(data)
        yield data


def _inflated(file: BinaryIO, entry: zipfile.ZipInfo, guard: Guard) -> Iterator[bytes]:
    left = entry.compress_size
    if not left:
        # Some writers store an empty file this way. `_content` sees to it that it is one.
        return
    decoder = isal_zlib.decompressobj(-isal_zlib.MAX_WBITS)
    data = b""
    # One byte more than announced is asked for, so that a member that is too long shows itself.
    room = min(CHUNK, entry.file_size + 1)
    while not decoder.eof:
        if not data and left:
            data = file.read(min(left, _INPUT))
            left -= len(data)
            if not data:
                raise guard.damaged("is truncated")
        exhausted = not data
        try:
            output = decoder.decompress(data, room)
        except INFLATE_ERROR as error:
            raise guard.damaged("holds damaged data") from error
        data = decoder.unconsumed_tail
        if output:
            yield output
        elif exhausted:
            raise guard.damaged("is truncated")
    if left or data or decoder.unused_data:
        raise guard.damaged("has something else behind its data")
