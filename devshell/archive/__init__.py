"""Archives: a careful layer over the standard library's readers.

The bytes were checked against the lock before they come here; who wrote them is still not trusted.
Only names, content, links and the executable bit are taken over: no owner, time, mode, device or
extended attribute. Whatever cannot be given alike on every platform is refused.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from devshell.archive.policy import CHUNK, Guard, Limits
from devshell.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from devshell.archive.place import Tree

__all__ = ["Limits", "kind", "unpack"]

_KINDS = {
    ".whl": "zip",
    ".zip": "zip",
    ".deb": "deb",
    ".tar": "tar",
    ".tar.gz": "tar.gz",
    ".tgz": "tar.gz",
    ".tar.xz": "tar.xz",
    ".txz": "tar.xz",
    ".tar.bz2": "tar.bz2",
    ".tbz2": "tar.bz2",
    ".tar.zst": "tar.zst",
    ".tzst": "tar.zst",
    ".gz": "gz",
    ".xz": "xz",
    ".bz2": "bz2",
    ".zst": "zst",
}
_DEFAULT_LIMITS = Limits()
_HINTS = {
    errno.ENOSPC: "free some space, or set DEVSHELL_DATA_DIR to a folder on a larger disk",
    errno.EDQUOT: "free some of your quota, or set DEVSHELL_DATA_DIR to a folder on another disk",
    errno.EACCES: "see that the folder belongs to you",
    errno.EPERM: "see that the folder belongs to you",
    errno.EROFS: "set DEVSHELL_DATA_DIR to a folder that can be written",
}


def never() -> bool:
    """Return False: nobody cancels."""
    return False


def kind(name: str) -> str:
    """Return the format that a file's name means.

    One of `zip`, `deb`, `tar`, `tar.gz`, `tar.xz`, `tar.bz2`, `tar.zst`; `gz`, `xz`, `bz2`, `zst` for a
    single compressed file; `file` for all else. The case of the ending does not matter.
    """
    lower = name.lower()
    # Longest first, so that `.tar.gz` is not `.gz`. Nothing but an ending is a file of that name.
    for ending in sorted(_KINDS, key=len, reverse=True):
        if lower.endswith(ending) and len(lower) > len(ending):
            return _KINDS[ending]
    return "file"


def unpack(  # noqa: PLR0913  (what to unpack, where to, and how far one may go: one call, no more parts)
    file: Path,
    name: str,
    into: Path,
    *,
    strip: int = 0,
    limits: Limits = _DEFAULT_LIMITS,
    cancelled: Callable[[], bool] = never,
) -> None:
    """Unpack `file`, an artifact called `name`, into the folder `into`, which exists.

    Folders that are there are merged into; a file or a link that is there must be equal. `strip`
    leading components of every member are dropped, `.` not counted, and members that have no more
    are skipped; it says nothing of a single file. Files get 0644 or 0755, folders 0755, whatever
    the umask. `cancelled` is asked for every member and every chunk.

    Raises ArchiveError (damaged, hostile, or too large), StoreError where the disk cannot be
    written, CancelledError. What was written until then stays below `into`, for the caller to delete.
    """
    # Imported where they are used: readers cost start-up time, and `kind` alone should not.
    from devshell.archive.place import Tree

    guard = Guard(name, 0, limits, cancelled)
    try:
        guard = Guard(name, file.stat().st_size, limits, cancelled)
        with Tree(into, guard, cased=_is_for_linux(name)) as tree:
            _unpack(file, tree, guard, strip)
    except OSError as error:
        raise StoreError(
            f"cannot unpack: {error.strerror or error}",
            place=guard.place,
            hint=_HINTS.get(error.errno or 0, "see that the disk is well, then try again"),
        ) from error


def _is_for_linux(name: str) -> bool:
    """Whether an archive says that it is for Linux alone, where names may differ in nothing but case.

    Debian has such names, and so has the terminfo database, which comes with Python and others.
    """
    return kind(name) == "deb" or "linux" in name.lower()


def _unpack(file: Path, tree: Tree, guard: Guard, strip: int) -> None:
    meaning = kind(guard.archive)
    with file.open("rb", buffering=CHUNK) as handle:
        if meaning == "zip":
            from devshell.archive.zip import place_zip

            place_zip(handle, tree, guard, strip, wheel=guard.archive.lower().endswith(".whl"))
        elif meaning == "deb":
            from devshell.archive.deb import place_deb

            place_deb(handle, tree, guard, strip)
        elif meaning.startswith("tar"):
            from devshell.archive.tar import place_tar

            place_tar(handle, meaning.partition(".")[2] or None, tree, guard, strip)
        else:
            from devshell.archive.single import place_single

            place_single(handle, None if meaning == "file" else meaning, tree, guard)
