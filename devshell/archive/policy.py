"""What an archive may hold and how much it may cost: the rules that every format shares.

A name is judged before anything is stripped from it, and the rules are those of the strictest
machine devshell serves, so that an archive gives the same tree on Linux and on macOS or none at all.
"""

from __future__ import annotations

import copy
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devshell.errors import ArchiveError, CancelledError, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Bytes handled at a time; nothing larger of an archive's content is ever in memory.
CHUNK = 1 << 20
#: Bytes in one component of a name: NAME_MAX of every file system in use.
MAX_NAME = 255
#: Bytes in a name below the tree: macOS has a PATH_MAX of 1024, of which a quarter is left to the store's own folder.
MAX_PATH = 768
#: Bytes in what a symbolic link says: macOS's PATH_MAX without the closing NUL.
MAX_TARGET = 1023
#: Output that is never weighed against the archive's size: zeros and generated tables shrink a
#: thousandfold in honest archives, and so little output hurts nobody.
FREE_BYTES = 256 * 2**20

_SHOWN = 120
_REFUSED = "devshell does not unpack such archives: choose another version or source, and tell its publisher"
_DAMAGED = (
    "the bytes are those that were asked for, so the archive itself is broken: "
    "choose another version or source, and tell its publisher"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one archive may unpack to.

    `max_bytes` counts all that comes out of the decompressor; `max_members` counts every member,
    placed or not, each of which costs up to 800 bytes of memory; `max_ratio` is output to the
    archive's own size, looked at only past `FREE_BYTES`; `max_depth` is components in a name.
    """

    max_bytes: int = 20 * 2**30
    max_members: int = 200_000
    max_ratio: int = 200
    max_depth: int = 64


class Guard:
    """One archive being unpacked: what it has used so far, and where in it an error stands."""

    def __init__(self, archive: str, size: int, limits: Limits, cancelled: Callable[[], bool]) -> None:
        """Begin with nothing used; `size` is the archive's own, in bytes."""
        self.archive = archive
        self._size = max(size, 1)
        self._limits = limits
        self._cancelled = cancelled
        self._members = 0
        self._bytes = 0
        self._member: str | None = None

    def enter(self, member: str) -> None:
        """Begin a member. Raises ArchiveError where there are too many, CancelledError when told to stop."""
        self._member = member
        self._members += 1
        self.expect_members(self._members)
        self.check_cancelled()

    def apart(self) -> Guard:
        """Return a guard for the present member, to be read in another thread; it counts by itself.

        For formats that announce their sizes, whose sum `expect` has judged before.
        """
        return copy.copy(self)

    def leave(self) -> None:
        """End the members: what follows speaks of the archive as a whole."""
        self._member = None

    def check_cancelled(self) -> None:
        """Raise CancelledError when the user wants to stop."""
        if self._cancelled():
            raise CancelledError("stopped")

    def expect_members(self, count: int) -> None:
        """Raise ArchiveError where `count` members are too many."""
        if count > self._limits.max_members:
            raise self.refused(f"has more than {self._limits.max_members} members")

    def expect(self, count: int) -> None:
        """Raise ArchiveError where `count` more bytes of output are too many, in all or for so small an archive."""
        total = self._bytes + count
        if total > self._limits.max_bytes:
            raise self.refused(f"unpacks to more than {self._limits.max_bytes} bytes")
        if total > FREE_BYTES and total > self._limits.max_ratio * self._size:
            raise self.refused(f"unpacks to more than {self._limits.max_ratio} times its size")

    def spend(self, count: int) -> None:
        """Count output that is about to be used; raises as `expect` and `check_cancelled` do."""
        self.expect(count)
        self._bytes += count
        self.check_cancelled()

    def metered(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass chunks on, each counted first."""
        for chunk in chunks:
            self.spend(len(chunk))
            yield chunk

    def path(self, name: str, strip: int) -> str | None:
        """Return a member's path below the tree, empty for the tree itself, None where `strip` takes all of it.

        Raises ArchiveError for a name that could mean a place outside, or that some file system cannot hold.
        """
        parts = split(name)
        wrong = flaw(name, parts, self._limits.max_depth)
        if wrong:
            raise self.refused(wrong)
        if strip and len(parts) <= strip:
            return None
        return "/".join(parts[strip:])

    def target(self, text: str) -> str:
        """Return what a symbolic link says, which may be anything that a file system can hold.

        A link that points outside or nowhere is harmless as long as nothing is written through it.
        """
        if not text or "\0" in text or not _utf8(text):
            raise self.refused("is a link whose target is empty, has a NUL, or is not UTF-8")
        if len(text.encode()) > MAX_TARGET:
            raise self.refused(f"is a link whose target is longer than {MAX_TARGET} bytes")
        return text

    def refused(self, what: str) -> ArchiveError:
        """Return the error for an archive that is understood and not wanted; `what` follows "the archive"."""
        return ArchiveError(f"the archive {self._subject(what)}", place=self.place, hint=_REFUSED)

    def damaged(self, what: str) -> ArchiveError:
        """Return the error for an archive that cannot be read."""
        return ArchiveError(f"the archive {self._subject(what)}", place=self.place, hint=_DAMAGED)

    def _subject(self, what: str) -> str:
        return what if self._member is None else f"has a member that {what}"

    @property
    def place(self) -> Place:
        """Where the unpacking stands, with every untrusted character inert."""
        name = self.archive if self.archive.isprintable() else repr(self.archive)
        return Place(name, key=None if self._member is None else shown(self._member))


def shown(text: str) -> str:
    """Return untrusted text as it may stand in a message: quoted, inert, and not too long."""
    return repr(text) if len(text) <= _SHOWN else repr(text[:_SHOWN]) + "…"


def split(name: str) -> list[str]:
    """Return the components of a member's name; `.` and empty ones say nothing, as POSIX has it."""
    return [part for part in name.split("/") if part not in ("", ".")]


def flaw(name: str, parts: list[str], max_depth: int) -> str | None:
    """Return what is wrong with a member's name, or None.

    The names in question are those that lead out, those that mean different things to different
    readers, and those that some file system devshell runs on cannot hold.
    """
    return next(_flaws(name, parts, max_depth), None)


def _flaws(name: str, parts: list[str], max_depth: int) -> Iterator[str]:
    if not name:
        yield "has no name"
    if "\0" in name:
        yield "has a NUL in its name"
    if name.startswith("/"):
        yield "has an absolute name"
    if ".." in parts:
        yield "has '..' in its name"
    # APFS holds UTF-8 alone, and nobody else should have to guess how bytes become letters.
    if not _utf8(name):
        yield "has a name that is not UTF-8"
    if len(parts) > max_depth:
        yield f"lies deeper than {max_depth} folders"
    # A letter is four bytes at most, so that a short name needs no counting.
    if len(name) > MAX_NAME // 4:
        if max((len(part.encode()) for part in parts), default=0) > MAX_NAME:
            yield f"has a name with a part longer than {MAX_NAME} bytes"
        if len("/".join(parts).encode()) > MAX_PATH:
            yield f"has a name longer than {MAX_PATH} bytes"


def fold(name: str) -> str:
    """Return what two names share where a file system takes them for one: case and Unicode form set aside."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
