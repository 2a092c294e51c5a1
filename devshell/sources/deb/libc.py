"""The tree's C library, made to leave the machine's own files alone.

glibc has some paths built in: where ld.so looks for libraries when it is told of no other place,
and where libc finds locales, character sets and translations. On the machine these hold files of
another version of it, or of its programs. Each is overwritten, at its length, with a path at which
nothing can be: `/dev/null` is no folder. Two variables get names of their own, so that the tree's
folders can be set for its programs without any program of the machine heeding them.
"""

from __future__ import annotations

import mmap
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from devshell.sources.deb.elf import Elf

#: Paths at which nothing can be made. A name behind them stays: linkers let texts share their ends.
_NOWHERE = (b"/dev/null", b"/proc/no")
#: Built into any program: translations, which were made for the machine's own versions, and locales.
_ANYWHERE = (re.compile(rb"\0/usr/share/locale\0"), re.compile(rb"\0/usr/lib/locale\0"))
_LOADER_NAME = re.compile(r"ld-linux-(x86-64|aarch64)\.so\.\d")
_LOADER = (
    re.compile(rb"\0/etc/ld\.so\.cache\0"),
    re.compile(rb"\0/etc/ld\.so\.preload\0"),
    re.compile(rb"/lib/[a-z0-9_]+-linux-gnu/\0/usr/lib/[a-z0-9_]+-linux-gnu/\0/lib/\0/usr/lib/\0"),
)
_LIBC_NAME = "libc.so.6"
_LIBC = (
    re.compile(rb"\0/usr/lib/locale/locale-archive\0"),
    re.compile(rb"\0/usr/lib/[a-z0-9_]+-linux-gnu/gconv\0"),
    re.compile(rb"\0/usr/lib/[a-z0-9_]+-linux-gnu/gconv/gconv-modules\.cache\0"),
    # Within longer texts, some of them in pieces.
    re.compile(rb"/usr/share/locale"),
)
#: What libc looks for in the environment, and the names it looks for instead. They name no version: the
#: files of one glibc serve another, or are passed over. They end alike, since linkers let texts share
#: their ends: PATH, which libc needs to find programs, is the end of LOCPATH.
_RENAMED = {b"\0LOCPATH\0": b"\0DEBPATH\0", b"\0GCONV_PATH\0": b"\0DEBGC_PATH\0"}


def detach(tree: Path, elves: Mapping[str, Elf]) -> None:
    """Edit the ELF files of a tree in place; none changes its length."""
    for path, found in elves.items():
        patterns: tuple[re.Pattern[bytes], ...] = _ANYWHERE
        if found.name is not None and _LOADER_NAME.fullmatch(found.name):
            patterns += _LOADER
        is_libc = found.name == _LIBC_NAME
        if is_libc:
            patterns += _LIBC
        with open(tree / path, "r+b") as file, mmap.mmap(file.fileno(), 0) as content:
            for pattern in patterns:
                _erase(content, pattern)
            if is_libc:
                for old, new in _RENAMED.items():
                    _rename(content, old, new)


def _erase(content: mmap.mmap, pattern: re.Pattern[bytes]) -> None:
    at = 0
    while found := pattern.search(content, at):
        start, end = found.span()
        content[start:end] = b"\0".join(map(_nowhere, found[0].split(b"\0")))
        # The closing NUL of one text may be the opening one of the next.
        at = max(end - 1, start + 1)


def _nowhere(text: bytes) -> bytes:
    """Return a path of the same length, with the same last name where there is room, at which no file can be."""
    head, slash, last = text.rpartition(b"/")
    for nowhere in _NOWHERE:
        if len(nowhere) <= len(head):
            return nowhere.ljust(len(head), b"/") + slash + last
    nowhere = _NOWHERE[0] if len(text) > len(_NOWHERE[0]) else slash and b"/dev"
    return nowhere.ljust(len(text), b"/")


def _rename(content: mmap.mmap, old: bytes, new: bytes) -> None:
    at = content.find(old)
    while at >= 0:
        content[at : at + len(new)] = new
        at = content.find(old, at + 1)
