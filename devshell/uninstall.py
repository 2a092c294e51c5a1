"""Taking devshell's files away from this machine: what there is, how big, who uses it, and the removal.

Its folders may have been named by hand, and have more in them than what is devshell's: `DEVSHELL_DATA_DIR=/home` is not
wiped, and with `DEVSHELL_STATE_DIR=~` the user's own `~/projects` stays. So what goes is known by its name and its
shape, and whatever else lies there stays, and is named.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import environ, known, paths, rcfiles, shims
from devshell.errors import DevshellError, StateError
from devshell.files import remove_tree
from devshell.shells import SHELLS
from devshell.vscode import editors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What devshell makes in each of its folders. A new entry belongs here, or it stays behind.
ENTRIES = {
    "data": ("store", "shims", ".shims"),
    "cache": ("artifacts", "pages", "uv", "npm", "deb"),
    "state": ("projects", "rendered", "clones", "deb", ".rcfiles"),
    "config": ("config.toml", ".config.lock"),
}
_FOLDERS = {
    "data": paths.data_folder,
    "cache": paths.cache_folder,
    "state": paths.state_folder,
    "config": paths.config_folder,
}
_IN_STORE = re.compile(r"(?:\.adding-|\.hash-)?[a-z2-7]{32}-[A-Za-z0-9._+-]+|\.locks")
_OWN_NAME = "devshell"


@dataclass(frozen=True, slots=True)
class Part:
    """One entry of one of devshell's folders, and the bytes on disk that go with it.

    `leads_to` is where it leads, if it is a link: then the link alone goes. `names` are what goes of a folder that
    may hold more; None means all of it.
    """

    path: str
    size: int
    leads_to: str | None = None
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """What would go and what would stay.

    `changes` take the hook out of rc files; `by_hand` are lines that the user wrote, `problems` say which rc files
    devshell does not write. `strange` are entries of its folders that are not devshell's. `projects` have a
    `.devshell` folder, which stays. `extensions` are the folders of extensions, of editors, that have devshell's, which
    stays too. `users` says in words what uses the store now.
    """

    changes: tuple[rcfiles.Change, ...]
    by_hand: tuple[rcfiles.Line, ...]
    problems: tuple[DevshellError, ...]
    parts: tuple[Part, ...]
    strange: tuple[str, ...]
    projects: tuple[str, ...]
    extensions: tuple[str, ...]
    users: tuple[str, ...]

    @property
    def size(self) -> int:
        """Return the bytes of all parts."""
        return sum(part.size for part in self.parts)


def inventory(env: Mapping[str, str], *, config: bool) -> Inventory:
    """Return what there is; `config` counts the user's configuration in. Reads only."""
    parts, strange = _entries([kind for kind in ENTRIES if kind != "config" or config])
    changes, by_hand, problems = _hooks(environ.leave(env))
    store = os.path.join(paths.data_folder(), "store")
    state = any(os.path.basename(part.path) == "projects" for part in parts)
    projects = filter(_has_folder, known.projects()) if state else ()
    users = (*_this_shell(env), *_processes(os.path.realpath(store)))
    extensions = tuple(folder for folder, version in editors.installed(environ.leave(env)) if version is not None)
    return Inventory(changes, by_hand, problems, tuple(parts), tuple(strange), tuple(projects), extensions, users)


def refuse_busy() -> None:
    """Raise StateError while another devshell adds to the store: what it adds would be left behind, or half gone."""
    folder = os.path.join(paths.data_folder(), "store", ".locks")
    for name in _names(folder):
        with contextlib.suppress(OSError), open(os.path.join(folder, name), "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateError(
                    f"another devshell is adding {name!r} to the store", hint="wait until it is done, then try again"
                ) from None


def remove(found: Inventory) -> Iterator[str]:
    """Take away all that was found, and yield each path once it is done.

    Goes on past what cannot be removed, and raises the first such error at the end: what is left is named by
    another `inventory`.
    """
    refuse_busy()
    first: DevshellError | None = None
    for change in found.changes:
        try:
            rcfiles.write(change)
            yield str(change.path)
        except DevshellError as problem:
            first = first or problem
    for part in found.parts:
        try:
            for name in part.names or ():
                remove_tree(Path(part.path, name))
            if part.names is None:
                remove_tree(Path(part.path))
            else:
                with contextlib.suppress(OSError):
                    os.rmdir(part.path)
            yield part.path
        except DevshellError as problem:
            first = first or problem
    # Changing rc files may have made the state folder.
    for folder in {os.path.dirname(part.path) for part in found.parts} | {paths.state_folder()}:
        # One that the user named may be there for more than devshell, also when it is empty.
        if os.path.basename(folder) == _OWN_NAME:
            with contextlib.suppress(OSError):
                os.rmdir(folder)
    if first is not None:
        raise first


def _hooks(
    env: Mapping[str, str],
) -> tuple[tuple[rcfiles.Change, ...], tuple[rcfiles.Line, ...], tuple[DevshellError, ...]]:
    changes: dict[Path, rcfiles.Change] = {}
    by_hand: dict[Path, rcfiles.Line] = {}
    problems = []
    for shell in SHELLS:
        by_hand |= {line.path: line for line in rcfiles.lines(shell, env) if not line.ours}
        try:
            changes |= {change.path: change for change in rcfiles.uninstalling(shell, env)}
        except DevshellError as problem:
            problems.append(problem)
    return tuple(changes.values()), tuple(by_hand.values()), tuple(problems)


def _entries(kinds: list[str]) -> tuple[list[Part], list[str]]:
    """Return what is devshell's in its folders, and what is not, or may not be."""
    parts: dict[str, Part] = {}
    strange: dict[str, None] = {}
    for kind in kinds:
        folder = _FOLDERS[kind]()
        # Several kinds may have been given one folder.
        known = {name for other in ENTRIES if _FOLDERS[other]() == folder for name in ENTRIES[other]}
        there = _names(folder)
        named_by_hand = os.environ.get(f"DEVSHELL_{kind.upper()}_DIR") == folder
        shared = named_by_hand and not known.issuperset(there)
        for name in there:
            path = os.path.join(folder, name)
            if name not in known:
                strange[path] = None
            elif name in ENTRIES[kind]:
                part, left = _part(path, name, shared=shared, named_by_hand=named_by_hand)
                parts |= {path: part} if part else {}
                strange |= dict.fromkeys(left)
    return list(parts.values()), list(strange)


def _part(path: str, name: str, *, shared: bool, named_by_hand: bool) -> tuple[Part | None, list[str]]:
    """Return what is devshell's of an entry, and what stays; `shared` says that its folder is not devshell's alone."""
    if os.path.islink(path) and not shared:
        return Part(path, 0, os.readlink(path)), []
    if name == "store" and not os.path.islink(path):
        names = _names(path)
        ours = tuple(each for each in names if _IN_STORE.fullmatch(each.removesuffix(".hash")))
        left = [os.path.join(path, each) for each in names if each not in ours]
        part = Part(path, sum(_size(os.path.join(path, each)) for each in ours), None, ours)
        return (part if ours or not names else None), left
    sure = not shared
    if named_by_hand and name == "projects":
        # Of all the names, the one that is most likely the user's own, and the dearest to them.
        sure = _holds_only_state(path)
    elif name == "shims":
        sure = os.path.exists(os.path.join(path, shims.MARKER))
    if not sure:
        return None, [path]
    return Part(path, _size(path)), []


def _holds_only_state(top: str) -> bool:
    """Whether a folder `projects` is devshell's: folders, and nothing but `.state` folders at their ends."""
    if os.path.islink(top):
        return False
    found = False
    for folder, names, files in os.walk(top):
        if files or any(os.path.islink(os.path.join(folder, name)) for name in names):
            return False
        if paths.STATE_FOLDER in names:
            names.remove(paths.STATE_FOLDER)
            found = True
    return found


def _size(path: str) -> int:
    """Return the bytes that a tree takes on disk, a file of several names once; links are not followed."""
    size = 0
    seen: set[tuple[int, int]] = set()
    todo = [path]
    while todo:
        here = todo.pop()
        with contextlib.suppress(OSError):
            status = os.lstat(here)
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                size += status.st_blocks * 512
            if stat.S_ISDIR(status.st_mode):
                todo += [os.path.join(here, name) for name in os.listdir(here)]
    return size


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _has_folder(root: str) -> bool:
    return os.path.isdir(os.path.join(root, paths.PROJECT_FOLDER))


def _this_shell(env: Mapping[str, str]) -> Iterator[str]:
    root = env.get("DEVSHELL_ROOT")
    if root:
        yield f"the environment of {root} is active in this shell"


def _processes(store: str) -> Iterator[str]:
    """Yield the user's processes that run a program of the store, or began in an environment; only Linux tells."""
    for number in filter(str.isdigit, _names("/proc")):
        if int(number) == os.getpid():
            continue
        try:
            program = os.readlink(f"/proc/{number}/exe")
            with open(f"/proc/{number}/environ", "rb") as file:
                active = [part for part in file.read().split(b"\0") if part.startswith(b"DEVSHELL_ENV=")]
            with open(f"/proc/{number}/comm", encoding="utf-8", errors="replace") as file:
                name = file.read().strip()
        except OSError:
            # Gone by now, or somebody else's.
            continue
        if program.startswith(store + os.sep):
            yield f"{name} (process {number}) runs from the store"
        elif any(os.fsdecode(each).partition("=")[2].startswith(store + os.sep) for each in active):
            yield f"{name} (process {number}) was started in an environment"
