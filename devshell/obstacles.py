"""Why a project is not entered: what the hook says in a line, and an editor in its status bar.

In words of devshell's own: of a project that is not allowed nothing is repeated, in a prompt least of all.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import environ, lock, opening, paths, resolve
from devshell.answer import State
from devshell.errors import DevshellError, ManyErrors
from devshell.paths import OWN_FILES
from devshell.system import host_platform
from devshell.trust import Standing

if TYPE_CHECKING:
    from devshell.opening import Project
    from devshell.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stands between a project and its environment: where it stands, a sentence, and what to give to devshell.

    With `keep`, an environment of this project that is active already may stay.
    """

    state: State
    message: str
    command: str
    keep: bool


def of_standing(snapshot: Snapshot, standing: Standing) -> Obstacle | None:
    """Return what the user's word puts in the way, None where it allows the project."""
    name = name_of(snapshot.root)
    if standing is Standing.UNKNOWN:
        return Obstacle(
            State.NOT_ALLOWED,
            f"{name} is not allowed to act; look at its devshell.toml, then run `devshell allow`",
            "allow",
            keep=False,
        )
    if standing is Standing.DENIED:
        return Obstacle(State.DENIED, f"{name} is denied; `devshell allow` takes that back", "allow", keep=False)
    if standing is Standing.CHANGED:
        return _broken(snapshot) or Obstacle(
            State.CHANGED, f"{name} has changed since it was allowed; run `devshell allow`", "allow", keep=False
        )
    return None


def of_installation(found: Project) -> Obstacle | None:
    """Return what an allowed project lacks, None where it lacks nothing. Raises LockError."""
    locked = found.lock()
    if locked is None:
        return _not_yet(found.root, State.STALE, "it has no lock yet")
    if resolve.stale(found.manifest, locked):
        return _not_yet(found.root, State.STALE, "its lock is out of date")
    store = Path(paths.store_folder())
    parts = lock.parts(locked, None, host_platform())
    if not all((store / part.store_name).is_dir() for part in parts.values()):
        return _not_yet(found.root, State.NOT_INSTALLED, "it is not installed")
    return None


def broken(root: str, problem: DevshellError) -> Obstacle:
    """Return the obstacle that a project's files are wrong: where, in no words of theirs."""
    return Obstacle(
        State.BROKEN, f"{name_of(root)} is broken: {_where(problem)}; run `devshell status`", "status", keep=True
    )


def refused(root: str) -> Obstacle:
    """Return the obstacle that a project is not read at all, as where others may write it."""
    message = f"{name_of(root)} cannot be used as it is; run `devshell status`"
    return Obstacle(State.BROKEN, message, "status", keep=False)


def uninstalled(root: str) -> Obstacle:
    """Return the obstacle that an installation did not come to its end."""
    return Obstacle(State.NOT_INSTALLED, f"{name_of(root)} is not installed; run `devshell sync`", "sync", keep=True)


def name_of(root: str) -> str:
    """Return a project's name for a line of text."""
    return environ.prompt(root) or "/"


def _not_yet(root: str, state: State, why: str) -> Obstacle:
    return Obstacle(state, f"{name_of(root)}: {why}; run `devshell sync`", "sync", keep=True)


def _broken(snapshot: Snapshot) -> Obstacle | None:
    try:
        opening.checked(snapshot).lock()
    except DevshellError as problem:
        return broken(snapshot.root, problem)
    return None


def _where(problem: DevshellError) -> str:
    errors = problem.errors if isinstance(problem, ManyErrors) else (problem,)
    place = next((error.place for error in errors if error.place), None)
    if place is None or os.path.basename(place.file) not in OWN_FILES:
        return "it cannot be read"
    return os.path.basename(place.file) + (f", line {place.line}" if place.line else "")
