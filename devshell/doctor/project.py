"""The project here: whether it may be used, and where it stands."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import project, ready, resolve, trust
from devshell.doctor.finding import failure, note, ok
from devshell.errors import DevshellError, ManyErrors
from devshell.opening import checked
from devshell.system import own_uids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devshell.doctor.finding import Finding, Surroundings
    from devshell.snapshot import Snapshot

_CONCEPT = "project"
_AHEAD = 2_000_000_000


def check(here: Surroundings) -> Iterator[Finding]:
    """Look at the nearest project; only parses it."""
    root = ready.find(os.path.realpath(here.folder))
    if root is None:
        yield ok(_CONCEPT, "there is no project here")
        return
    yield from _git(root)
    try:
        snapshot = project.read(project.find(Path(root)))
        yield from _from_the_future(snapshot)
        found = checked(snapshot)
        lock = found.lock()
    except ManyErrors as several:
        yield from (failure(_CONCEPT, error) for error in several.errors)
        return
    except DevshellError as error:
        yield failure(_CONCEPT, error)
        return
    standing = trust.standing(snapshot)
    if standing is not trust.Standing.ALLOWED:
        refused = trust.refusal(root, standing)
        yield note(_CONCEPT, f"{refused.message}: {root}", refused.hint)
    stale = ["there is no lock yet"] if lock is None else resolve.stale(found.manifest, lock)
    if stale:
        yield note(_CONCEPT, f"the lock of {root} is not current: {'; '.join(stale)}", "devshell lock")
    elif standing is trust.Standing.ALLOWED and ready.load(root) is None:
        yield note(_CONCEPT, f"{root} is not installed, or has changed since", "devshell sync")
    elif standing is trust.Standing.ALLOWED:
        yield ok(_CONCEPT, f"{root} is allowed, locked and installed")


def _from_the_future(snapshot: Snapshot) -> Iterator[Finding]:
    now = time.time_ns()
    for file in snapshot.files:
        if file.exists and file.mtime_ns - now > _AHEAD:
            seconds = (file.mtime_ns - now) // 1_000_000_000
            yield note(
                _CONCEPT,
                f"{file.path} was changed {seconds} s in the future, so that its time tells of no further change",
                f"touch {shlex.quote(file.path)}",
            )


def _git(root: str) -> Iterator[Finding]:
    """Say that git refuses the repository that the project lies in; git itself is not started in a stranger's."""
    folder = root
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above
    if os.lstat(os.path.join(folder, ".git")).st_uid in own_uids():
        return
    yield note(
        _CONCEPT,
        f"the git repository {folder} belongs to another user, so git refuses to work in it",
        f"look at it, then run `git config --global --add safe.directory {shlex.quote(folder)}`",
    )
