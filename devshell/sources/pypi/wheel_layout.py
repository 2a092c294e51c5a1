"""From a wheel's layout to devshell's shape: commands in `bin`, manuals in `share/man`.

A wheel keeps what an installer would spread over a machine in `<name>-<version>.data` (PEP 427);
the rest is the package itself, which stays where it is, as does `*.dist-info`.
"""

from __future__ import annotations

import filecmp
import os
import stat

from devshell.errors import ArchiveError

#: Where the parts of a `.data` folder go; empty is the tree's root.
_PLACES = {
    "data": "",
    "headers": "include",
    "include": "include",
    "scripts": "bin",
}


def arrange(tree: str, packages: str = "") -> None:
    """Move the parts of freshly unpacked wheels to their places, in one order on every machine.

    `packages` is the folder in the tree that they were unpacked to, where the code stays. Links are
    moved as they are and never followed. What an unknown part holds stays where it is. Raises
    ArchiveError where two files that differ want one place, or where a link stands in for a folder.
    """
    places = _PLACES | {"platlib": packages, "purelib": packages}
    folder = os.path.join(tree, packages)
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".data"):
            continue
        data = os.path.join(folder, name)
        if not _is_folder(data):
            raise ArchiveError(f"{name!r} in the wheel is not a folder")
        for part in sorted(os.listdir(data)):
            if part in places:
                _move_part(tree, os.path.join(data, part), os.path.join(tree, places[part]))
        _remove_if_empty(data)


def _move_part(tree: str, source: str, target: str) -> None:
    if not _is_folder(source):
        raise ArchiveError(f"{os.path.relpath(source, tree)!r} in the wheel is not a folder")
    if os.path.basename(source) == "scripts":
        _set_modes(source)
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
        elif _is_equal(inner, place):
            os.unlink(inner)
        else:
            raise _clash(place, tree)
    os.rmdir(source)


def _clash(place: str, tree: str) -> ArchiveError:
    return ArchiveError(f"two files of the wheel want to be {os.path.relpath(place, tree)!r}")


def _is_equal(one: str, other: str) -> bool:
    kinds = {stat.S_IFMT(os.lstat(path).st_mode) for path in (one, other)}
    return kinds == {stat.S_IFREG} and filecmp.cmp(one, other, shallow=False)


def _is_folder(path: str) -> bool:
    return os.path.lexists(path) and stat.S_ISDIR(os.lstat(path).st_mode)


def _remove_if_empty(folder: str) -> None:
    if not os.listdir(folder):
        os.rmdir(folder)
