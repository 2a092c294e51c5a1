"""The scripts that start an application's commands: POSIX sh and Python in one file.

The shell part uses builtins alone, so that nothing on PATH is needed. It finds the store through the
path it was called by, so that a store may be moved as a whole, and else through the path it was made
at, so that a link from anywhere works.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# To the shell, the second line is `:`; to Python, all from there to the closing quotes is a text.
_SCRIPT = """\
#!/bin/sh
''':'
store={root}
here=${{0%/*}}/../..
if ! [ "$here" -ef "$store" ] && [ -e "$here"/{tree}/pyvenv.cfg ]; then
    # The store was moved.
    store=$(CDPATH= command cd -P -- "$here" && command pwd -P)
{loaded}fi
{located}exec "$store"/{tree}/bin/python -I {program} "$@"
'''
"""
# A Python that names its own loader by an absolute path cannot be started as a program any more.
_LOADED = """\
    export DEBPATH="$store"/{locales}
    exec "$store"/{loader} --argv0 "$store"/{tree}/bin/python "$store"/{python} -I {program} "$@"
"""
# Where that Python's C library looks for locales; see devshell/sources/deb/libc.py.
_LOCATED = """\
export DEBPATH="$store"/{locales}
"""


@dataclass(frozen=True, slots=True)
class Own:
    """What a Python of Debian's brings of its own: its dynamic loader and its locales, as paths in the store's root."""

    loader: str
    locales: str


@dataclass(frozen=True, slots=True)
class Start:
    """How an application's Python is started; `python` and `loader` are paths in the store's root.

    `tree` is the application's store name. `own` is None for a Python that uses the system's C library.
    """

    root: Path
    tree: str
    python: str
    own: Own | None = None

    def script(self, code: str) -> str:
        """Return the script that runs a program; the program must stand being imported, as multiprocessing does."""
        return self._script('"$0"') + code

    def script_for(self, path: str) -> str:
        """Return the script that runs a Python file of the tree."""
        return self._script(f'"$store"/{shlex.quote(f"{self.tree}/{path}")}')

    def _script(self, program: str) -> str:
        places = {
            # Quoted whether it needs that or not: the script must be the same for every root.
            "root": "'" + _writable(str(self.root)).replace("'", "'\"'\"'") + "'",
            "tree": shlex.quote(self.tree),
            "python": shlex.quote(self.python),
            "program": program,
        }
        if self.own is None:
            return _SCRIPT.format(loaded="", located="", **places)
        places |= {"loader": shlex.quote(self.own.loader), "locales": shlex.quote(self.own.locales)}
        return _SCRIPT.format(loaded=_LOADED.format(**places), located=_LOCATED.format(**places), **places)


def _writable(root: str) -> str:
    """Return the root, or nothing where Python could not read it back: links from elsewhere do not work then."""
    try:
        root.encode()
    except UnicodeEncodeError:
        return ""
    return "" if "\\" in root else root
