"""Debian packages: an ar archive of two tar archives, one about the package and one with its files.

The format is deb(5)'s, version 2. Files go where a system with a merged /usr has them, whichever way
the package was built, and links say where they lead from there, so that none leaves the tree. What
serves only a whole system, or nobody at run time, is left out. Beside the files stands a record of
the package, for those who arrange the tree; nothing of the package is ever run.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devshell.archive.policy import CHUNK, shown
from devshell.archive.tar import Layout, place_tar, read_tar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from devshell.archive.place import Tree
    from devshell.archive.policy import Guard

#: The folder of records in a tree: JSON, a file a package, called like it: `package`, `version`, the
#: paths of its `files`, sorted, and the text of its `postinst`.
RECORDS = ".debs"

_MAGIC = b"!<arch>\n"
_HEADER = 60
_FORMAT = re.compile(rb"2\.\d+\n(?s:.*)")
_MOST_FORMAT = 4096
#: In bytes. The largest postinst in Debian has some 50 kB.
_MOST_CONTROL = {"control": 1 << 18, "postinst": 1 << 19}
_CONTROL_ENDINGS = {"": None, ".gz": "gz", ".xz": "xz", ".zst": "zst"}
_DATA_ENDINGS = {**_CONTROL_ENDINGS, ".bz2": "bz2"}
#: Policy 5.6.7 and 5.6.12.
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,99}")
_VERSION = re.compile(r"[A-Za-z0-9.+~:-]{1,200}")

#: What stands in the root of a system whose /usr is merged as a link to the folder below /usr.
_MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
#: What packages bring that is theirs; the rest of a system's root belongs to the machine.
_ROOTS = ("etc", "opt", "srv", "usr", "var")
#: Links into these mean the running system, wherever they stand.
_KERNEL = ("dev", "proc", "run", "sys")
_LEFT_OUT = re.compile(
    # Nobody reads them at run time. Licences stay, and so do manuals, but not their translations,
    # which would need the machine's own locales.
    r"usr/share/(doc/(?![^/]+/copyright$)|doc-base/|info/|lintian/|locale/|man/(?!man\d)|menu/|reportbug/|bug/)"
    # Only a system that boots, or a package manager, reads them.
    r"|etc/(apparmor\.d|cron\.[a-z]+|default|init\.d|logrotate\.d|pam\.d|systemd)/"
    r"|usr/lib/(sysusers\.d|tmpfiles\.d|udev|systemd/(system|system-preset|user|user-preset))/"
)


def place_deb(file: BinaryIO, tree: Tree, guard: Guard, strip: int) -> None:
    """Put a package's files and its record into the tree. Raises ArchiveError."""
    if strip:
        raise guard.refused(f"is a Debian package, of which {strip} folders cannot be dropped")
    members = _members(file, guard)
    package, version, postinst = _control(file, members, guard)
    data, compression = _expected(members, "data.tar", _DATA_ENDINGS, guard)
    layout = _Merged()
    place_tar(_Part(file, data), compression, tree, guard, 0, layout)
    # Behind the data may stand what a later deb(5) adds; it has to be members all the same.
    for _ in members:
        pass
    record = {"package": package, "version": version, "files": sorted(layout.files), "postinst": postinst}
    tree.file(f"{RECORDS}/{package}", [json.dumps(record, sort_keys=True).encode("ascii")], executable=False)


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of the ar archive: its content lies from `start` on and has `size` bytes."""

    name: str
    start: int
    size: int


def _members(file: BinaryIO, guard: Guard) -> Iterator[_Member]:
    """Yield the members; between two, the caller may read."""
    length = os.fstat(file.fileno()).st_size
    if file.read(len(_MAGIC)) != _MAGIC:
        raise guard.damaged("is no Debian package")
    at = len(_MAGIC)
    while at < length:
        file.seek(at)
        header = file.read(_HEADER)
        size = header[48:58].rstrip(b" ")
        if len(header) < _HEADER or header[58:] != b"`\n" or not size.isdigit():
            raise guard.damaged("has a damaged header")
        member = _Member(header[:16].rstrip(b" ").removesuffix(b"/").decode("latin-1"), at + _HEADER, int(size))
        at = member.start + member.size
        if at > length:
            raise guard.damaged("is truncated")
        yield member
        # Members begin at even places; the last one's filler may be missing.
        at += at % 2


def _control(file: BinaryIO, members: Iterator[_Member], guard: Guard) -> tuple[str, str, str]:
    """Return a package's name, its version, and the text of its postinst."""
    first, _ = _expected(members, "debian-binary", {"": None}, guard)
    if first.size > _MOST_FORMAT or not _FORMAT.fullmatch(b"".join(_Part(file, first).chunks())):
        raise guard.refused("is a Debian package of a format that is not 2.x")
    about, compression = _expected(members, "control.tar", _CONTROL_ENDINGS, guard)
    found = read_tar(_Part(file, about), compression, guard, _MOST_CONTROL)
    control = found.get("control", b"").decode("utf-8", "replace")
    package, version = _field(control, "Package"), _field(control, "Version")
    if not _PACKAGE.fullmatch(package) or not _VERSION.fullmatch(version):
        raise guard.damaged("does not say which package it is")
    return package, version, found.get("postinst", b"").decode("utf-8", "replace")


def _field(control: str, name: str) -> str:
    found = re.search(rf"^{name}:[ \t]*(.*?)[ \t]*$", control, re.MULTILINE)
    return found[1] if found else ""


def _expected(
    members: Iterator[_Member], name: str, endings: dict[str, str | None], guard: Guard
) -> tuple[_Member, str | None]:
    """Return the next member, which has to be `name`, and its compression."""
    for member in members:
        # Reserved for additions that a reader of today need not know.
        if member.name.startswith("_"):
            continue
        ending = member.name.removeprefix(name)
        if member.name.startswith(name) and ending in endings:
            return member, endings[ending]
        raise guard.refused(f"is a Debian package with {shown(member.name)} where {name} belongs")
    raise guard.damaged(f"is a Debian package without {name}")


class _Part:
    """A member as the file that readers of archives want; it is read once, from its start."""

    def __init__(self, file: BinaryIO, member: _Member) -> None:
        file.seek(member.start)
        self._file = file
        self._left = member.size

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data

    def chunks(self) -> Iterator[bytes]:
        while data := self.read(CHUNK):
            yield data


@dataclass(frozen=True, slots=True)
class _Merged(Layout):
    """Places as on a system with a merged /usr; `files` are those of all members but folders."""

    files: set[str] = field(default_factory=set)

    def path(self, path: str, kind: str) -> str | None:
        place = merged(path)
        if place.partition("/")[0] not in _ROOTS or _LEFT_OUT.match(f"{place}/" if kind == "folder" else place):
            return None
        if kind != "folder":
            # A package may bring the very links that merge a system.
            if path in _MERGED:
                return None
            self.files.add(place)
        return place

    def target(self, path: str, text: str) -> str:
        place = merged(path)
        named = os.path.normpath(os.path.join("/", os.path.dirname(path), text)).lstrip("/")
        if named.partition("/")[0] in _KERNEL:
            return f"/{named}"
        return os.path.relpath(f"/{merged(named)}", f"/{os.path.dirname(place)}")


def merged(path: str) -> str:
    """Return where a path below a system's root lies once /usr is merged."""
    return f"usr/{path}" if path.partition("/")[0] in _MERGED else path
