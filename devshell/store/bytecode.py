"""Byte code of Python modules, made once while a tree is added, so that nothing writes it later.

Root writes into read-only folders as well, and a tree that has changed is a damaged one. The byte
code is unchecked (PEP 552): Python takes it without looking at the source's time, which is the same
for every file of the store. Nor is the source's hash looked at: it is zeros, since a source's first
line may name an interpreter by its path. It names sources relative to the tree, so that it may lie anywhere;
Python puts in the real names as it reads it. It is the same bits wherever and however often it is
made: no random seed, and shares of the work that do not depend on the number of processors.
"""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from devshell.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: As many processes everywhere, whatever the machine has.
_SHARES = 4
#: What starts a program of the tree before its own path to it is there.
_LOADERS = ("usr/lib64/ld-linux-x86-64.so.2", "usr/lib/ld-linux-aarch64.so.1")

#: Runs in the Python that the byte code is for, 3.8 or newer. It imports nothing from where it stands,
#: and ends with its parent: who would remove what it wrote then? What does not compile is a template,
#: or for another Python, which passes it over as well.
_SCRIPT = """\
import sys
sys.path = [folder for folder in sys.path if folder]
import os, py_compile
parent = int(sys.argv[1])
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for name in os.fsdecode(sys.stdin.buffer.read()).split("\\0"):
    if os.getppid() != parent:
        sys.exit("its parent has gone")
    try:
        made = py_compile.compile(name, dfile=name, doraise=True, invalidation_mode=mode)
    except py_compile.PyCompileError:
        continue
    with open(made, "r+b") as file:
        file.seek(8)
        file.write(bytes(8))
"""


def write(python: Sequence[str | Path], tree: Path, folder: str) -> None:
    """Compile every module below a folder of a tree.

    `python` is the command that starts the interpreter which the modules are for; it runs without
    the user's environment, and imports nothing but its own library. Raises StoreError where it
    cannot be started, or fails.
    """
    names = _modules(tree, folder)
    # By turns, and not in pieces: the large ones stand together.
    shares = [share for n in range(_SHARES) if (share := names[n::_SHARES])]
    with ThreadPoolExecutor(min(_SHARES, os.cpu_count() or 1)) as pool:
        list(pool.map(lambda share: _compile(python, tree, share), shares))


def compile_folder(tree: Path, folder: str, python: str) -> None:
    """Compile every module below `folder` with the program `python`; both are paths in the tree.

    Raises StoreError where there is nothing to compile, or the program does not run.
    """
    if not _modules(tree, folder) or not (tree / python).is_file():
        raise StoreError(f"a fix-up compiles {folder!r} with {python!r}, and one of them is not in the package")
    loader = [tree / name for name in _LOADERS if (tree / name).exists()]
    write([*loader[:1], tree / python], tree, folder)


def _modules(tree: Path, folder: str) -> list[str]:
    """Return the modules below a folder, relative to the tree, sorted; a link out of the tree is none of it."""
    found = []
    root = os.path.realpath(tree) + os.sep
    for here, folders, files in os.walk(tree / folder):
        if "__pycache__" in folders:
            _refuse_link(os.path.join(here, "__pycache__"))
            folders.remove("__pycache__")
        for name in files:
            path = os.path.join(here, name)
            if name.endswith(".py") and os.path.isfile(path) and os.path.realpath(path).startswith(root):
                found.append(os.path.relpath(path, tree))
    return sorted(found)


def _refuse_link(folder: str) -> None:
    # What is written there would go elsewhere.
    if os.path.islink(folder):
        raise StoreError(f"{folder!r} is a link, where Python keeps its byte code", hint="tell the package's publisher")


def _compile(python: Sequence[str | Path], tree: Path, names: Sequence[str]) -> None:
    options = ("-B", "-S", "-s", "-W", "ignore", "-c", _SCRIPT, str(os.getpid()))
    try:
        done = subprocess.run(  # noqa: S603  (the interpreter that the tree is for, from the store)
            [*map(str, python), *options],
            cwd=tree,
            # The order of a constant set follows the seed.
            env={"PYTHONHASHSEED": "0"},
            input=b"\0".join(map(os.fsencode, names)),
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise StoreError(f"{str(python[-1])!r} cannot be started to make byte code: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise StoreError(
            f"{str(python[-1])!r} cannot make byte code: {said[-1] if said else f'exit status {done.returncode}'}",
            hint="see whether it runs on this machine, and that there is memory and room on the disk",
        )
