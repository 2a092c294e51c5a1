"""A standalone build of Python made at home in the store.

    bin/python3.13             Python itself, and `python3`, `python`, which are links to it
    bin/python3.13-config      what C programs ask; it finds its folder by itself
    lib/python3.13             the standard library, with byte code
    libexec/python, pip, …     what an environment's commands are links to

A virtual environment takes the folder that Python was started in for Python's home, and looks for the
library near it. Were the environment's `python` a link to Python, that would be the environment of
links, which has no library, and goes with the next change of the lock; so it is a script, which
starts Python by its own path. Scripts find the store by the path they were called by, so that it may
be moved as a whole, and else by the path they were made at, so that a link from anywhere works.

The builds run from any folder. What is left to mend is what they say of the folder and the compiler
that they were built with (python-build-standalone's `docs/quirks.rst`, "References to Build-Time
Paths"), and their byte code, which is not there.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from devshell.errors import StoreError
from devshell.files import explained
from devshell.store import bytecode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from devshell.sources import Site

#: Where the builds were installed when they were made.
_BUILT_IN = "/install"
_PYTHON = re.compile(r"python3\.\d+")
_LIMIT = 8 << 20

#: Only builtins of the shell, but for a store that was moved; nothing on PATH is needed.
_SCRIPT = """\
#!/bin/sh
store='{root}'
here=${{0%/*}}/../..
if ! [ "$here" -ef "$store" ] && [ -x "$here/{tree}/bin/{python}" ]; then
    # The store was moved.
    store=$(CDPATH= command cd -P -- "$here" && command pwd -P)
fi
exec "$store/{tree}/bin/{python}"{arguments} "$@"
"""
#: Not `-m pip`, which would take a `pip` in the user's folder for it.
_PIP = """\
import sys

from pip._internal.cli.main import main

sys.exit(main())
"""

#: Runs when Python is asked how it was built, so that its byte code holds no folder. As uv does it, but
#: for any path of a compiler in place of a list of them.
_SYSCONFIG = """

def _at_home(text, prefix=__file__.rsplit("/", 3)[0]):
    tools = {"clang": "cc", "gcc": "cc", "clang++": "c++", "g++": "c++", "ar": "ar"}
    words, found = [], iter(text.split(" "))
    for word in found:
        if word == "-isysroot":
            next(found, None)
            continue
        option = word[:2] if word[:2] in ("-I", "-L") else ""
        path = word[len(option):]
        if path == "/install" or path.startswith("/install/"):
            word = option + prefix + path[len("/install"):]
        elif not word.startswith("-"):
            word = tools.get(word.rpartition("/")[2].rpartition("-")[2], word)
        words.append(word)
    return " ".join(words)


build_time_vars = {key: _at_home(value) if isinstance(value, str) else value for key, value in build_time_vars.items()}
"""

#: The scripts, and what each of them gives Python first.
_SCRIPTS = {"python": "", "pip": ' "$store/{tree}/libexec/run-pip"', "pydoc": " -m pydoc"}

#: PEP 668, in the words of whoever uses this Python.
_MANAGED = """\
[externally-managed]
Error=This Python lies in devshell's store, which nothing changes once it is made.
 Packages belong into a virtual environment of the project:
     python -m venv .venv
     .venv/bin/pip install PACKAGE
"""


def commands(minor: str) -> dict[str, str]:
    """Return the commands of a minor version such as `3.13`, and where `arrange` puts them."""
    found = {f"{name}{ending}": f"libexec/{name}" for name in _SCRIPTS for ending in ("", "3", minor)}
    return found | {f"python{ending}-config": f"bin/python{minor}-config" for ending in ("3", minor)}


def arrange(site: Site) -> None:
    """Give an unpacked build devshell's shape; raises StoreError where it is no build of Python."""
    library = _library(site.tree)
    python = library.name
    with explained(site.tree, "arrange", StoreError):
        _keep_programs(site.tree / "bin", python)
        _write_scripts(site, python)
        for path in _texts(library):
            _replace(path, str(site.final))
        for path in sorted(library.glob("_sysconfigdata_*.py")):
            path.write_bytes(_plain(path) + _SYSCONFIG.encode())
        for path in sorted((site.tree / "lib" / "pkgconfig").glob("*.pc")):
            # Where pkg-config itself can say where it found the file.
            path.write_bytes(_plain(path).replace(f"={_BUILT_IN}\n".encode(), b"=${pcfiledir}/../..\n"))
        (library / "EXTERNALLY-MANAGED").write_text(_MANAGED, "utf-8")
    bytecode.write([site.tree / "bin" / python], site.tree, "lib")


def _library(tree: Path) -> Path:
    found = sorted(path for path in (tree / "lib").glob("python3.*") if path.is_dir() and not path.is_symlink())
    if len(found) != 1 or not _PYTHON.fullmatch(found[0].name) or (tree / "lib").is_symlink():
        raise StoreError("the archive holds no standalone build of Python: `lib` has not one `python3.…`")
    return found[0]


def _keep_programs(folder: Path, python: str) -> None:
    """Leave in `bin` what needs no mending: the rest asks the PATH for helpers, or is ours to write."""
    program = folder / python
    if folder.is_symlink() or not program.is_file() or program.is_symlink():
        raise StoreError(f"the archive holds no standalone build of Python: there is no program `bin/{python}`")
    for path in sorted(folder.iterdir()):
        if path.name not in {python, f"{python}-config"}:
            path.unlink()
    for name in ("python3", "python"):
        (folder / name).symlink_to(python)


def _write_scripts(site: Site, python: str) -> None:
    folder = site.tree / "libexec"
    folder.mkdir()
    (folder / "run-pip").write_text(_PIP, "utf-8")
    # Quoted whether it needs that or not: the script must be the same for every root.
    root = str(site.final.parent).replace("'", "'\"'\"'")
    for name, arguments in _SCRIPTS.items():
        words = arguments.format(tree=site.final.name)
        text = _SCRIPT.format(root=root, tree=site.final.name, python=python, arguments=words)
        (folder / name).write_text(text, "utf-8", "surrogateescape")
        (folder / name).chmod(0o755)


def _texts(library: Path) -> Iterator[Path]:
    """Yield the files, none of them a module, that say where Python was built."""
    for pattern in ("config-*/Makefile", "_sysconfig_vars_*.json", "build-details.json"):
        yield from sorted(library.glob(pattern))


def _replace(path: Path, prefix: str) -> None:
    word = re.compile(rb"(?<![\w./-])" + re.escape(_BUILT_IN.encode()) + rb"(?![\w.-])")
    path.write_bytes(word.sub(lambda _: prefix.encode(), _plain(path)))


def _plain(path: Path) -> bytes:
    """Return a file's content; one that is a link could lead out of the tree."""
    if not path.is_file() or any(each.is_symlink() for each in (path, path.parent)):
        raise StoreError(f"{os.path.basename(path)!r} should be a file, and is none")
    if path.stat().st_size > _LIMIT:
        raise StoreError(f"{os.path.basename(path)!r} is too large for what it should be")
    return path.read_bytes()
