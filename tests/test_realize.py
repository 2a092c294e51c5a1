"""Trees of many files, and of files that stand on others."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from devshell import realize, system
from devshell.config import Config
from devshell.errors import ArchiveError
from devshell.fetch import Fetcher
from devshell.lock import Artifact, Block, Entry, Lock
from devshell.session import Session
from devshell.sources import World
from devshell.store import Store
from devshell.workers import SMALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PLATFORM = system.host_platform()
SHARED = os.urandom(SMALL)


def silent(line: str) -> None:
    del line


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Fetcher(tmp_path / "cache", offline=True) as fetcher:
        store = Store(tmp_path / "store")
        yield Session(World(fetcher, Config()), store, silent, lambda: False)


def kept(session: Session, name: str, files: Mapping[str, bytes], place: str = "") -> Artifact:
    """Put an archive into the cache, as if it had been fetched."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(data), 0o755
            tar.addfile(member, io.BytesIO(data))
    packed = gzip.compress(content.getvalue(), 1, mtime=0)
    digest = hashlib.sha256(packed).hexdigest()
    cached = session.world.fetcher._downloads.place("sha256", digest)
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(packed)
    return Artifact(name, "sha256", digest, len(packed), place)


def lock(*artifacts: Artifact) -> Lock:
    block = Block("http", "1", artifacts, {"platform": PLATFORM})
    return Lock(tools={"tool": Entry("tool", "1", {PLATFORM: block})})


@pytest.mark.parametrize("size", [1000, SMALL])
def test_many_archives_make_one_tree_and_may_share_what_is_equal(session: Session, size: int) -> None:
    artifacts = [
        kept(session, f"pool/{n}.tar.gz", {"bin/same": SHARED[:size], f"bin/{n}": b"#!/bin/sh\n"}, place)
        for n, place in enumerate(("", "", "deep/er", ""))
    ]
    done = realize.realize(lock(*artifacts), None, {}, session, PLATFORM)
    assert sorted(os.listdir(done.environment / "bin")) == ["0", "1", "3", "same"]
    tree = session.store.path(done.parts["tool"].store_name)
    assert (tree / "bin" / "same").read_bytes() == SHARED[:size]
    assert sorted(os.listdir(tree / "deep" / "er" / "bin")) == ["2", "same"]
    assert [damage for _, damage in session.store.verify() if damage] == []


def test_two_archives_that_disagree_make_no_tree(session: Session) -> None:
    one = kept(session, "one.tar.gz", {"bin/same": SHARED})
    other = kept(session, "other.tar.gz", {"bin/same": SHARED[:-1] + b"x"})
    with pytest.raises(ArchiveError) as caught:
        realize.realize(lock(one, other), None, {}, session, PLATFORM)
    assert "same" in str(caught.value.place)
    assert session.store.names() == []
    assert [name for name in os.listdir(session.store.root) if not name.startswith(".locks")] == []
