"""What a wheel says of itself, read from the file: its commands, and what it requires. Nothing is unpacked."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING

from devshell.errors import ArchiveError, Place
from devshell.sources.pypi import entry_points

if TYPE_CHECKING:
    from pathlib import Path

#: What zipfile raises on bytes that are no zip, and on members it cannot read.
_FAILURES = (
    zipfile.BadZipFile,
    zlib.error,
    ArithmeticError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
#: Bytes; the longest descriptions have some 300 kB.
_LONGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class Metadata:
    """A wheel's commands, sorted, and the normal names of the packages it requires, those of extras left out."""

    commands: tuple[str, ...]
    requires: tuple[str, ...]


def read(path: Path, name: str) -> Metadata:
    """Return what the wheel at `path` says of itself; `name` is its file name.

    Raises ArchiveError for a file that cannot be read as a wheel.
    """
    stem = "-".join(name.split("-")[:2])
    try:
        with zipfile.ZipFile(path) as wheel:
            # Some builders write the folder's name in another case, or with other dots, than the file's.
            folder = next((n.partition("/")[0] for n in wheel.namelist() if _is_metadata(n)), f"{stem}.dist-info")
            declared = _member(wheel, f"{folder}/entry_points.txt", entry_points.LONGEST)
            required = _member(wheel, f"{folder}/METADATA", _LONGEST)
            members = wheel.namelist()
    except _FAILURES:
        raise ArchiveError("this wheel cannot be read", place=Place(name)) from None
    commands = {one.command for one in entry_points.parse(declared)}
    commands |= {script for member in members if (script := _script(member)) is not None}
    return Metadata(tuple(sorted(commands)), _requires(required))


def _is_metadata(member: str) -> bool:
    return member.endswith(".dist-info/METADATA") and member.count("/") == 1


def _script(member: str) -> str | None:
    folder, _, rest = member.partition("/")
    part, _, name = rest.partition("/")
    found = folder.endswith(".data") and part == "scripts" and entry_points.is_command(name)
    return name if found else None


def _member(wheel: zipfile.ZipFile, name: str, limit: int) -> bytes:
    if name not in wheel.namelist():
        return b""
    with wheel.open(name) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(name)
    return content


def _requires(metadata: bytes) -> tuple[str, ...]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    found = set()
    for line in BytesHeaderParser().parsebytes(metadata).get_all("Requires-Dist", []):
        try:
            requirement = Requirement(str(line))
        except InvalidRequirement:
            continue
        if requirement.marker is None or "extra" not in str(requirement.marker):
            found.add(str(canonicalize_name(requirement.name)))
    return tuple(sorted(found))
