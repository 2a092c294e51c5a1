"""The folders that shells and the launcher read: rendered scripts, and the references that carry files' times.

Each is made beside its place under a name never used before, and put in place by swapping a symbolic link, so that it
is there whole or not at all, and a script that is gone is known to be.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.files import remove_tree
from devshell.shells.rendering import Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from devshell.snapshot import File

#: The folder whose existence says that a project may be entered, and the one that says why it is not.
READY, WAITING = "ready", "waiting"
#: Nanoseconds within which two changes may carry the same time on a coarse file system (DESIGN.md, "Activation").
TOO_CLOSE = 2_000_000_000


def put(
    state: Path,
    name: str,
    files: Sequence[File],
    make: Callable[[Path, tuple[Watched, ...]], Mapping[str, bytes]],
    beside: Path | None = None,
) -> None:
    """Put a folder called `name` into a project's state, in place of the one that is there.

    `files` are what is watched, as they were read; `make` returns the contents of the scripts by name, given the
    folder they will lie in and what to watch. That folder is made in `beside`, which is near the top of the disk: each
    prompt asks the system for these paths, and each step of them takes time. Raises OSError where the disk refuses, and
    then changes nothing.
    """
    old = list(state.glob(f".{name}~*"))
    token = secrets.token_hex(8)
    folder = (beside or state / ".rendered") / token
    # First who it belongs to: what a killed process leaves behind is found by that.
    note = state / f".{name}~{token}"
    note.symlink_to(folder)
    try:
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700)
        watched = tuple(_watched(folder, number, file) for number, file in enumerate(files))
        for script, content in make(folder, watched).items():
            _write(folder / script, content)
        link = state / f".{name}~{token}.link"
        link.symlink_to(folder)
        os.replace(link, state / name)
    except BaseException:
        _remove([note])
        raise
    _remove(old)


def drop(state: Path, *names: str) -> None:
    """Remove folders of these names: first the links, so that no shell finds what is half gone."""
    for name in names:
        (state / name).unlink(missing_ok=True)
        _remove(list(state.glob(f".{name}~*")))


def _remove(notes: list[Path]) -> None:
    for note in notes:
        if note.suffix != ".link":
            remove_tree(Path(os.readlink(note)) if note.is_symlink() else note)
        if note.is_symlink():
            note.unlink()


def names(state: Path) -> list[str]:
    """Return the names of the folders that are there for entering: `ready`, and one a named shell."""
    return [path.name for path in (*state.glob(READY), *state.glob(f"{READY}.*"))]


def young(mtime_ns: int, at_ns: int) -> bool:
    """Return whether a file changed so shortly before `at_ns` that its time may not tell a second change."""
    return at_ns - mtime_ns <= TOO_CLOSE


def _watched(folder: Path, number: int, file: File) -> Watched:
    if not file.exists:
        return Watched(file.path, "")
    is_young = young(file.mtime_ns, time.time_ns())
    reference = folder / str(number)
    _write(reference, (file.content or b"") if is_young else b"", sync=False)
    os.utime(reference, ns=(file.mtime_ns, file.mtime_ns))
    earlier = folder / f"{number}-"
    _write(earlier, b"", sync=False)
    os.utime(earlier, ns=(file.mtime_ns - 1, file.mtime_ns - 1))
    return Watched(file.path, str(reference), is_young, str(earlier))


def _write(path: Path, content: bytes, *, sync: bool = True) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as opened:
        opened.write(content)
        if sync:
            # A script cut short by a power failure would be read as it is; a wrong reference only means a second look.
            opened.flush()
            os.fsync(descriptor)
