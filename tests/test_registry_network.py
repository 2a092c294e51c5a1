"""Every tool of the registry, locked, downloaded, unpacked and run, as a user would get it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from devshell import realize, registry, resolve, system
from devshell.config import Config
from devshell.errors import Place, UnreachableError
from devshell.fetch import Fetcher
from devshell.lock import Block, Entry, Lock
from devshell.manifest import Request
from devshell.session import Session
from devshell.sources import World, catalogue
from devshell.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from devshell.registry import Offer, Tool

pytestmark = pytest.mark.network

#: Commands that say no version of their own, beside the one that `test` names.
_VERSIONS = {
    "npm": "--version",
    "npx": "--version",
    "corepack": "--version",
    "ctest": "--version",
    "cpack": "--version",
}


def every_offer() -> Iterator[object]:
    for name in registry.names():
        tool = registry.load(name)
        assert tool is not None
        for offer in tool.offers:
            # Every layout, in its newest version.
            for when in ("*", *(layout.when for layout in offer.layouts[:-1])):
                yield pytest.param(tool, offer, when, id=f"{name}-{offer.source}-{offer.package}-{when}")


@pytest.fixture(scope="session")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Session]]:
    """Sessions by kind of store; all test processes share both stores and the cache."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "registry"
    with Fetcher(shared / "cache") as fetcher:
        world = World(fetcher, Config())
        # A space, a quote and an accent: a tool that knows its own folder must stand them. Debian's
        # tools have `#!` lines, which cannot hold a space.
        yield {
            kind: Session(world, Store(shared / name), print, lambda: False)
            for kind, name in (("plain", "store"), ("odd", "an odd ' folder é"))
        }


@pytest.mark.parametrize(("tool", "offer", "version"), list(every_offer()))
def test_a_tool_runs_and_is_the_version_it_claims(
    tool: Tool, offer: Offer, version: str, sessions: dict[str, Session], tmp_path: Path
) -> None:
    platform = system.host_platform()
    if not offer.serves(platform):
        pytest.skip(f"not offered for {platform}")
    request = Request(tool.name, tool.name, None, version, Place("devshell.toml"))
    needs = resolve._Needs(sessions["plain"], [platform])
    try:
        locked = catalogue.get(offer.source).lock(request, offer, [platform], needs.world())
    except UnreachableError:
        # The one source whose host this machine may not reach; what then happens is tests/test_source_python.py's.
        assert offer.source == "python"
        return
    block = locked.platforms[platform]
    assert isinstance(block, Block)
    entry = Entry(tool.name, version, {platform: block})
    lock = Lock({tool.name: entry}, dependencies=locked.dependencies)
    from_debian = any(
        isinstance(one, Block) and one.source == "deb"
        for each in (entry, *locked.dependencies.values())
        for one in each.platforms.values()
    )
    session = sessions["plain" if from_debian else "odd"]
    done = realize.realize(lock, None, {tool.name: request}, session, platform)
    links = done.environment / "bin"
    tree = session.store.path(done.parts[tool.name].store_name)
    # What a script of a package starts, such as `env`, it finds on any machine.
    environment = {"PATH": f"{links}:/usr/bin:/bin", "HOME": str(tmp_path)}
    environment |= {name: value.replace("${tool}", str(tree)) for name, value in block.variables.items()}
    said = output([str(links / tool.test[0]), *tool.test[1:]], environment, tmp_path)
    # ImageMagick has a dash before the last number.
    version = re.escape(block.version).replace(r"\.", "[.-]")
    assert re.search(rf"(?<![\d.]){version}(?![\d]|\.\d)", said), said
    for command in sorted(set(os.listdir(links)) & set(_VERSIONS)):
        output([str(links / command), _VERSIONS[command]], environment, tmp_path)


def output(command: list[str], environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
