"""The tree of a Python application: a virtual environment in all that Python looks at, but that it can be moved.

    bin/python                    a link to the store's Python
    bin/<command>                 see `devshell.sources.launchers`
    lib/python3.13/site-packages  the unpacked wheels, with byte code
    libexec/<command>             the wheels' own Python scripts
    pyvenv.cfg                    names no `home`: Python finds that through the link

Python up to 3.13 takes the folder of `pyvenv.cfg` as its prefix, so that what an application starts
with `sys.executable` finds all of it too.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from devshell.errors import ArchiveError, StoreError
from devshell.files import read_regular
from devshell.sources.pypi import closure as pypi_closure
from devshell.sources.pypi import entry_points, launchers, wheel_layout
from devshell.store import bytecode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from devshell.sources import Site

_CONFIGURATION = "include-system-site-packages = false\n"
#: Where Debian's Python keeps the loader that its programs name.
_LOADERS = ("usr/lib64/ld-linux-x86-64.so.2", "usr/lib/ld-linux-aarch64.so.1")
_PYTHON_SCRIPT = re.compile(rb"#!\s*(?:/usr/bin/env\s+)?(?:\S*/)?pythonw?[\d.]*\s")


def arrange(site: Site, package: str, python: str) -> None:
    """Make an application of unpacked wheels.

    `package` is the one whose commands win over those of others of the same name; `python` is the
    minor version that the tree was unpacked for, to be found in the dependency `python`. Raises
    ArchiveError where two files want one place, StoreError where the Python is not as expected.
    """
    tree = site.tree
    packages = tree / pypi_closure.folder(python)
    interpreter = _interpreter(site.needs["python"], python)
    _make_folder(tree / "bin")
    wheel_layout.arrange(str(tree), pypi_closure.folder(python))
    start = _start(site, interpreter)
    _write(tree / "pyvenv.cfg", _CONFIGURATION, 0o644)
    for name in ("python", "python3", f"python{python}"):
        _link(tree / "bin" / name, f"../../{start.python}")
    _take_scripts(tree, start)
    for one in _entry_points(packages, package):
        if not os.path.lexists(tree / "bin" / one.command):
            _write(tree / "bin" / one.command, start.script(one.code()), 0o755)
    bytecode.write([interpreter], tree, pypi_closure.folder(python))


def _interpreter(home: Path, python: str) -> Path:
    """Return a Python's own program: no script in front of it, since Python asks by which path it was started."""
    root = os.path.realpath(home)
    for place in (f"bin/python{python}", f"usr/bin/python{python}"):
        path = os.path.realpath(home / place)
        if path.startswith(f"{root}/") and os.path.isfile(path) and not _is_script(path):
            return home / os.path.relpath(path, root)
    raise StoreError(
        f"the Python that this stands on has no program `bin/python{python}`",
        hint="lock it again with `devshell lock --update`",
    )


def _is_script(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def _start(site: Site, interpreter: Path) -> launchers.Start:
    home = site.needs["python"]
    loader = next((place for place in _LOADERS if (home / place).is_file()), None)
    own = launchers.Own(f"{home.name}/{loader}", f"{home.name}/usr/lib/locale") if loader else None
    inner = os.path.relpath(interpreter, home)
    return launchers.Start(site.final.parent, site.final.name, f"{home.name}/{inner}", own)


def _take_scripts(tree: Path, start: launchers.Start) -> None:
    """Put a command of our own in the place of every script that names a Python."""
    for name in sorted(os.listdir(tree / "bin")):
        path = tree / "bin" / name
        if stat.S_ISREG(path.lstat().st_mode) and _is_python_script(path):
            _make_folder(tree / "libexec")
            if os.path.lexists(tree / "libexec" / name):
                raise _clash(f"libexec/{name}")
            path.chmod(0o644)
            path.rename(tree / "libexec" / name)
            if entry_points.is_command(name):
                _write(path, start.script_for(f"libexec/{name}"), 0o755)


def _is_python_script(path: Path) -> bool:
    with path.open("rb") as file:
        return _PYTHON_SCRIPT.match(file.read(256)) is not None


def _entry_points(packages: Path, package: str) -> Iterator[entry_points.EntryPoint]:
    """Yield the commands of all packages, those of the main one first, then in the order of names."""
    from packaging.utils import canonicalize_name

    folders = [name for name in os.listdir(packages) if name.endswith(".dist-info")]
    for name in sorted(folders, key=lambda n: (str(canonicalize_name(n.partition("-")[0])) != package, n)):
        yield from entry_points.parse(_declared(packages / name / "entry_points.txt"))


def _declared(path: Path) -> bytes:
    found = read_regular(path, entry_points.LONGEST)
    return b"" if found is None else found[0]


def _make_folder(path: Path) -> None:
    """Make a folder that may be there; a link in its place could lead anywhere."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise _clash(path.name)
    path.mkdir(exist_ok=True)


def _link(path: Path, target: str) -> None:
    if os.path.lexists(path):
        raise _clash(f"bin/{path.name}")
    path.symlink_to(target)


def _write(path: Path, text: str, mode: int) -> None:
    if os.path.lexists(path):
        raise _clash(path.name)
    path.write_text(text, "utf-8", newline="")
    path.chmod(mode)


def _clash(name: str) -> ArchiveError:
    return ArchiveError(f"a wheel brings the file {name!r}, which is devshell's own to make")
