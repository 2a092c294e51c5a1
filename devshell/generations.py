"""Generations: the numbered, kept states of a project, to roll back to.

Each is a folder `generations/<number>` in the project's private state with the manifest, the lock,
and a link to the environment, which also keeps that environment from being collected.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.errors import Place, StateError
from devshell.files import explained, make_private, remove_tree, write_atomically
from devshell.paths import PROJECT_FOLDER, project_state
from devshell.snapshot import Role

if TYPE_CHECKING:
    from devshell.snapshot import Snapshot

_LINK = "env"


@dataclass(frozen=True, slots=True)
class Generation:
    """One kept state; `environment` is a store path."""

    number: int
    manifest: bytes
    lock: bytes
    environment: str


def latest(root: str) -> Generation | None:
    """Return the newest generation of the project at `root`, or None."""
    folder = Path(project_state(root)) / "generations"
    try:
        numbers = [int(name) for name in os.listdir(folder) if name.isascii() and name.isdecimal()]
    except OSError:
        return None
    return _read(folder / str(max(numbers)), max(numbers)) if numbers else None


def record(snapshot: Snapshot, environment: Path) -> Generation:
    """Keep the project's present state as a new generation, unless the newest is just that."""
    manifest = snapshot.one(Role.MANIFEST).content or b""
    lock = snapshot.one(Role.LOCK).content or b""
    newest = latest(snapshot.root)
    number = newest.number + 1 if newest else 1
    if newest == Generation(newest.number if newest else 0, manifest, lock, str(environment)):
        return newest
    state = Path(project_state(snapshot.root))
    folder = state / "generations"
    with explained(folder):
        make_private(state)
        make_private(folder)
        # Only one process prepares a project at a time, so what is there was left by one that was killed.
        new = folder / ".new"
        remove_tree(new)
        new.mkdir(mode=0o700)
        write_atomically(new / "manifest", manifest, 0o600)
        write_atomically(new / "lock", lock, 0o600)
        (new / "environment").symlink_to(environment)
        number = _take_number(new, folder, number)
    return Generation(number, manifest, lock, str(environment))


def _take_number(new: Path, folder: Path, number: int) -> int:
    # Another process may have taken the number; renaming onto a full folder fails, so try the next.
    while True:
        try:
            new.rename(folder / str(number))
        except OSError:
            if not (folder / str(number)).exists():
                raise
            number += 1
        else:
            return number


def link_environment(root: str, environment: Path, store: Path) -> None:
    """Point `.devshell/env` at the environment, for editors and people.

    Raises StateError where `.devshell` is not ours to write: a link, another user's, or holding an
    `env` that does not lead to our store, as one that was committed would.
    """
    folder = Path(root) / PROJECT_FOLDER
    link = folder / _LINK
    with explained(folder):
        refuse_foreign(folder, store)
        if link.is_symlink() and os.readlink(link) == str(environment):
            return
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        ignore = folder / ".gitignore"
        if not os.path.lexists(ignore):
            write_atomically(ignore, b"*\n")
        new = folder / f".env-{os.getpid()}"
        new.unlink(missing_ok=True)
        new.symlink_to(environment)
        new.replace(link)


def refuse_foreign(folder: Path, store: Path) -> None:
    """Raise StateError where a project's `.devshell` folder was not made by devshell for this user."""
    hint = "it was not made by devshell for you: remove it, and take it out of version control"
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise StateError("`.devshell` is not a folder", place=Place(str(folder)), hint=hint)
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        raise StateError("`.devshell` belongs to another user", place=Place(str(folder)), hint=hint)
    link = folder / _LINK
    if not os.path.lexists(link):
        return
    target = os.readlink(link) if link.is_symlink() else ""
    if os.path.dirname(target) != str(store) and target not in _environments(folder.parent):
        raise StateError("`.devshell/env` does not lead to the store", place=Place(str(link)), hint=hint)


def _environments(root: Path) -> set[str]:
    links = (Path(project_state(str(root))) / "generations").glob("*/environment")
    return {os.readlink(link) for link in links if link.is_symlink()}


def _read(folder: Path, number: int) -> Generation | None:
    try:
        return Generation(
            number,
            (folder / "manifest").read_bytes(),
            (folder / "lock").read_bytes(),
            os.readlink(folder / "environment"),
        )
    except OSError:
        return None
