"""The folder of shims: links to the launcher, for what starts programs without a shell that has the hook.

Each link is named like a command of a project. Called by that name, the launcher is that program by the project of the
current folder, and outside of projects the next of its name on PATH; `shell-hooks/devshell` and `devshell.stand_in` say
how.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import known, paths, ready
from devshell.errors import Place, StateError
from devshell.files import explained, locked, make_private, write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Stands in a folder of shims, so that no other devshell's shim takes one for the program either.
MARKER = ".devshell-shims"
_COMMAND = "devshell"
# What the launcher shows in a message as it is. No option, no hidden file.
_NAME = re.compile(r"[A-Za-z0-9_+@%,=:][A-Za-z0-9_.+@%,=:-]*")


@dataclass(frozen=True, slots=True)
class Shims:
    """The folder as it is now, with its commands, and what was added and removed to get there; names are sorted."""

    folder: str
    commands: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


def folder() -> Path:
    """Return where the shims are, or will be."""
    return Path(paths.data_folder()) / "shims"


def make() -> Shims:
    """Make the folder, or bring it up to date: a shim for each command of every project that is ready.

    Raises StateError where the launcher is not installed beside this Python, or something else has that folder's name.
    """
    place = folder()
    target = _launcher()
    if place.is_dir() and not (place / MARKER).exists() and any(place.iterdir()):
        raise StateError(
            "this folder was not made by `devshell shims`", place=Place(str(place)), hint="move it out of the way"
        )
    make_private(place.parent)
    with explained(place), locked(place.parent / ".shims", cancelled=_never):
        place.mkdir(mode=0o755, exist_ok=True)
        if not (place / MARKER).exists():
            write_atomically(place / MARKER, b"")
        # Asked while the lock is held: whoever comes later sees what all before have made ready.
        wanted = commands()
        there = {entry.name: _leads_to(entry.path) for entry in os.scandir(place)}
        ours = {name for name, leads_to in there.items() if leads_to is not None}
        removed = sorted(ours - wanted)
        for name in removed:
            (place / name).unlink(missing_ok=True)
        # What is no link is somebody's own.
        added = sorted(name for name in wanted if name not in there)
        for name in sorted(wanted & (ours | set(added))):
            if there.get(name) != target:
                _link(place / name, target)
    return Shims(str(place), tuple(sorted(wanted & (ours | set(added)))), tuple(added), tuple(removed))


def refresh() -> None:
    """Bring the folder up to date where the user has made one; raises as `make` does."""
    if (folder() / MARKER).exists():
        make()


def commands() -> set[str]:
    """Return the names of the commands of all projects that are ready, or were before they changed."""
    found: set[str] = set()
    for root in known.projects():
        record = ready.kept(root)
        if record is not None and os.path.lexists(os.path.join(root, paths.MANIFEST)):
            with suppress(OSError):
                found.update(os.listdir(os.path.join(record.environment, "bin")))
    return {name for name in found if _NAME.fullmatch(name) and name != _COMMAND}


def beyond(command: str, env: Mapping[str, str]) -> str | None:
    """Return the next program of a shim's name on the PATH of `env`: one that is no shim; None where there is none."""
    with suppress(StateError):
        return _beyond(command, env, _launcher())
    return _beyond(command, env, None)


def _beyond(command: str, env: Mapping[str, str], launcher: str | None) -> str | None:
    for entry in env.get("PATH", os.defpath).split(":"):
        path = os.path.join(entry or ".", command)
        if not os.path.isfile(path) or not os.access(path, os.X_OK) or os.path.lexists(os.path.join(entry, MARKER)):
            continue
        if launcher is None or not os.path.samefile(path, launcher):
            return path
    return None


def _launcher() -> str:
    path = os.path.join(os.path.dirname(sys.executable), _COMMAND)
    try:
        with open(path, "rb") as opened:
            if opened.readline().rstrip() == b"#!/bin/sh":
                return path
    except OSError:
        pass
    raise StateError(
        "the command `devshell` is not installed beside its Python", place=Place(path), hint="install devshell again"
    )


def _leads_to(path: str) -> str | None:
    try:
        return os.readlink(path) if stat.S_ISLNK(os.lstat(path).st_mode) else None
    except FileNotFoundError:
        return None


def _link(path: Path, target: str) -> None:
    new = path.with_name(f".new-{secrets.token_hex(8)}")
    new.symlink_to(target)
    new.replace(path)


def _never() -> bool:
    # Held for milliseconds by whoever has it: there is nothing to interrupt.
    return False
