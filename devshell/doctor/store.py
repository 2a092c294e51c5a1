"""The store's health, quickly: whether it can be written, and whether what is in use is there."""

from __future__ import annotations

import os
import shlex
import stat
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import generations, known, paths
from devshell.doctor.finding import ok, problem
from devshell.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devshell.doctor.finding import Finding, Surroundings

_CONCEPT = "store"
#: Of more than this, the first say enough of the store.
_MOST_PROJECTS = 1_000


def check(here: Surroundings) -> Iterator[Finding]:
    """Look at the store and at the environments of all known projects."""
    del here
    root = paths.store_folder()
    if not os.path.isdir(root):
        yield ok(_CONCEPT, f"there is nothing in the store yet ({root})")
        return
    found = [*_writable(root), *_environments()]
    yield from found
    if not any(finding.level == "problem" for finding in found):
        names = len(Store(Path(root)).names())
        yield ok(_CONCEPT, f"{names} store paths in {root}; `devshell store verify` hashes each of them again")


def _writable(root: str) -> Iterator[Finding]:
    if not os.access(root, os.W_OK):
        yield problem(_CONCEPT, f"you may not write {root}", f"ls -ld {shlex.quote(root)}")
    for folder in (root, os.path.dirname(root)):
        mode = os.stat(folder).st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            yield problem(
                _CONCEPT, f"everybody on this machine may write {folder}", f"chmod go-w {shlex.quote(folder)}"
            )


def _environments() -> Iterator[Finding]:
    for root in islice(known.projects(), _MOST_PROJECTS):
        newest = generations.latest(root)
        if newest is None or not os.path.lexists(os.path.join(root, paths.MANIFEST)):
            continue
        mend = f"devshell sync -C {shlex.quote(root)}"
        if not os.path.isdir(newest.environment):
            yield problem(_CONCEPT, f"the environment of {root} is not in the store", mend)
            continue
        lost = _leading_nowhere(os.path.join(newest.environment, "bin"))
        if lost:
            several = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            yield problem(_CONCEPT, f"{lost[0]}{several} of the environment of {root} leads nowhere", mend)


def _leading_nowhere(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as links:
            return sorted(link.name for link in links if not os.path.exists(link.path))
    except OSError:
        # An environment without tools has no folder of them.
        return []
