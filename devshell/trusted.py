"""Folders in which the user trusts every project, whatever it holds: the setting `trusted`.

Nothing is compared with what was seen before, so it must be sure that nobody but the user and root had a hand in it:
every step of the way to the folder and to each of the project's files is looked at, links included.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.system import own_uids

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devshell.snapshot import Snapshot

_ROOT = 0
#: As many links as Linux follows in one path.
_MOST_LINKS = 40


def covering(root: str, folders: Sequence[str]) -> list[str]:
    """Return those of the user's folders that the project is in, by real paths, compared component by component."""
    return [folder for folder in folders if Path(root).is_relative_to(os.path.realpath(folder))]


def objection(snapshot: Snapshot, folder: str) -> str | None:
    """Return why `folder` cannot vouch for a project in it, in words that go on after its name; None if it can."""
    real = os.path.realpath(folder)
    if real == "/":
        return "it leads to the whole disk"
    others = _Others(real)
    for path in (folder, *(file.path for file in snapshot.files if file.exists)):
        if (found := others.on_the_way(path)) is not None:
            return found
    uids = own_uids() | {_ROOT}
    # A look at the very files that were read: another may stand there by now.
    foreign = next((file for file in snapshot.files if file.exists and file.owner not in uids), None)
    return None if foreign is None else f"{foreign.path!r} belongs to {_user(foreign.owner)}"


class _Others:
    """Looks for what others than the user and root may change, at each step only once."""

    def __init__(self, trusted: str) -> None:
        self._trusted = trusted
        self._uids = own_uids() | {_ROOT}
        self._known: dict[str, str | None] = {}

    def on_the_way(self, path: str) -> str | None:
        """Return what somebody else may change between the root of the disk and `path`, or None."""
        try:
            for step in _steps(path):
                if step not in self._known:
                    self._known[step] = self._fault(step, os.lstat(step))
                if (found := self._known[step]) is not None:
                    return found
        except OSError as problem:
            return f"{path!r} cannot be looked at: {problem.strerror}"
        return None

    def _fault(self, path: str, status: os.stat_result) -> str | None:
        if status.st_uid not in self._uids:
            return f"{path!r} belongs to {_user(status.st_uid)}"
        if stat.S_ISLNK(status.st_mode):
            return None
        # In a folder with the sticky bit nobody moves another's files; but whoever may make some in the
        # trusted folder itself would be trusted with them.
        if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX and path != self._trusted:
            return None
        if status.st_mode & stat.S_IWOTH:
            return f"everybody on this machine may write {path!r}"
        if status.st_mode & stat.S_IWGRP and not _private(status.st_gid):
            return f"the group {_group(status.st_gid)} may write {path!r}"
        return None


def _steps(path: str) -> Iterator[str]:
    """Yield every folder, link and file that the kernel meets on the way to `path`, without links in front."""
    left = path.split("/")[::-1]
    here, links = "/", 0
    yield here
    while left:
        name = left.pop()
        if name in {"", "."}:
            continue
        if name == "..":
            here = os.path.dirname(here)
            continue
        step = os.path.join(here, name)
        yield step
        if not os.path.islink(step):
            here = step
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(0, "too many links")
        target = os.readlink(step)
        here = "/" if target.startswith("/") else here
        left += target.split("/")[::-1]


def _private(gid: int) -> bool:
    # Many systems give each user a group of their own name, and let it write.
    if gid == _ROOT:
        return True
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _user(uid: int) -> str:
    try:
        return f"the user {pwd.getpwuid(uid).pw_name!r}"
    except KeyError:
        return f"user number {uid}"


def _group(gid: int) -> str:
    try:
        return repr(grp.getgrgid(gid).gr_name)
    except KeyError:
        return f"number {gid}"
