"""devshell's own engines: pinned, complete, and nobody else's."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from devshell import engines, registry
from devshell.config import Config
from devshell.fetch import Fetcher
from devshell.lock import Block
from devshell.session import Session
from devshell.sources import World, catalogue
from devshell.store import Store
from devshell.system import PLATFORMS

if TYPE_CHECKING:
    from pathlib import Path


def test_every_engine_is_pinned_for_every_platform_as_the_registry_has_it() -> None:
    for name, entry in engines.lock().tools.items():
        tool = registry.load(name)
        assert tool is not None
        assert sorted(entry.platforms) == sorted(PLATFORMS)
        for platform, block in entry.platforms.items():
            assert isinstance(block, Block)
            catalogue.get(block.source).check(name, platform, block)
            offer = next(o for o in tool.offers if (o.source, o.package) == (block.source, block.origin["package"]))
            layout = offer.layout(block.version)
            assert layout.bin is not None
            assert block.bin == layout.bin
            assert [dict(f) for f in block.fixups] == [dict(f) for f in layout.fixups]


@pytest.mark.network
def test_an_engine_runs_from_the_store(tmp_path: Path) -> None:
    with Fetcher(tmp_path / "cache") as fetcher:
        session = Session(World(fetcher, Config()), Store(tmp_path / "store"), print, lambda: False)
        folder = engines.folder("node", session)
    npm = subprocess.run(
        [folder / "npm", "--version"], env={"PATH": str(folder)}, capture_output=True, text=True, check=True
    )
    assert npm.stdout.strip()[0].isdigit()
    assert folder.is_relative_to(tmp_path / "store")
