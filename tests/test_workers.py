from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from devshell.errors import ArchiveError, CancelledError, StoreError
from devshell.store.content import content_hash
from devshell.workers import SMALL, Turn, Workers
from support.tools import archive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGE = {"bin/tool": b"#!/bin/sh\n", "data": os.urandom(SMALL + 1000)}


@pytest.fixture(params=["forked", "started"])
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    """Both ways to get a process: the second is taken where this one has other threads."""
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    if request.param == "started":
        other.start()
    with Workers([SMALL, SMALL], lambda: False) as made:
        yield made
    stop.set()
    if request.param == "started":
        other.join()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.tar.gz"
    path.write_bytes(archive(LARGE))
    return path


def test_a_tree_is_built_and_sealed_elsewhere(workers: Workers, large: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    workers.unpack(large, "large.tar.gz", tree, 1)
    assert (tree / "data").read_bytes() == LARGE["data"]
    assert workers.seal(tree, tmp_path, large.stat().st_size) == content_hash(tree, tmp_path)
    assert (tree / "data").stat().st_mode & 0o777 == 0o555


def test_errors_come_back_as_they_are(workers: Workers, tmp_path: Path) -> None:
    bad = tmp_path / "bad.tar.gz"
    bad.write_bytes(os.urandom(SMALL))
    with pytest.raises(ArchiveError) as caught:
        workers.unpack(bad, "bad.tar.gz", tmp_path, 0)
    assert caught.value.place is not None
    assert caught.value.hint
    with pytest.raises(StoreError):
        workers.seal(tmp_path / "missing", tmp_path, SMALL)


def test_a_process_that_dies_is_an_error_and_not_a_wait(workers: Workers, large: Path, tmp_path: Path) -> None:
    for process in workers._all:
        os.kill(process._process, signal.SIGKILL)
    with pytest.raises(StoreError, match="ended by itself"):
        workers.unpack(large, "large.tar.gz", tmp_path, 1)


def test_after_ctrl_c_the_waiting_get_away(large: Path, tmp_path: Path) -> None:
    with Workers([SMALL, SMALL], lambda: True) as workers:
        for process in workers._all:
            os.kill(process._process, signal.SIGKILL)
        with pytest.raises(CancelledError):
            workers.unpack(large, "large.tar.gz", tmp_path, 1)


def test_small_files_start_no_process() -> None:
    with Workers([SMALL - 1, SMALL - 1, SMALL], lambda: False) as workers:
        assert workers._all == []


def test_the_next_in_line_begins_when_the_one_before_is_done() -> None:
    first = Turn()
    second = first.next()
    order = []

    def go() -> None:
        with second:
            order.append("second")

    thread = threading.Thread(target=go)
    thread.start()
    with first:
        order.append("first")
    thread.join(timeout=30)
    assert order == ["first", "second"]
