"""Every tool of the registry, locked, downloaded, unpacked and run, as a user would get it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from devshell import archive, registry, system
from devshell.config import Config
from devshell.errors import Place
from devshell.fetch import Fetcher
from devshell.lock import Block
from devshell.manifest import Request
from devshell.sources import Site, World, catalogue
from devshell.store import fixups

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
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Fetcher(tmp_path_factory.mktemp("cache")) as fetcher:
        yield World(fetcher, Config())


@pytest.mark.parametrize(("tool", "offer", "version"), list(every_offer()))
def test_a_tool_runs_and_is_the_version_it_claims(
    tool: Tool, offer: Offer, version: str, world: World, tmp_path: Path
) -> None:
    platform = system.host_platform()
    if not offer.serves(platform):
        pytest.skip(f"not offered for {platform}")
    source = catalogue.get(offer.source)
    request = Request(tool.name, tool.name, None, version, Place("devshell.toml"))
    block = source.lock(request, offer, [platform], world).platforms[platform]
    assert isinstance(block, Block)
    source.check(tool.name, platform, block)
    # A space, a quote and an accent: a tool that knows its own folder must stand them.
    tree = tmp_path / "an odd ' folder é" / "tree"
    tree.mkdir(parents=True)
    for artifact in block.artifacts:
        file = world.fetcher.artifact(artifact, source.locate(artifact, block, request, world))
        archive.unpack(file, artifact.file, tree / artifact.place, strip=block.strip)
        file.unlink()
    source.arrange(Site(tree, tree), block)
    fixups.apply(tree, block.fixups, tree)
    links = link_commands(tree, block, tmp_path / "links")
    environment = {"PATH": str(links), "HOME": str(tmp_path)}
    environment |= {name: value.replace("${tool}", str(tree)) for name, value in block.variables.items()}
    said = output([str(links / tool.test[0]), *tool.test[1:]], environment, tmp_path)
    assert re.search(rf"(?<![\d.]){re.escape(block.version)}(?![\d]|\.\d)", said), said
    for command in sorted(set(os.listdir(links)) & set(_VERSIONS)):
        output([str(links / command), _VERSIONS[command]], environment, tmp_path)


def link_commands(tree: Path, block: Block, links: Path) -> Path:
    commands = block.bin if block.bin is not None else {name: f"bin/{name}" for name in os.listdir(tree / "bin")}
    links.mkdir()
    for command, target in commands.items():
        assert (tree / target).is_file(), target
        assert (tree / target).stat().st_mode & 0o111, target
        (links / command).symlink_to(tree / target)
    return links


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
