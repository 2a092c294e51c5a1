"""The environment that is active in the calling shell: whether it still is what it says."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from devshell import paths, ready
from devshell.doctor.finding import note, ok, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devshell.doctor.finding import Finding, Surroundings

_CONCEPT = "session"


def check(here: Surroundings) -> Iterator[Finding]:
    """Look at the marks of activation in the calling shell's variables."""
    root, environment = here.env.get("DEVSHELL_ROOT"), here.env.get("DEVSHELL_ENV")
    if root is None and environment is None:
        yield ok(_CONCEPT, "no environment is active in this shell")
        return
    entered = "DEVSHELL_ENTERED" in here.env
    name = here.env.get("DEVSHELL_ENTERED") or None
    anew = "leave this shell with `exit`, then `devshell enter` again" if entered else "open a new shell, or `cd .`"
    if not root or not environment or not os.path.isabs(root) or not os.path.isabs(environment):
        yield problem(_CONCEPT, "the marks of an active environment are there, and damaged", "open a new shell")
        return
    stale = list(_stale(root, environment, name, anew))
    if not entered and not _within(os.path.realpath(here.folder), root):
        stale.append(note(_CONCEPT, f"the environment of {root} is active, and you are outside of it", anew))
    yield from stale or [ok(_CONCEPT, f"the environment of {root} is active, and current")]


def _stale(root: str, environment: str, name: str | None, anew: str) -> Iterator[Finding]:
    if not os.path.lexists(os.path.join(root, paths.MANIFEST)):
        yield problem(_CONCEPT, f"the environment of {root} is active, and there is no {paths.MANIFEST} any more", anew)
    elif not os.path.isdir(environment):
        yield problem(
            _CONCEPT, f"the active environment {environment} is gone", f"devshell sync -C {shlex.quote(root)}"
        )
    elif (record := _record(root, name)) is None:
        yield note(
            _CONCEPT,
            f"{root} has changed since its environment became active, or is not allowed any more",
            f"devshell sync -C {shlex.quote(root)}",
        )
    elif record.environment != environment:
        yield note(_CONCEPT, f"{root} has another environment by now than the one that is active", anew)


def _record(root: str, name: str | None) -> ready.Ready | None:
    # From the environment, and about to be part of a path.
    return None if name and "/" in name else ready.load(root, name)


def _within(folder: str, root: str) -> bool:
    return folder == root or folder.startswith(root.rstrip("/") + "/")
