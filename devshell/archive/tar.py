"""Tar archives: tarfile reads the headers, we decide and write.

The archive is read once, front to back. tarfile's own iteration is not used: it keeps every member,
and takes a damaged header in the middle for the end.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from devshell.archive.policy import CHUNK, shown
from devshell.archive.stream import Stream, chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import IO

    from devshell.archive.place import Tree
    from devshell.archive.policy import Guard
    from devshell.archive.stream import Readable

#: What tarfile raises on bytes that are no tar headers; it does not check before it converts and indexes.
_FAILURES = (
    tarfile.TarError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
#: The largest size that the header's own eleven octal digits can say.
_MAX_OCTAL = 0o77777777777
#: The digits of any size there can be; Python refuses to convert a few thousand with an error of its own.
_MAX_DIGITS = 20
_NAMING = ("path", "linkpath", "size")
_ZEROS = bytes(CHUNK)


class _Header(tarfile.TarInfo):
    """A member's header that remembers what it said before other headers overrode it."""

    #: The types of the headers read so far for one member, itself included. A subclass an archive has its own.
    types: ClassVar[list[bytes]]
    own_size: int
    #: Where its content ends and the next header begins.
    end: int

    def remember(self) -> Self:
        """Take note of what the header itself says."""
        self.own_size = self.size
        self.types.append(self.type)
        return self

    # Since the mend of CVE-2025-13462, which distributions took over into older releases, Python makes
    # headers by a method that is its own.
    if hasattr(tarfile.TarInfo, "_frombuf"):

        @classmethod
        def _frombuf(cls, *given: Any, **how: Any) -> Self:  # noqa: ANN401  (Python's own, and no two alike)
            header: Self = super()._frombuf(*given, **how)  # type: ignore[misc]
            return header.remember()

    else:

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
            return super().frombuf(buf, encoding, errors).remember()


class Layout:
    """Where members go: here each to its own place, as it is; formats built upon tar have rules of their own."""

    def path(self, path: str, kind: str) -> str | None:  # noqa: ARG002  (others ask)
        """Return where a member goes, or None where it is left out; its kind is `folder`, `file` or `link`."""
        return path

    def target(self, path: str, text: str) -> str:  # noqa: ARG002  (likewise)
        """Return what the symbolic link that the archive has at `path` is to say, where it says `text` there."""
        return text


_AS_IT_IS = Layout()


def place_tar(  # noqa: PLR0913, PLR0917  (what to read, where to put it, and how)
    file: Readable, compression: str | None, tree: Tree, guard: Guard, strip: int, layout: Layout = _AS_IT_IS
) -> None:
    """Put a tar archive's members into the tree.

    A member that stands twice must be the same twice, although tar would let the later one win:
    no honest release does that, and which one a reader of the archive sees should not depend on
    the reader. Raises ArchiveError.
    """
    stream = Stream(chunks(file, compression, guard), guard)
    work = _Unpacking(stream, tree, guard, strip, layout)
    seen = below = False
    for member in _members(stream, guard, whole=compression is not None):
        path = guard.path(_name(member), strip)
        if path is not None:
            work.place(member, path)
        if not member.isdir():
            seen = True
            below = below or path is not None
    if seen and not below:
        raise guard.refused(f"has nothing below its first {strip} folders")


def read_tar(file: Readable, compression: str | None, guard: Guard, wanted: Mapping[str, int]) -> dict[str, bytes]:
    """Return the content of the files called `wanted`, each with the most bytes it may have; missing ones are left out.

    Raises ArchiveError where one is larger, is no file, or stands twice, or the archive is damaged.
    """
    stream = Stream(chunks(file, compression, guard), guard)
    found: dict[str, bytes] = {}
    for member in _members(stream, guard, whole=compression is not None):
        path = guard.path(_name(member), 0)
        if path is None or path not in wanted:
            continue
        if not member.isreg() or member.issparse() or path in found or member.size > wanted[path]:
            raise guard.refused(f"should be one file of at most {wanted[path]} bytes")
        found[path] = b"".join(stream.content(member.size))
    return found


def _members(stream: Stream, guard: Guard, *, whole: bool) -> Iterator[_Header]:
    """Yield the headers; between two, the caller may read the first one's content from the stream.

    `whole` says that the compression tells a truncated file from a whole one, so that the archive's
    own end mark, which some writers leave out, is not needed.
    """

    class Header(_Header):
        types: ClassVar[list[bytes]] = []

    try:
        # Reads the first header. mypy's IO is wider than what tarfile uses.
        archive = tarfile.TarFile(
            fileobj=cast("IO[bytes]", stream), tarinfo=Header, encoding="utf-8", errors="surrogateescape"
        )
        member = cast("_Header | None", archive.next())
    except _FAILURES as error:
        raise guard.damaged("is not a tar archive") from error
    while member is not None:
        guard.enter(member.name)
        _check(member, archive, guard)
        member.end = archive.offset
        yield member
        Header.types.clear()
        guard.leave()
        member = _next(Header, archive, stream, guard, whole=whole)
    guard.leave()
    if any(chunk.strip(b"\0") for chunk in stream.rest()):
        raise guard.refused("has something else behind its end")


def _next(
    header: type[_Header], archive: tarfile.TarFile, stream: Stream, guard: Guard, *, whole: bool
) -> _Header | None:
    stream.seek(archive.offset)
    try:
        return header.fromtarfile(archive)
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed leaves it out
        return None
    except tarfile.EmptyHeaderError as error:  # type: ignore[attr-defined]  # likewise
        if whole:
            return None
        raise guard.damaged("has no end: it is truncated") from error
    except _FAILURES as error:
        raise guard.damaged("has a damaged header") from error


def _check(member: _Header, archive: tarfile.TarFile, guard: Guard) -> None:
    """Refuse a member on whose name or size two readers could disagree."""
    overrides = [kind for kind in member.types[:-1] if kind != tarfile.XGLTYPE]
    named_twice = (tarfile.GNUTYPE_LONGNAME in overrides and "path" in member.pax_headers) or (
        tarfile.GNUTYPE_LONGLINK in overrides and "linkpath" in member.pax_headers
    )
    if named_twice or len(overrides) != len(set(overrides)):
        raise guard.refused("is named by two headers")
    if any(key in archive.pax_headers for key in _NAMING):
        raise guard.refused("has its name or size from a header for all members")
    said = member.pax_headers.get("size")
    stored = member.own_size
    if said is not None:
        if not (said.isascii() and said.isdigit() and len(said) <= _MAX_DIGITS):
            raise guard.damaged("has a size that is not a number")
        stored = int(said)
        # Writers need the override where the header has no room for the number. Elsewhere it serves
        # to hide members from those who do not know it.
        if stored != member.own_size and stored <= _MAX_OCTAL:
            raise guard.refused("has two sizes")
    if stored < 0 or member.size < 0 or (member.size != stored and not member.issparse()):
        raise guard.damaged("has a size that contradicts itself")
    if not member.isreg() and stored:
        raise guard.refused("has content without being a file")
    # A bomb that says what it is is refused before a byte of it is written.
    guard.expect(member.size)


def _name(member: _Header) -> str:
    """Return a member's name as its writer meant it.

    For a sparse file `path`, where there is one, is a made-up name for those who do not know holes.
    """
    headers = member.pax_headers
    if member.issparse() and "GNU.sparse.name" in headers:
        return headers["GNU.sparse.name"]
    # As the header has it: tarfile drops the closing slash.
    return headers.get("path", member.name)


@dataclass(frozen=True, slots=True)
class _Unpacking:
    """Members on their way into a tree; `files` are the paths of those that came as files."""

    stream: Stream
    tree: Tree
    guard: Guard
    strip: int
    layout: Layout
    files: set[str] = field(default_factory=set)

    def place(self, member: _Header, found: str) -> None:
        """Put the member called `found` where the layout has it; its content is next in the stream."""
        guard = self.guard
        kind = "folder" if member.isdir() else "link" if member.issym() else "file"
        path = self.layout.path(found, kind)
        if path is None:
            return
        if member.isdir():
            self.tree.folder(path)
        elif not path or _name(member).endswith("/"):
            raise guard.refused("is called a folder and is none")
        elif member.isreg():
            self.tree.file(path, self._content(member), executable=bool(member.mode & 0o111))
            self.files.add(path)
        elif member.issym():
            self.tree.link(path, guard.target(self.layout.target(found, guard.target(member.linkname))))
        elif member.islnk():
            self._same(member, path)
        else:
            raise guard.refused(_special(member))

    def _same(self, member: _Header, path: str) -> None:
        named = self.guard.path(member.linkname, self.strip)
        original = None if named is None else self.layout.path(named, "file")
        # Only what this archive wrote as a file: not outside, not through a link, not what another
        # artifact happened to put there.
        if original not in self.files:
            raise self.guard.refused(f"is a hard link to {shown(member.linkname)}, which is not a file before it")
        self.tree.same(path, original)
        self.files.add(path)

    def _content(self, member: _Header) -> Iterator[bytes]:
        guard = self.guard
        # Not documented, but the only way to a sparse member's map: (offset, length) of what is stored.
        parts = cast("list[tuple[int, int]] | None", member.sparse)
        if parts is None:
            yield from self.stream.content(member.size)
            return
        at = 0
        for offset, length in parts:
            if not length:
                # The old form pads its map with these.
                continue
            if offset < at or length < 0 or offset + length > member.size:
                raise guard.damaged("has holes that contradict its size")
            yield from guard.metered(_hole(offset - at))
            yield from self.stream.content(length)
            at = offset + length
        yield from guard.metered(_hole(member.size - at))
        if not 0 <= member.end - self.stream.tell() < tarfile.BLOCKSIZE:
            raise guard.damaged("has holes that contradict its content")


def _special(member: _Header) -> str:
    if member.ischr() or member.isblk():
        return "is a device"
    if member.isfifo():
        return "is a named pipe"
    return f"is of the unknown kind {member.type!r}"


def _hole(size: int) -> Iterator[bytes]:
    while size > 0:
        yield _ZEROS[:size]
        size -= min(size, CHUNK)
