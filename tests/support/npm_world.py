"""A world in which the npm source works: this machine's own npm as the engine, and a node to stand on."""

from __future__ import annotations

import os
import shutil
import subprocess
from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell.lock import Artifact, Block, Entry
from devshell.sources import Needed, World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from devshell.config import Config
    from devshell.fetch import Fetcher

HAS_NPM = shutil.which("npm") is not None and shutil.which("node") is not None
_COMMANDS = {name: os.path.realpath(shutil.which(name) or name) for name in ("node", "npm")}
#: Whether this machine's node can be told where else to look: 22.15 or newer.
HAS_HOOKS = (
    HAS_NPM
    and not subprocess.run(
        [_COMMANDS["node"], "-e", "process.exit(require('node:module').registerHooks ? 0 : 1)"], check=False
    ).returncode
)


def engine(folder: Path) -> Path:
    """Return a folder of commands with this machine's node and npm."""
    commands = folder / "engine"
    if not commands.is_dir():
        commands.mkdir()
        for name, program in _COMMANDS.items():
            (commands / name).symlink_to(program)
    return commands


def node_tree(store: Path) -> Path:
    """Return a store path with a `node` that runs this machine's."""
    tree = store / f"{'n' * 32}-node-22.0.0"
    (tree / "bin").mkdir(parents=True, exist_ok=True)
    program = tree / "bin" / "node"
    program.write_text(f'#!/bin/sh\nexec "{_COMMANDS["node"]}" "$@"\n')
    program.chmod(0o755)
    return tree


def need(name: str, version: str, platforms: Sequence[str]) -> Needed:
    """Answer as locking does, with a node that there is for every platform."""
    block = Block("test", f"{version}.0.0", (Artifact("node.tar.gz", "sha256", "0" * 64, 1),))
    return Needed(Entry(name, version, MappingProxyType(dict.fromkeys(platforms, block))))


def world(fetcher: Fetcher, config: Config, folder: Path, notes: list[str] | None = None) -> World:
    """Return a world whose notes go to a list."""
    said = [] if notes is None else notes
    return World(fetcher, config, need=need, engine=lambda _: engine(folder), note=said.append)
