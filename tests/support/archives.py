"""Archives made byte by byte, so that they can say what no honest writer would."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import stat
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import zstandard

from devshell.archive import unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SECRET = b"what lies beside the tree"


def unpacked(folder: Path, data: bytes, name: str, **options: Any) -> Path:  # noqa: ANN401  (unpack's own)
    """Unpack `data` into `folder/into` and return that; it is made if need be, and may be used again."""
    into = folder / "into"
    into.mkdir(exist_ok=True)
    file = folder / hashlib.sha256(data).hexdigest()
    file.write_bytes(data)
    unpack(file, name, into, **options)
    return into


def beside(folder: Path) -> Path:
    """Make a folder beside the tree that nothing may touch, with a file and a folder in it."""
    outside = folder / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "secret").write_bytes(SECRET)
    return outside


def picture(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return all there is below `folder`, with everything that a writer could change."""
    found: dict[str, tuple[object, ...]] = {}
    for here, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(here, name)
            about = os.lstat(path)
            found[path] = (about.st_mode, about.st_ino, about.st_nlink, about.st_size, about.st_mtime_ns)
    return found


def tree(folder: Path) -> dict[str, object]:
    """Return what was unpacked: content of files, `-> target` of links, None for folders."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


def mode(path: Path) -> int:
    """Return a file's permission bits, all twelve."""
    return stat.S_IMODE(path.lstat().st_mode)


def compressed(data: bytes, ending: str) -> bytes:
    """Compress as a file with that ending is."""
    if ending in ("gz", "tgz"):
        return gzip.compress(data, 1)
    if ending in ("xz", "txz"):
        return lzma.compress(data, preset=0)
    if ending in ("bz2", "tbz2"):
        return bz2.compress(data, 1)
    if ending in ("zst", "tzst"):
        return zstandard.compress(data, 1)
    return data


END = bytes(1024)


def block(data: bytes) -> bytes:
    """Pad to tar's blocks."""
    return data + bytes(-len(data) % 512)


def header(  # noqa: PLR0913  (a tar header's fields)
    name: bytes | str,
    *,
    kind: bytes = b"0",
    size: int = 0,
    link: bytes | str = b"",
    mode: int = 0o644,
    magic: bytes = b"ustar\x0000",
    rest: bytes = b"",
) -> bytes:
    """Return a tar header of one block with a right checksum; a negative or large size is in base 256."""
    name = name.encode() if isinstance(name, str) else name
    link = link.encode() if isinstance(link, str) else link
    number = b"%011o\0" % size if 0 <= size < 8**11 else struct.pack(">lq", -1 if size < 0 else -(2**31), size)
    fields = struct.pack(
        "100s8s8s8s12s12s8sc100s8s247s",
        name, b"%07o\0" % mode, b"0001750\0", b"0001750\0", number, b"14000000000\0", b" " * 8, kind, link, magic, rest,
    )  # fmt: skip
    return repaired(fields)


def repaired(fields: bytes) -> bytes:
    """Return a tar header with the checksum its bytes ask for."""
    blank = fields[:148] + b" " * 8 + fields[156:]
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]


def member(name: bytes | str, data: bytes = b"", **fields: Any) -> bytes:  # noqa: ANN401  (header's own)
    """Return a tar member with its content."""
    return header(name, **{"size": len(data), **fields}) + block(data)


def pax(records: Mapping[str, str | bytes], kind: bytes = b"x") -> bytes:
    """Return a pax header with these records, for the next member or (`g`) for all."""
    body = b""
    for key, value in records.items():
        text = b" " + key.encode() + b"=" + (value.encode() if isinstance(value, str) else value) + b"\n"
        length = len(text) + 1
        while len(str(length)) + len(text) != length:
            length = len(str(length)) + len(text)
        body += str(length).encode() + text
    return member("PaxHeaders/x", body, kind=kind)


def long_name(text: str, kind: bytes = b"L") -> bytes:
    """Return GNU's header for a long name, or (`K`) for a long link."""
    return member("././@LongLink", text.encode() + b"\0", kind=kind, magic=b"ustar  \0")


@dataclass
class Entry:
    """One member of a zip; `local` overrides what is said beside the content, `central` what the directory says."""

    name: str | bytes
    data: bytes = b""
    mode: int = stat.S_IFREG | 0o644
    method: int = 8
    flags: int = 0
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)
    before: bytes = b""
    descriptor: bytes | None = None

    def fields(self) -> dict[str, Any]:
        """Return what both headers say when they agree."""
        name = self.name if isinstance(self.name, bytes) else self.name.encode()
        flags = self.flags if isinstance(self.name, bytes) or name.isascii() else self.flags | 0x800
        body = self.body()
        return {
            "name": name,
            "flags": flags,
            "method": self.method,
            "crc": zlib.crc32(self.data),
            "packed": len(body),
            "size": len(self.data),
            "extra": b"",
        }

    def body(self) -> bytes:
        """Return the content as it stands in the file."""
        if self.method != 8:
            return self.data
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        return packer.compress(self.data) + packer.flush()


def zipped(  # noqa: PLR0913  (the parts of a zip)
    entries: Iterable[Entry],
    *,
    comment: bytes = b"",
    front: bytes = b"",
    end: Mapping[str, int] = {},
    zip64: bool = False,
    locator: bytes = b"PK\6\7",
) -> bytes:
    """Return a zip of these entries; `end` overrides what its end record, or its zip64 end, says."""
    content = front
    directory = b""
    count = 0
    for entry in entries:
        content += entry.before
        told = entry.fields() | entry.local
        said = {"offset": len(content), **entry.fields(), **entry.central}
        content += struct.pack(
            "<4s5H3L2H", b"PK\3\4", 20, told["flags"], told["method"], 0, 33,
            told["crc"], told["packed"], told["size"], len(told["name"]), len(told["extra"]),
        ) + told["name"] + told["extra"] + entry.body() + (entry.descriptor or b"")  # fmt: skip
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 0x314, 20, said["flags"], said["method"], 0, 33,
            said["crc"], said["packed"], said["size"], len(said["name"]), len(said["extra"]), 0, 0, 0,
            entry.mode << 16, said["offset"],
        ) + said["name"] + said["extra"]  # fmt: skip
        count += 1
    last = {"members": count, "size": len(directory), "offset": len(content)} | dict(end)
    numbers = (last["members"], last["members"], last["size"], last["offset"])
    wide = b""
    if zip64:
        wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, *numbers)
        wide += struct.pack("<4sLQL", locator, 0, len(content) + len(directory), 1)
        numbers = (0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    return content + directory + wide + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *numbers, len(comment)) + comment
