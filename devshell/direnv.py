"""direnv, for whoever has it: the two lines of an `.envrc`, and what it is to watch.

Editors that know direnv take a project's environment over by these lines.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devshell.errors import Place, ProjectError
from devshell.files import explained, read_regular
from devshell.shells import bash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FILE = ".envrc"
_TAKE_OVER = 'eval "$(devshell export bash)"'
#: The first names what is there before devshell is; the second tells the rest, as `watching` has it.
LINES = ("watch_file devshell.toml devshell.lock", _TAKE_OVER)
#: direnv sets it for what an `.envrc` starts, and for nothing else.
_INSIDE = "DIRENV_IN_ENVRC"
_LARGEST = 1 << 20


def refuse_existing(root: Path) -> None:
    """Raise ProjectError, with the lines to add, where there is an `.envrc` already: it is somebody's own code."""
    path = root / FILE
    if not os.path.lexists(path):
        return
    place = Place(str(path))
    if _TAKE_OVER in _lines(path):
        raise ProjectError(
            "there is an .envrc here already, and it calls devshell", place=place, hint="run `direnv allow`"
        )
    first, second = LINES
    raise ProjectError(
        "there is an .envrc here already", place=place, hint=f"add these two lines to it:\n    {first}\n    {second}"
    )


def write(root: Path) -> Path:
    """Write an `.envrc` of two lines into a project's folder and return its path.

    Raises ProjectError where there is one already.
    """
    path = root / FILE
    with explained(path):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            refuse_existing(root)
            raise
        with open(descriptor, "w", encoding="ascii") as opened:
            opened.write("".join(f"{line}\n" for line in LINES))
    return path


def asks(env: Mapping[str, str]) -> bool:
    """Return whether a program with these variables was started by an `.envrc`."""
    return bool(env.get(_INSIDE))


def watching(paths: Iterable[str]) -> str:
    """Return bash code that has direnv watch these files, where the shell that takes it is direnv's own."""
    words = " ".join(map(bash.quote, paths))
    return f"! declare -F watch_file >/dev/null || watch_file {words}\n" if words else ""


def _lines(path: Path) -> list[str]:
    try:
        found = read_regular(path, _LARGEST)
    except (OSError, ProjectError):
        return []
    return [] if found is None else found[0].decode("utf-8", "replace").splitlines()
