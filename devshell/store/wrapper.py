"""Wrappers: small scripts that set variables and then become the program.

For programs that look for their files at fixed places, and can be told of others. A wrapper lies in
`.wrappers`, at the path of its program, and is run by the tree's own dash: only builtins, so that it
costs less than a millisecond, and nothing of the machine.

- `variables` are words: `NAME=value` sets, `NAME?=value` sets what is not set, `NAME+=value` puts the
  value and a colon before what is there, `NAME=+value` a colon and the value behind it.
- `arguments` are words that come before the user's own.
- `opens` are words `N=path`: the program starts with that folder open as descriptor N, from 3 to 9, so
  that it is at `/dev/fd/N`, also for what the program starts. That is short enough to overwrite a path
  that is built in and which nothing else can change.

In all of them, `${tool}` is the tree, and a path that begins with it may be a pattern, as in
`devshell.store.places`.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from devshell.errors import StoreError
from devshell.store import places
from devshell.store.shebang import shebang

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHELL = "usr/bin/dash"
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\?=|\+=|=\+|=)(.*)", re.DOTALL)
_OPENED = re.compile(r"([3-9])=(\$\{tool\}/.+)", re.DOTALL)
_IN_TOOL = re.compile(r"\$\{tool\}/([^:]*)")


def wrapper(tree: Path, path: str, fixup: Mapping[str, str], final: Path) -> bytes:
    """Return the script for the program at `path`; `final` is the tree's path in the store.

    Raises StoreError where the tree has no dash, a word is none of the above, or a path does not fit.
    """
    if not (tree / _SHELL).is_file():
        raise StoreError(
            f"a fix-up wraps {path!r}, but the package dash, whose shell runs wrappers, is not in the tree",
            hint="lock the tool again with `devshell lock --update`",
        )
    lines = [_assignment(tree, word, final) for word in fixup.get("variables", "").split()]
    lines += [_opening(tree, word, final) for word in fixup.get("opens", "").split()]
    words = [_filled(tree, word, final) for word in fixup.get("arguments", "").split()]
    lines.append(" ".join(("exec", *map(_quoted, (os.fspath(final / path), *words)), '"$@"')))
    return shebang(os.fspath(final / _SHELL)) + os.fsencode("".join(f"{line}\n" for line in lines))


def _assignment(tree: Path, word: str, final: Path) -> str:
    found = _VARIABLE.fullmatch(word)
    if found is None:
        raise StoreError(f"a wrapper's {word!r} is none of NAME=value, NAME?=value, NAME+=value and NAME=+value")
    name, how, value = found[1], found[2], _quoted(_filled(tree, found[3], final))
    if how == "?=":
        return f'[ "${{{name}+set}}" ] || export {name}={value}'
    if how == "+=":
        return f'export {name}={value}"${{{name}:+:${name}}}"'
    if how == "=+":
        return f'export {name}="${{{name}:+${name}:}}"{value}'
    return f"export {name}={value}"


def _opening(tree: Path, word: str, final: Path) -> str:
    found = _OPENED.fullmatch(word)
    if found is None:
        raise StoreError(f"a wrapper's {word!r} is no descriptor and folder, such as 8=${{tool}}/usr/share")
    return f"exec {found[1]}<{_quoted(_filled(tree, found[2], final))}"


def _filled(tree: Path, text: str, final: Path) -> str:
    def path(found: re.Match[str]) -> str:
        relative = found[1]
        if places.is_wild(relative):
            relative = places.one(tree, relative, "variable")
        return f"${{tool}}/{relative}"

    return _IN_TOOL.sub(path, text).replace("${tool}", os.fspath(final))


def _quoted(text: str) -> str:
    # Always, also where nothing asks for it: the script must be the same for every store's path.
    return "'" + text.replace("'", "'\"'\"'") + "'"
