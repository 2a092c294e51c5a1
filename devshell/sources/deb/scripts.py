"""Scripts: the `#!` line names the tree's own interpreter, where it has one.

Where it has none the line stays as it is: the script is for a program that the user has, or has not.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from devshell.sources.deb import inside
from devshell.store.fixups import wrapped
from devshell.store.shebang import shebang

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from devshell.sources import Site

#: No interpreter's line is longer; what is, is no script.
_MOST = 4096
_LINE = re.compile(r"#![ \t]*(/[^ \t\r\n]+)(?:[ \t]+([^\r\n]*?))?[ \t]*")
_ENV = ("/usr/bin/env", "/bin/env")
#: Where a command's name is looked for, as PATH would have it.
_PATH = ("usr/bin", "usr/sbin")


def rewrite(site: Site, scripts: Iterable[str], fixups: Iterable[Mapping[str, str]]) -> None:
    """Rewrite the first line of each script. Raises StoreError where the store's path does not fit into one."""
    fixups = tuple(fixups)
    known: dict[str, bytes | None] = {}
    for path in scripts:
        with open(site.tree / path, "r+b") as file:
            line = file.readline(_MOST)
            text = os.fsdecode(line.rstrip(b"\n"))
            if text not in known:
                known[text] = new_line(text, site.tree, site.final, fixups)
            new = known[text]
            if new is not None and line.endswith(b"\n"):
                rest = file.read()
                file.seek(0)
                file.write(new + rest)
                file.truncate()


def new_line(line: str, tree: Path, final: Path, fixups: Iterable[Mapping[str, str]]) -> bytes | None:
    """Return what a script's first line becomes, or None where it stays; see `rewrite`."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    interpreter, argument = found[1], found[2] or ""
    candidates = [inside.below(interpreter)]
    if interpreter in _ENV:
        # `env -S` splits what the kernel gives as one argument; with one left, the kernel does as well.
        command, *rest = argument.removeprefix("-S").split() or [""]
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", command) or len(rest) > 1:
            return None
        candidates, argument = [f"{folder}/{command}" for folder in _PATH], " ".join(rest)
    for path in candidates:
        place = start(tree, path, fixups)
        if place is not None:
            return shebang(os.fspath(final / place), argument)
    return None


def start(tree: Path, path: str, fixups: Iterable[Mapping[str, str]]) -> str | None:
    """Return what starts the program that a path in the tree leads to: its wrapper, else the path itself.

    None where there is no program. A link may have a wrapper of its own, or lead to what has one.
    """
    if inside.program(tree, path) is None:
        return None
    fixups = tuple(fixups)
    return next((own for step in inside.steps(tree, path) if (own := wrapped(fixups, step)) != step), path)
