"""From a wheel's layout to devshell's shape: commands in `bin`, manuals in `share/man`.

A wheel keeps what an installer would spread over a machine in `<name>-<version>.data` (PEP 427);
the rest is the package itself, which stays where it is, as does `*.dist-info`.
"""

from __future__ import annotations

import os
import stat

from devshell.errors import ArchiveError

#: Where the parts of a `.data` folder go; empty is the tree's root.
_PLACES = {
    "data": "",
    "headers": "include",
    "include": "include",
    "platlib": "",
    "purelib": "",
    "scripts": "bin",
}


def arrange(tree: str) -> None:
    """Move the parts of a freshly unpacked wheel to their places, in one order on every machine.

    Links are moved as they are and never followed. What an unknown part holds stays where it is.
    Raises ArchiveError where two files want one place, or where a link stands in for a folder.
    """
    for name in sorted(os.listdir(tree)):
        if not name.endswith(".data"):
            continue
        data = os.path.join(tree, name)
        if not _is_folder(data):
            raise ArchiveError(f"{name!r} in the wheel is not a folder")
        for part in sorted(os.listdir(data)):
            if part in _PLACES:
                _move_part(tree, os.path.join(data, part), part)
        _remove_if_empty(data)


def _move_part(tree: str, source: str, part: str) -> None:
    shown = os.path.relpath(source, tree)
    if not _is_folder(source):
        raise ArchiveError(f"{shown!r} in the wheel is not a folder")
    if part == "scripts":
        _set_modes(source)
    target = os.path.join(tree, _PLACES[part])
    if not os.path.lexists(target):
        os.mkdir(target)
    _merge(source, target, tree)


def _set_modes(folder: str) -> None:
    """Make every script a program, but for those that need a Python that this tree does not have."""
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if stat.S_ISREG(os.lstat(path).st_mode):
            # Installers rewrite a first line `#!python`; left as it is, it would be a command that cannot start.
            os.chmod(path, 0o644 if _needs_python(path) else 0o755)


def _needs_python(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(8) == b"#!python"


def _merge(source: str, target: str, tree: str) -> None:
    if not _is_folder(target):
        raise _clash(target, tree)
    for name in sorted(os.listdir(source)):
        inner, place = os.path.join(source, name), os.path.join(target, name)
        if not os.path.lexists(place):
            os.rename(inner, place)
        elif _is_folder(inner):
            _merge(inner, place, tree)
        else:
            raise _clash(place, tree)
    os.rmdir(source)


def _clash(place: str, tree: str) -> ArchiveError:
    return ArchiveError(f"two files of the wheel want to be {os.path.relpath(place, tree)!r}")


def _is_folder(path: str) -> bool:
    return os.path.lexists(path) and stat.S_ISDIR(os.lstat(path).st_mode)


def _remove_if_empty(folder: str) -> None:
    if not os.listdir(folder):
        os.rmdir(folder)
